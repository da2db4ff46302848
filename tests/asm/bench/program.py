"""One linked program (ROM or UNDI): bytes, symbols, line table.  Read with pyelftools."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection


@dataclass
class Program:
    """``symbols``: name -> offset in its segment; ``code``: the code segment from offset 0."""

    name: str
    code: bytes
    symbols: dict[str, int]
    data_symbols: list[tuple[int, str]]
    code_symbols: list[tuple[int, str]]
    lines: list[tuple[int, str, int]]  # (offset, file, line), sorted; line 0 ends a sequence
    data_size: int
    starts: list[int] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> Program:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            code, data_size = bytearray(), 0
            bss: set[int] = set()
            for index, section in enumerate(elf.iter_sections()):
                if not section["sh_flags"] & 2:  # SHF_ALLOC
                    continue
                end = section["sh_addr"] + section["sh_size"]
                if section["sh_type"] == "SHT_NOBITS":
                    bss.add(index)
                    data_size = max(data_size, end)
                    continue
                code.extend(bytes(max(0, end - len(code))))
                code[section["sh_addr"] : end] = section.data()
            symbols: dict[str, int] = {}
            data_symbols, code_symbols = [], []
            for table in elf.iter_sections():
                if not isinstance(table, SymbolTableSection):
                    continue
                for symbol in table.iter_symbols():
                    if not symbol.name or symbol["st_info"]["type"] in ("STT_FILE", "STT_SECTION"):
                        continue
                    symbols[symbol.name] = symbol["st_value"]
                    if symbol["st_shndx"] in bss:
                        data_symbols.append((symbol["st_value"], symbol.name))
                    elif isinstance(symbol["st_shndx"], int):
                        code_symbols.append((symbol["st_value"], symbol.name))
            lines = cls._line_table(elf)
        program = cls(
            path.stem,
            bytes(code),
            symbols,
            sorted(data_symbols),
            sorted(code_symbols),
            lines,
            data_size,
        )
        program.starts = [entry[0] for entry in lines]
        return program

    @staticmethod
    def _line_table(elf: ELFFile) -> list[tuple[int, str, int]]:
        if not elf.has_dwarf_info():
            return []
        dwarf = elf.get_dwarf_info()
        rows: list[tuple[int, str, int]] = []
        for unit in dwarf.iter_CUs():
            program = dwarf.line_program_for_CU(unit)
            if program is None:
                continue
            names = program["file_entry"]
            folders = program["include_directory"]
            for entry in program.get_entries():
                state = entry.state
                if state is None:
                    continue
                if state.end_sequence:
                    rows.append((state.address, "", 0))
                    continue
                item = names[state.file - 1]
                folder = folders[item.dir_index - 1].decode() + "/" if item.dir_index else ""
                rows.append((state.address, folder + item.name.decode(), state.line))
        # an end row must not hide a row that begins at the same offset
        return sorted(rows, key=lambda row: (row[0], row[2] != 0))

    def line_at(self, offset: int) -> tuple[str, int] | None:
        """(file, line) of the instruction at ``offset``, None where there is none."""
        index = bisect.bisect_right(self.starts, offset) - 1
        if index < 0 or not self.lines[index][2]:
            return None
        return self.lines[index][1], self.lines[index][2]

    def routine_at(self, offset: int) -> str:
        """The nearest code symbol at or below ``offset``."""
        index = bisect.bisect_right(self.code_symbols, (offset, "\x7f")) - 1
        return self.code_symbols[index][1] if index >= 0 else "?"

    def variable_at(self, offset: int) -> str:
        """The nearest data symbol at or below ``offset``, with the distance."""
        index = bisect.bisect_right(self.data_symbols, (offset, "\x7f")) - 1
        if index < 0:
            return f"data+{offset:#x}"
        start, name = self.data_symbols[index]
        return name if start == offset else f"{name}+{offset - start:#x}"
