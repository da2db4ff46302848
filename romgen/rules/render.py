"""Findings as text, JSON, SARIF 2.1.0 and JUnit; rules as text and as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from romgen import __version__
from romgen.image.render import printable
from romgen.rules import catalog
from romgen.rules.model import CONSUMERS, SEVERITIES, Finding, Rule

SCHEMA = 1
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True, slots=True)
class Checked:
    """A file and what was found in it. size: bytes."""

    file: str
    size: int
    findings: Sequence[Finding]


def summary(findings: Sequence[Finding]) -> str:
    """`1 error, 2 warnings, 0 notes`."""
    parts = []
    for severity in SEVERITIES:
        count = sum(one.severity == severity for one in findings)
        parts.append(f"{count} {severity}{'s' * (count != 1)}")
    return ", ".join(parts)


def text_lines(checked: Sequence[Checked]) -> Iterator[str]:
    """`file+0x12: error ROM014: title: what`, then a line for each file."""
    for one in checked:
        for found in one.findings:
            message = printable(found.message)
            head = f"{one.file}+0x{found.offset:x}: {found.severity} {found.rule.id}"
            yield f"{head}: {found.rule.title}: {message}"
        yield f"{one.file}: {summary(one.findings)}"


def json_data(checked: Sequence[Checked]) -> dict[str, Any]:
    """Schema 1. offset: bytes from the start of the file."""
    return {
        "schema": SCHEMA,
        "files": [
            {
                "file": one.file,
                "size": one.size,
                "findings": [
                    {
                        "rule": found.rule.id,
                        "title": found.rule.title,
                        "severity": found.severity,
                        "consumers": dict(found.rule.severities),
                        "offset": found.offset,
                        "image": found.image,
                        "message": found.message,
                        "spec": found.rule.spec,
                    }
                    for found in one.findings
                ],
            }
            for one in checked
        ],
    }


def sarif_data(checked: Sequence[Checked]) -> dict[str, Any]:
    """SARIF 2.1.0 (OASIS): every rule, and a result with byteOffset for each finding."""
    ids = list(catalog())
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "romgen",
                        "version": __version__,
                        "rules": [_sarif_rule(rule) for rule in catalog().values()],
                    }
                },
                "results": [
                    {
                        "ruleId": found.rule.id,
                        "ruleIndex": ids.index(found.rule.id),
                        "level": found.severity,
                        "message": {"text": f"{found.rule.title}: {found.message}"},
                        "locations": [_sarif_location(one, found)],
                    }
                    for one in checked
                    for found in one.findings
                ],
            }
        ],
    }


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.text},
        "help": {"text": f"{rule.text}\n\n{rule.spec}"},
        "defaultConfiguration": {"level": rule.severity},
    }


def _sarif_location(one: Checked, found: Finding) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": one.file},
            "region": {"byteOffset": found.offset, "byteLength": 1},
        }
    }


def junit_text(checked: Sequence[Checked]) -> str:
    """A suite for each file, a case for each rule: notes pass, warnings and errors fail."""
    top = ElementTree.Element("testsuites", name="romgen check")
    for one in checked:
        by_rule: dict[str, list[Finding]] = {}
        for found in one.findings:
            by_rule.setdefault(found.rule.id, []).append(found)
        failed = sum(any(f.severity != "note" for f in found) for found in by_rule.values())
        suite = ElementTree.SubElement(
            top,
            "testsuite",
            name=one.file,
            tests=str(len(catalog())),
            failures=str(failed),
            errors="0",
        )
        for rule in catalog().values():
            case = ElementTree.SubElement(
                suite, "testcase", classname="romgen.check", name=f"{rule.id} {rule.title}"
            )
            found_here = by_rule.get(rule.id, [])
            lines = [f"{one.file}+0x{f.offset:x}: {printable(f.message)}" for f in found_here]
            if any(found.severity != "note" for found in found_here):
                kind = found_here[0].severity
                failure = ElementTree.SubElement(case, "failure", type=kind, message=lines[0])
                failure.text = "\n".join(lines)
            elif lines:
                ElementTree.SubElement(case, "system-out").text = "\n".join(lines)
    ElementTree.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(top, "unicode")


def minds(rule: Rule) -> str:
    """`error for the public specification, warning for SeaBIOS`."""
    return ", ".join(f"{value} for {CONSUMERS[name]}" for name, value in rule.severities.items())


def explanation(rule: Rule) -> str:
    """What `romgen explain` prints."""
    return (
        f"{rule.id}: {rule.title}\n\n{rule.text}\n\nSeverity: {minds(rule)}.\nSource: {rule.spec}."
    )


def rules_page(mark: str) -> str:
    """docs/commands/rules.md."""
    parts = [
        f"# The rules of romgen check\n\n{mark}\n\n`romgen explain ROM014` shows one of them.\n"
    ]
    for rule in catalog().values():
        parts.append(f"\n## {rule.id}: {rule.title}\n\n{rule.text}\n")
        parts.append(f"\n- Severity: {minds(rule)}.\n- Source: {rule.spec}.\n")
    return "".join(parts)
