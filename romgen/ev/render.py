"""Findings and values of boot variables as text and JSON, and the documentation's page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from romgen.ev.model import Finding, Parsed, plain
from romgen.ev.table import Table, Variable

HIDDEN = "(set)"


def finding_line(file: str, finding: Finding) -> str:
    """`file:line: severity: RG-nnnn: message, hint`."""
    where = f"{file}:{finding.line}" if finding.line else file
    hint = f", {finding.hint}" if finding.hint else ""
    return f"{where}: {finding.severity}: RG-{finding.number}: {finding.message}{hint}"


def summary(found: Parsed) -> str:
    """How many errors and warnings there are."""
    errors, warnings = len(found.errors), len(found.findings) - len(found.errors)
    return f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"


def finding_json(finding: Finding) -> dict[str, Any]:
    """One finding for JSON."""
    return {name: getattr(finding, name) for name in Finding.__slots__}


def shown_value(row: Variable, found: Parsed) -> Any:
    """A variable's value for people and JSON; a secret never."""
    value = getattr(found.values, row.field)
    if row.secret:
        return HIDDEN if value else None
    if row.type == "vlan" and not value:
        return row.choices[0]
    if row.type == "lun":
        return lun_text(value)
    return plain(value)


def lun_text(raw: bytes) -> str:
    """A LUN in decimal where it has that form, else `0x` and 16 hex digits."""
    number = int.from_bytes(raw[:2], "big") & 0x3FFF
    flat = 0x4000 if number > 0xFF else 0
    simple = raw == (flat | number).to_bytes(2, "big") + bytes(6)
    return str(number) if simple else f"0x{raw.hex()}"


def value_lines(rows: Table, found: Parsed) -> Iterator[str]:
    """`Name=Value` of every variable, with where it comes from."""
    for row in rows:
        value = shown_value(row, found)
        if isinstance(value, list):
            value = ",".join(value)
        line = found.lines.get(row.name)
        origin = f"line {line}" if line else "default"
        text = "" if value is None else value
        yield f"{row.name}={text}".ljust(48) + f"  # {origin}"


def report_json(file: str, rows: Table, found: Parsed) -> dict[str, Any]:
    """Verdict, findings and values for JSON."""
    return {
        "file": file,
        "ok": not found.errors,
        "findings": [finding_json(finding) for finding in found.by_line()],
        "values": {row.name: shown_value(row, found) for row in rows},
        "given": found.lines,
    }


def _row(row: Variable) -> Iterator[str]:
    """The documentation of one variable."""
    yield f"### {row.name}"
    if row.aliases:
        yield f"\nAlso written {', '.join(row.aliases)}."
    yield f"\n{row.summary}"
    facts = [f"- Value: {row.rule}"]
    if row.default:
        facts.append(f"- Default: `{row.default}`.")
    elif row.default_from:
        facts.append(f"- Default: as {row.default_from}.")
    elif row.required:
        facts.append("- Required.")
    elif row.required_by:
        both = " and `MutualCHAP`" if row.required_by == "CHAP" else ""
        facts.append(f"- Required with AuthMethod `{row.required_by}`{both}.")
    else:
        facts.append("- Default: none.")
    if row.needs:
        facts.append(f"- Has no effect without {row.needs}.")
    facts.append(f"- When it does not fit: {row.mismatch}")
    if row.refused:
        facts.append("- **Not yet in this ROM:** another value than the default is refused.")
    yield "\n" + "\n".join(facts) + "\n"


def page(rows: Table, head: str) -> str:
    """`docs/guide/variables.md`: `head`, then every variable."""
    parts = [head.rstrip() + "\n"]
    for title, wanted in (("Variables of the guide", False), ("Extensions", True)):
        parts.append(f"\n## {title}\n")
        for row in rows:
            if row.extension == wanted:
                parts.append("\n" + "\n".join(_row(row)))
    return "".join(parts)
