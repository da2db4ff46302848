"""The table of the boot variables, `romgen/tables/ev.toml`, read and checked.

Both parsers are driven by it: `romgen.ev.parse` by these objects, the ROM's by the tables that
`layouts/templates/ev_table.asm.j2` makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from romgen.catalog import load_errors
from romgen.errors import RomgenError
from romgen.project import Project
from romgen.toml_file import Key, TomlFile

SIZES = {
    "name": 224,
    "ip": 4,
    "mask": 4,
    "number": 2,
    "mac": 6,
    "lun": 8,
    "bool": 1,
    "enum": 1,
    "username": 256,
    "secret": 256,
    "vlan": 2,
    "algorithms": 4,
}
"""Bytes of a value in the ROM's data segment by type. A secret's length follows it as a word."""

IBFT_ROOM = "IBFT_ROOM"
"""The rule that is the tools' alone: the ROM sees only at the end what the table has to hold."""

WITH_RANGE = ("number", "vlan", "lun")
WITH_CHOICES = ("enum", "bool", "vlan", "algorithms")
ALGORITHM_BASE = 5
"""CHAP_A number of the first of `choices`: MD5 is 5 (IANA, PPP authentication algorithms)."""

_KEYS = {
    "name": Key(
        str, required=True, pattern=r"[A-Za-z][A-Za-z0-9]*", form="a name of letters and digits"
    ),
    "aliases": Key(list, default=[], item=str),
    "type": Key(str, required=True, choices=tuple(SIZES)),
    "variable": Key(
        str, required=True, pattern=r"ev_[a-z0-9_]+", form="a label that begins with ev_"
    ),
    "range": Key(list, default=[], item=int),
    "choices": Key(list, default=[], item=str),
    "default": Key(str, default=""),
    "default_from": Key(str, default=""),
    "needs": Key(str, default=""),
    "required": Key(bool, default=False),
    "required_by": Key(str, default="", choices=("", "CHAP", "MutualCHAP")),
    "refused": Key(bool, default=False),
    "extension": Key(bool, default=False),
    "summary": Key(str, required=True, low=1),
    "rule": Key(str, required=True, low=1),
    "mismatch": Key(str, required=True, low=1),
}


@dataclass(frozen=True, slots=True)
class Variable:
    """One row of the table; see its head for the fields. `index` is its place, from 0."""

    index: int
    name: str
    aliases: tuple[str, ...]
    type: str
    variable: str
    low: int
    high: int
    choices: tuple[str, ...]
    default: str
    default_from: str
    needs: str
    required: bool
    required_by: str
    refused: bool
    extension: bool
    summary: str
    rule: str
    mismatch: str

    @property
    def field(self) -> str:
        """Name in `romgen.ev.model.Values`."""
        return self.variable.removeprefix("ev_")

    @property
    def spellings(self) -> tuple[str, ...]:
        """The name and its aliases."""
        return (self.name, *self.aliases)

    @property
    def secret(self) -> bool:
        """True where the value must never be shown."""
        return self.type == "secret"

    @property
    def size(self) -> int:
        """Bytes in the data segment."""
        return SIZES[self.type]

    @property
    def room(self) -> int:
        """Bytes in the data segment with the word for a secret's length."""
        return self.size + (2 if self.secret else 0)

    @property
    def default_words(self) -> tuple[int, ...]:
        """The default as the words that the ROM stores; () where it is all zeros."""
        if self.type == "number" and self.default:
            return (int(self.default),)
        if self.type == "algorithms":
            order = [ALGORITHM_BASE + self.choices.index(x) for x in self.default.split(",")]
            raw = bytes(order).ljust(self.size, b"\0")
            return tuple(int.from_bytes(raw[i : i + 2], "little") for i in (0, 2))
        return ()


@dataclass(frozen=True)
class Table:
    """All variables in the order of the file, which is also the order of the rules."""

    variables: tuple[Variable, ...]

    def __iter__(self) -> Iterator[Variable]:
        return iter(self.variables)

    @cached_property
    def by_spelling(self) -> dict[str, Variable]:
        """Each name and alias with its variable."""
        return {text: row for row in self.variables for text in row.spellings}

    def find(self, spelling: str) -> Variable | None:
        """The variable that is written so, or None."""
        return self.by_spelling.get(spelling)

    def named(self, name: str) -> Variable:
        """The variable of that name. KeyError where there is none."""
        return self.by_spelling[name]


def _row(file: TomlFile, index: int, row: dict[str, object]) -> Variable:
    """One row, its keys checked against its type."""
    here = ("variable", index)
    values = file.take(row, _KEYS, here)
    kind = values["type"]
    limits = values.pop("range")
    if (len(limits) == 2 and limits[0] <= limits[1]) != (kind in WITH_RANGE) or (
        limits and max(limits) > 0xFFFF
    ):
        raise file.error(
            "ev-table", (*here, "range"), f"'range' does not fit the type '{kind}'",
            f"two numbers up to 65535 for {', '.join(WITH_RANGE)}, none for others",
        )  # fmt: skip
    if bool(values["choices"]) != (kind in WITH_CHOICES):
        raise file.error(
            "ev-table", (*here, "choices"), f"'choices' does not fit the type '{kind}'",
            f"needed for {', '.join(WITH_CHOICES)}, not for others",
        )  # fmt: skip
    low, high = limits or (0, 0)
    values["aliases"] = tuple(values["aliases"])
    values["choices"] = tuple(values["choices"])
    return Variable(index=index, low=low, high=high, **values)


def load_table(path: Path | None = None, base: Path | None = None) -> Table:
    """The table of `path` (default: the project's). Errors: wrong keys, names given twice."""
    project = Project()
    file = TomlFile(path or project.tables / "ev.toml", base or project.root)
    top = file.take(file.data, {"variable": Key(list, required=True, item=dict)})
    rows = tuple(_row(file, index, row) for index, row in enumerate(top["variable"]))
    seen: dict[str, str] = {}
    for row in rows:
        for text in (*row.spellings, row.variable):
            if text in seen:
                raise file.error(
                    "ev-table", ("variable", row.index), f"'{text}' is there twice",
                    f"see {seen[text]}",
                )  # fmt: skip
            seen[text] = file.where(("variable", row.index))
        for other in (row.default_from, row.needs):
            if other and all(other != before.name for before in rows[: row.index]):
                raise file.error(
                    "ev-table", ("variable", row.index), f"'{other}' is no variable above it"
                )
    return Table(rows)


@cache
def table() -> Table:
    """The project's table, read once."""
    return load_table()


@cache
def numbers() -> dict[str, int]:
    """Numbers of the 2000s and of IBFT_ROOM by name, from `romgen/tables/errors`."""
    project = Project()
    entries = load_errors(project.tables / "errors", project.root)
    found = {entry.name: entry.number for entry in entries if 2000 <= entry.number < 3000}
    found |= {entry.name: entry.number for entry in entries if entry.name == IBFT_ROOM}
    if not found:
        raise RomgenError("error-table", "romgen/tables/errors", "no numbers from 2000 to 2999")
    return found
