"""Text of boot variables to values and findings, by the rules of the ROM and in its order.

The ROM stops at the first error; this parser goes on, so that a person sees all of them. The twin
of asm/ev/parse.asm.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from romgen.ev.check import check, check_ibft
from romgen.ev.model import ERROR, WARNING, Fault, Finding, Parsed, Values
from romgen.ev.table import Table, Variable, numbers, table
from romgen.ev.types import TAKE
from romgen.formats import NASM_CONSTANTS

TEXT_MAX = NASM_CONSTANTS["EV_TEXT_MAX"]
LINE_MAX = NASM_CONSTANTS["EV_LINE_MAX"]
BOM = b"\xef\xbb\xbf"
BLANKS = b" \t"
_SECRET_FAULTS = ("EV_USERNAME", "EV_SECRET_HEX", "EV_SECRET_LENGTH")
"""Only warnings while AuthMethod is None; so they wait until the whole text is read."""
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end: its number from 1, its bytes with the blanks at both ends."""

    number: int
    raw: bytes

    @property
    def stripped(self) -> bytes:
        """Without blanks at the ends."""
        return self.raw.strip(BLANKS)

    @property
    def comment(self) -> bool:
        """True where the first character other than a blank is `#`."""
        return self.stripped.startswith(b"#")

    def split(self) -> tuple[str, str] | None:
        """Name and value, trimmed; None without `=` or without a name. Only for ASCII."""
        name, equals, value = self.raw.partition(b"=")
        if not equals or not name.strip(BLANKS):
            return None
        return name.strip(BLANKS).decode("ascii"), value.strip(BLANKS).decode("ascii")


def split_lines(text: bytes) -> Iterator[Line]:
    """The lines, ended by LF, CR LF or the end of the text; a byte order mark is dropped."""
    parts = text.removeprefix(BOM).split(b"\n")
    if not parts[-1]:
        parts.pop()
    for index, part in enumerate(parts, 1):
        yield Line(index, part.removesuffix(b"\r"))


def readable(raw: bytes) -> bool:
    """True where every byte is printable ASCII or a tab."""
    return all(0x20 <= byte < 0x7F or byte == 0x09 for byte in raw)


def finding(severity: str, fault: Fault, line: int, variable: str = "") -> Finding:
    """The fault at its line, with its number of the error table."""
    code = fault.name.lower().replace("_", "-")
    number = numbers()[fault.name]
    return Finding(severity, code, number, line, variable, fault.message, fault.hint)


@dataclass
class _Reader:
    """One parse under way."""

    rows: Table
    unknown: str
    found: Parsed = field(default_factory=Parsed)
    values: dict[str, Any] = field(default_factory=dict)
    deferred: list[tuple[Fault, int, str]] = field(default_factory=list)
    previous: Line | None = None
    after_secret: bool = False

    def report(self, severity: str, fault: Fault, line: int, variable: str = "") -> None:
        """Add a finding."""
        self.found.findings.append(finding(severity, fault, line, variable))

    def line(self, line: Line) -> None:
        """Take one line."""
        fault = self._take(line)
        if fault:
            self.report(ERROR, fault, line.number)
        self.previous = line

    def _take(self, line: Line) -> Fault | None:
        """Take the line, or say why it is none."""
        if len(line.raw) > LINE_MAX:
            return Fault(
                "EV_LINE_LONG", f"the line has {len(line.raw)} bytes", f"at most {LINE_MAX}"
            )
        if not readable(line.raw):
            return _bad_byte(line.raw)
        if not line.stripped or line.comment:
            return None
        parts = line.split()
        if parts is None:
            return self._no_variable(line)
        self._variable(line, *parts)
        return None

    def _no_variable(self, line: Line) -> Fault:
        """Why a line has no `=`: broken in two, or a comment. Its text may be a secret's end."""
        if b"=" in line.raw:
            return Fault("EV_LINE", "there is no name in front of `=`")
        before = self.previous
        if before is not None and before.comment:
            return Fault(
                "EV_LINE",
                "this looks like the second line of a comment that has lost its `#`",
                "put `#` in front of it (--fix does)",
            )
        if before is not None and before.stripped:
            return Fault(
                "EV_LINE",
                f"no `=`: this looks like the rest of line {before.number}, broken in two",
                "join the two lines (--fix does)",
            )
        return Fault("EV_LINE", "the line is not Name=Value", "a comment begins with `#`")

    def _variable(self, line: Line, name: str, text: str) -> None:
        """Take `name=text`."""
        row = self.rows.find(name)
        if row is None:
            self.report(self.unknown, self._unknown(name), line.number)
            # What follows may be the rest of a secret whose name was misspelt.
            self.after_secret = self.after_secret or "secret" in name.lower()
            return
        self.after_secret = row.secret
        if row.name in self.found.lines:
            self.report(
                ERROR,
                Fault(
                    "EV_REPEATED",
                    f"{name} was given on line {self.found.lines[row.name]} already",
                    "remove one of the two",
                ),
                line.number,
                row.name,
            )
            return
        self.found.lines[row.name] = line.number
        value, fault = TAKE[row.type](row, text)
        if value is not None:
            self.values[row.field] = value
        if fault is None:
            return
        fault = _clearer(row, text, fault)
        if fault.name in _SECRET_FAULTS:
            self.deferred.append((fault, line.number, row.name))
        else:
            self.report(WARNING if value is not None else ERROR, fault, line.number, row.name)

    def _unknown(self, name: str) -> Fault:
        """The fault of an unknown name; quoted only where it cannot be a part of a secret."""
        known = list(self.rows.by_spelling)
        same = [text for text in known if text.lower() == name.lower()]
        quoted = _IDENTIFIER.fullmatch(name) and not self.after_secret
        near = same or (difflib.get_close_matches(name, known, 1, 0.6) if quoted else [])
        hint = f"did you mean {near[0]}?" if near else "see docs/guide/variables.md"
        shown = f" '{name}'" if quoted or same else ""
        return Fault("EV_UNKNOWN", f"unknown variable{shown}", hint)

    def finish(self) -> Parsed:
        """Defaults, rules between variables, and the result."""
        none = self.values.get("auth_method", "None") == "None"
        for fault, line, name in self.deferred:
            self.report(WARNING if none else ERROR, fault, line, name)
        given = {name: self.values.get(self.rows.named(name).field) for name in self.found.lines}
        for row in self.rows:
            if row.default_from and row.field not in self.values:
                source = self.rows.named(row.default_from)
                if source.field in self.values:
                    self.values[row.field] = self.values[source.field]
        self.found.values = Values(**self.values)
        broken = check(self.rows, self.found, given)
        if self.unknown == ERROR:
            broken = chain(broken, check_ibft(self.found))
        for severity, fault, name, line_of in broken:
            line = self.found.lines.get(line_of, 0)
            self.report(severity, fault, line, name)
        return self.found


def _bad_byte(raw: bytes) -> Fault:
    """Which byte is not ASCII text."""
    bad = next(byte for byte in raw if not readable(bytes([byte])))
    hints = {
        0: "UTF-16 text has NULs: save it as ASCII or UTF-8",
        0x0D: "end lines in LF or CR LF",
        0x1A: "an end mark of DOS: remove it",
    }
    return Fault("EV_BYTE", f"byte 0x{bad:02x} is not ASCII text", hints.get(bad, ""))


def _clearer(row: Variable, text: str, fault: Fault) -> Fault:
    """The same fault, said better where the text shows how it came about."""
    name, equals, _ = text.partition("=")
    if equals and name.strip() in row.spellings:
        return Fault(fault.name, f"{row.name} stands twice", "remove it once (--fix does)")
    if not text:
        return Fault(fault.name, "there is no value", fault.hint)
    return fault


def parse(text: bytes, *, unknown: str = ERROR, rows: Table | None = None) -> Parsed:
    """Values and findings of a text of boot variables.

    unknown: severity of an unknown name: `error` for the tools, `warning` as in the ROM, which
    leaves out the rules that are the tools' own, too
    """
    reader = _Reader(rows or table(), unknown)
    if len(text) > TEXT_MAX:
        fault = Fault("EV_TEXT_LONG", f"the text has {len(text)} bytes", f"at most {TEXT_MAX}")
        reader.report(ERROR, fault, 0)
        return reader.found
    for line in split_lines(text):
        reader.line(line)
    return reader.finish()


__all__ = ["Line", "finding", "parse", "readable", "split_lines"]
