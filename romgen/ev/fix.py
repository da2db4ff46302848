"""Mends what printing, mailing and typing do to a text of boot variables.

Only faults with one sure remedy are touched: a name that stands twice, a line broken in two, a
comment whose second line lost its `#`, capitals in names and words, leading zeros in numbers. What
could be meant in another way is left alone for a person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from romgen.ev.parse import BLANKS, BOM, Line, readable, split_lines
from romgen.ev.table import Table, Variable, table
from romgen.ev.types import TAKE

_ENDS = re.compile(rb"\r?\n\Z")
_TEXT_TYPES = ("secret", "username")
"""A value of these may be anything, so nothing in it is taken for a slip."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to the line of that number (of the text as it was)."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """The mended text and the changes; no changes: the text is as it was."""

    text: bytes
    changes: tuple[Change, ...]


@dataclass(slots=True)
class _Out:
    """A line on its way out: its content, its end, the number it had."""

    content: bytes
    end: bytes
    number: int

    @property
    def line(self) -> Line:
        """The same as the parser sees it."""
        return Line(self.number, self.content)


class _Fixer:
    """One text under repair."""

    def __init__(self, rows: Table, given: set[str]) -> None:
        self.rows = rows
        self.given = given  # names that the text has already in the right spelling
        self.out: list[_Out] = []
        self.changes: list[Change] = []

    def take(self, line: Line, end: bytes) -> None:
        """Mend one line and put it out."""
        item = _Out(line.raw, end, line.number)
        odd = not readable(line.raw) or not line.stripped or line.comment
        if not odd and b"=" not in line.raw and self._stray(item):
            return
        self.out.append(item)

    def _stray(self, item: _Out) -> bool:
        """A line without `=`: True where it was joined to the line before."""
        before = self.out[-1] if self.out else None
        if before is None or not before.line.stripped:
            return False
        if before.line.comment:
            item.content = b"# " + item.content
            self.changes.append(Change(item.number, "put `#` in front: a comment's second line"))
            return False
        joined = before.content.rstrip(BLANKS) + item.content.strip(BLANKS)
        row = self._split(joined)[0]
        # A name may well look whole where it was broken; another value that does is left alone.
        whole = row is not None and row.type != "name" and self._sound(before.content)
        if whole or not self._sound(joined):
            return False
        before.content, before.end = joined, item.end
        self.changes.append(Change(item.number, f"joined to line {before.number}"))
        return True

    def _sound(self, raw: bytes) -> bool:
        """True where `raw` is a variable with a value that is accepted, at least once mended."""
        row, _, text = self._split(raw)
        if row is None:
            return False
        return TAKE[row.type](row, self._value(row, text)[0])[0] is not None

    def _split(self, raw: bytes) -> tuple[Variable | None, str, str]:
        """The variable that a line means, the name as it stands, the value."""
        parts = Line(0, raw).split() if readable(raw) else None
        if parts is None:
            return None, "", ""
        name, text = parts
        row = self.rows.find(name)
        if row is None:
            same = [x for s, x in self.rows.by_spelling.items() if s.lower() == name.lower()]
            row = same[0] if same and same[0].name not in self.given else None
        return row, name, text

    def _value(self, row: Variable, text: str) -> tuple[str, list[str]]:
        """The value mended, and what was done to it."""
        done: list[str] = []
        if row.type in _TEXT_TYPES:
            return text, done
        name, equals, rest = text.partition("=")
        if equals and name.strip() in row.spellings:
            text = rest.strip()
            done.append(f"{row.name} stood twice")
        if row.choices and text not in row.choices:
            near = [word for word in row.choices if word.lower() == text.lower()]
            # Of a truth value's spellings with any capitals there are several; the first will do.
            if near:
                text = near[0]
                done.append(f"wrote {text}")
        if row.type in ("ip", "mask", "number", "vlan", "lun"):
            short = re.sub(r"(?<![0-9A-Za-z])0+(?=[0-9])", "", text)
            if short != text and re.fullmatch(r"[0-9.]+", text):
                text = short
                done.append("removed leading zeros")
        return text, done

    def words(self) -> None:
        """Mend names and values of the lines that have them."""
        for item in self.out:
            if item.line.comment or not readable(item.content):
                continue
            row, name, text = self._split(item.content)
            if row is None:
                continue
            value, done = self._value(row, text)
            if name not in row.spellings:
                done.insert(0, f"wrote {row.name} for {name}")
                name = row.name
                self.given.add(name)
            if done:
                item.content = f"{name}={value}".encode("ascii")
                self.changes += [Change(item.number, what) for what in done]


def fix(text: bytes, rows: Table | None = None) -> Fixed:
    """`text` with the sure faults mended. Its line ends and byte order mark stay."""
    rows = rows or table()
    mark = BOM if text.startswith(BOM) else b""
    pieces = re.findall(rb"[^\n]*\n|[^\n]+\Z", text.removeprefix(BOM))
    lines = list(split_lines(text))
    given = {parts[0] for line in lines if readable(line.raw) and (parts := line.split())}
    fixer = _Fixer(rows, given & set(rows.by_spelling))
    for line, piece in zip(lines, pieces, strict=True):
        found = _ENDS.search(piece)
        fixer.take(line, found[0] if found else piece[len(line.raw) :])
    fixer.words()
    result = mark + b"".join(item.content + item.end for item in fixer.out)
    return Fixed(result, tuple(sorted(fixer.changes, key=lambda change: change.line)))
