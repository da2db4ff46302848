"""What stands at an address of a linked program: source line (DWARF 2, 6.2) and nearest symbol."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import DWARFError, ELFError
from elftools.elf.elffile import ELFFile

from romgen.elf import Symbol, read_program
from romgen.errors import RomgenError


@dataclass(frozen=True, slots=True)
class Spot:
    """One address. symbol: "" where none stands before it; file: "" for data, which has no line."""

    address: int
    section: str
    symbol: str
    offset: int
    file: str
    line: int


class Lines:
    """The lines and symbols of one program. Error: the file is no ELF program with DWARF."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.program = read_program(path)
        try:
            with path.open("rb") as stream:
                self._rows = sorted(_rows(ELFFile(stream)))
        except (OSError, ELFError, DWARFError) as error:
            raise RomgenError("elf-read", str(path), f"cannot read: {error}") from error
        self._starts = [row[0] for row in self._rows]

    def spot(self, address: int, data: bool = False) -> Spot | None:
        """What stands at an address of the code, or of the data segment; None outside of it."""
        section = next(
            (
                one.name
                for one in self.program.sections
                if one.address <= address < one.address + one.size and bool(one.data) != data
            ),
            "",
        )
        if not section:
            return None
        symbol = self._nearest(address, section)
        file, line = ("", 0) if data else self._line(address)
        name, start = (symbol.name, symbol.value) if symbol else ("", 0)
        return Spot(address, section, name, address - start if symbol else 0, file, line)

    def _nearest(self, address: int, section: str) -> Symbol | None:
        """The last symbol of the section that does not lie behind the address; a global before."""
        found = (
            one
            for one in self.program.symbols
            if one.section == section and one.value <= address
            # nasm's own names of macros' labels tell nobody anything
            and not one.name.startswith("..@")
        )
        return max(found, key=lambda one: (one.value, one.is_global, one.name), default=None)

    def _line(self, address: int) -> tuple[str, int]:
        at = bisect_right(self._starts, address) - 1
        if at < 0 or address >= self._rows[at][1]:
            return "", 0
        return self._rows[at][2], self._rows[at][3]


def _rows(elf: ELFFile) -> Iterator[tuple[int, int, str, int]]:
    """Start, end, file and line of each piece of code."""
    dwarf = elf.get_dwarf_info()
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        names = [entry.name.decode(errors="replace") for entry in program["file_entry"]]
        before = None
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if before is not None and state.address > before.address:
                yield before.address, state.address, names[before.file - 1], before.line
            before = None if state.end_sequence else state
