"""Symbols of two builds compared: sizes, and the disassembly of the routines that changed.

Addresses move when anything before them grows. So operands that are the address of a symbol are
shown by its name, and a routine has only changed where its text then differs.
"""

from __future__ import annotations

import difflib
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from romgen.image.compare import Difference

CODE_SECTIONS = (".text", ".init")
ADDRESS_MIN = 0x100
"""Smaller numbers are constants, not addresses."""
_HEX = re.compile(r"0x[0-9a-f]+")
_BRACKETS = re.compile(r"\[[^]]*\]")


@dataclass(frozen=True, slots=True)
class Routine:
    """A symbol in a code section. address, size: in the image."""

    name: str
    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Build:
    """An image with its map."""

    data: bytes
    map: dict[str, Any]

    def _groups(self) -> dict[str, list[dict[str, Any]]]:
        """Symbols with the local labels behind them (`name.retry`), under the name to show."""
        found: dict[str, list[dict[str, Any]]] = {}
        own: dict[tuple[str, str], str] = {}
        for one in self.map["rom"]["symbols"]:
            base = one["name"].partition(".")[0]
            if base and base == one["name"]:
                own[one["file"], base] = base if one["global"] else f"{one['file']}:{base}"
        for one in self.map["rom"]["symbols"]:
            base = one["name"].partition(".")[0]
            name = own.get((one["file"], base))
            if name and one["size"]:
                found.setdefault(name, []).append(one)
        return found

    def sizes(self) -> dict[str, int]:
        """Bytes of each routine and variable, local ones with their file's name."""
        return {name: sum(one["size"] for one in group) for name, group in self._groups().items()}

    def routines(self) -> dict[str, Routine]:
        """What lies in code sections, from its label to the end of its last local label."""
        found = {}
        for name, group in self._groups().items():
            inside = [one for one in group if one["section"] in CODE_SECTIONS]
            if inside:
                start = min(one["address"] for one in inside)
                end = max(one["address"] + one["size"] for one in inside)
                found[name] = Routine(name, start, end - start)
        return found

    def names(self, data: bool) -> Names:
        """Names of the addresses of the data segment, or of the image."""
        inside = {part["name"]: part["in_image"] for part in self.map["rom"]["sections"]}
        rows = [
            (one["address"], one["size"], one["name"])
            for one in self.map["rom"]["symbols"]
            if inside.get(one["section"]) is (not data) and not one["name"].startswith("..@")
        ]
        return Names(sorted(rows))


class Names:
    """Symbols by address."""

    def __init__(self, rows: list[tuple[int, int, str]]) -> None:
        self._rows = rows
        self._starts = [row[0] for row in rows]

    def of(self, address: int, exact: bool) -> str | None:
        """`name` or, unless `exact`, `name+3`; None where no symbol has the address."""
        at = bisect_right(self._starts, address) - 1
        if at < 0 or address < ADDRESS_MIN:
            return None
        start, size, name = self._rows[at]
        if address == start:
            return name
        return f"{name}+{address - start}" if not exact and address < start + size else None


def sizes(before: Build, after: Build) -> Iterator[Difference]:
    """Symbols that came, went or changed their size."""
    left, right = before.sizes(), after.sizes()
    for name in sorted(left | right):
        if left.get(name) != right.get(name):
            shown = [f"{one[name]} bytes" if name in one else "" for one in (left, right)]
            yield Difference(name, *shown)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction as the disassembler writes it."""

    mnemonic: str
    operands: str

    @property
    def jumps(self) -> bool:
        """Whether its number is an address of code and nothing else."""
        return self.mnemonic.startswith(("call", "j", "loop"))

    def constants(self) -> set[int]:
        """The numbers that may be constants."""
        if self.jumps:
            return set()
        return {int(one, 16) for one in _HEX.findall(_BRACKETS.sub("", self.operands))}


def disassemble(build: Build, routine: Routine) -> list[Instruction]:
    """The routine's instructions; what is none, at the end, as bytes."""
    import capstone  # only needed here, and slow to load

    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_16)
    start, end = routine.address, routine.address + routine.size
    found, done = [], start
    for one in engine.disasm(build.data[start:end], start):
        found.append(Instruction(one.mnemonic, one.op_str))
        done = one.address + one.size
    if done < end:
        found.append(Instruction("db", build.data[done:end].hex(" ")))
    return found


def _named(one: Instruction, image: Names, data: Names, constants: set[int]) -> str:
    """The instruction with names for addresses; `constants` are none."""

    def name(match: re.Match[str]) -> str:
        value, before = int(match[0], 16), one.operands[: match.start()]
        if one.jumps:
            return image.of(value, exact=False) or match[0]
        if before.count("[") > before.count("]"):
            table = image if re.search(r"cs:\[[^]]*$", before) else data
            return table.of(value, exact=False) or match[0]
        if value in constants:
            return match[0]
        return image.of(value, exact=True) or data.of(value, exact=False) or match[0]

    return f"{one.mnemonic} {_HEX.sub(name, one.operands)}".rstrip()


def routines(before: Build, after: Build) -> Iterator[tuple[str, list[str]]]:
    """The routines of both builds whose code changed: name, lines of a unified difference."""
    left, right = before.routines(), after.routines()
    tables = [(one.names(data=False), one.names(data=True)) for one in (before, after)]
    for name in sorted(set(left) & set(right)):
        old, new = left[name], right[name]
        raw = [
            build.data[one.address : one.address + one.size]
            for build, one in ((before, old), (after, new))
        ]
        if raw[0] == raw[1] and old.address == new.address:
            continue
        code = disassemble(before, old), disassemble(after, new)
        # A number that stayed the same is a constant, whatever lies at that address now.
        numbers = [set().union(*(one.constants() for one in side)) for side in code]
        lines = [
            [_named(one, *table, numbers[0] & numbers[1]) for one in side]
            for side, table in zip(code, tables, strict=True)
        ]
        if lines[0] != lines[1]:
            yield name, list(difflib.unified_diff(lines[0], lines[1], lineterm="", n=2))[2:]
