"""Reads the banners above the routines (form: docs/assembly.md, "The banner")."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

FIELDS = ("in", "out", "clobbers", "needs")
REGISTERS = ("EAX", "EBX", "ECX", "EDX", "ESI", "EDI", "EBP")
SEGMENTS = ("ES", "FS", "GS")
_HALVES = {name[1:]: name for name in REGISTERS}
_BYTES = {f"{r}{h}": f"E{r}X" for r in "ABCD" for h in "LH"}
_RULE = re.compile(r"^;-{20,}\s*$")
_TITLE = re.compile(r"^; (?P<name>[a-z_][a-z0-9_]*)(?: \[(?P<kind>\w+)\])? - (?P<purpose>.+)$")
_FIELD = re.compile(r"^; (?P<field>in|out|clobbers|needs): *(?P<text>.*)$")
_MORE = re.compile(r"^; {10,}(?P<text>\S.*)$")
_LABEL = re.compile(r"^(?P<name>[A-Za-z_][A-Za-z0-9_]*):")
_SECTION = re.compile(
    r"^\s*(?P<macro>CODE|INITCODE|RODATA|INITDATA|BSS|TABLE|section)\b\s*(?P<arg>\S*)"
)
_OUT = re.compile(r"\b([A-Z]{2,3})(?::([A-Z]{2,3}))?\s*(?:=|->)")


@dataclass(frozen=True)
class Contract:
    """What a banner promises.

    ``clobbers`` holds register names as written (``EAX`` whole, ``AX`` low half only), segment
    registers and ``flags``; registers named in ``out`` are added.
    """

    name: str
    kind: str  # near, far, interrupt, jump
    purpose: str
    file: str
    line: int
    fields: dict[str, str] = field(default_factory=dict)
    clobbers: frozenset[str] = frozenset()

    def keeps(self, register: str) -> bool:
        """True where the whole 32-bit register (or segment register, or flags) comes back."""
        return register not in self.clobbers and register[1:] not in self.clobbers

    def keeps_upper(self, register: str) -> bool:
        """True where at least bits 31:16 of the 32-bit register come back."""
        return register not in self.clobbers


class ContractError(Exception):
    """A banner that does not have the form; the text begins with file:line."""


def _registers(where: str, text: str) -> set[str]:
    names: set[str] = set()
    for word in (part.strip() for part in text.split(",")):
        if word in ("none", ""):
            continue
        if word in REGISTERS or word in _HALVES or word in SEGMENTS or word == "flags":
            names.add(word)
        elif word in _BYTES:
            names.add(_BYTES[word][1:])
        else:
            raise ContractError(f"{where}: 'clobbers:' names {word!r}, which is no register")
    return names


def _outputs(text: str) -> set[str]:
    names: set[str] = set()
    for pair in _OUT.findall(text):
        for name in pair:
            if name in REGISTERS or name in _HALVES or name in SEGMENTS:
                names.add(name)
            elif name in _BYTES:
                names.add(_BYTES[name][1:])
    if re.search(r"\b(CF|ZF|SF|OF)\b", text):
        names.add("flags")
    return names


def parse_file(path: Path, root: Path) -> tuple[dict[str, Contract], list[str]]:
    """All contracts of one source file, and what the lint has to say about it."""
    contracts: dict[str, Contract] = {}
    problems: list[str] = []
    shown = str(path.relative_to(root))
    lines = path.read_text(encoding="ascii").splitlines()
    pending: set[str] = set()
    in_code = False
    index = 0
    while index < len(lines):
        text = lines[index]
        section = _SECTION.match(text)
        if section:
            macro, arg = section["macro"], section["arg"]
            in_code = macro in ("CODE", "INITCODE") or (macro == "section" and arg == ".header")
        title = _TITLE.match(text) if index and _RULE.match(lines[index - 1]) else None
        if title:
            where = f"{shown}:{index + 1}"
            fields: dict[str, str] = {}
            current = ""
            index += 1
            while index < len(lines) and not _RULE.match(lines[index]):
                found, more = _FIELD.match(lines[index]), _MORE.match(lines[index])
                if found:
                    current = found["field"]
                    fields[current] = found["text"].strip()
                elif more and current:
                    fields[current] += " " + more["text"].strip()
                elif not lines[index].startswith(";"):
                    problems.append(f"{shown}:{index + 1}: banner of {title['name']} is not closed")
                    break
                index += 1
            kind = title["kind"] or "near"
            missing = [name for name in ("in", "out", "clobbers") if name not in fields]
            if missing:
                problems.append(f"{where}: {title['name']}: banner lacks {', '.join(missing)}")
            try:
                clobbers = _registers(where, fields.get("clobbers", ""))
            except ContractError as error:
                problems.append(str(error))
                clobbers = set()
            contracts[title["name"]] = Contract(
                title["name"],
                kind,
                title["purpose"],
                shown,
                int(where.rsplit(":", 1)[1]),
                fields,
                frozenset(clobbers | _outputs(fields.get("out", ""))),
            )
            pending.add(title["name"])
        else:
            label = _LABEL.match(text)
            if label and in_code:
                name = label["name"]
                if name in pending:
                    pending.discard(name)
                elif "fallthrough:" not in text and "data:" not in text:
                    problems.append(f"{shown}:{index + 1}: {name} has no banner")
        index += 1
    problems += [f"{shown}: banner of {name} stands above no label" for name in sorted(pending)]
    return contracts, problems


def parse_tree(root: Path) -> tuple[dict[str, Contract], list[str]]:
    """Contracts of asm/ and undi/, by routine name; and the lint's findings."""
    contracts: dict[str, Contract] = {}
    problems: list[str] = []
    for path in sorted([*root.glob("asm/**/*.asm"), *root.glob("undi/**/*.asm")]):
        found, bad = parse_file(path, root)
        contracts.update(found)
        problems += bad
    return contracts, problems
