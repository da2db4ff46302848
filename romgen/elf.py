"""What is in an ELF file: sections, symbols, bytes (pyelftools)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from romgen.errors import RomgenError

_TABLE_SECTION = re.compile(r"\.tbl\.([A-Za-z0-9_]+)\..+")
_TABLE_SYMBOL = re.compile(r"tbl_([A-Za-z0-9_]+)")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol: `section` is "" for an absolute one; `kind` is func, object, notype or file."""

    name: str
    value: int
    size: int
    section: str
    kind: str
    is_global: bool
    file: str


@dataclass(frozen=True, slots=True)
class Section:
    """A section that takes memory; `data` is empty where it has no bytes in the file (.bss)."""

    name: str
    address: int
    size: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Program:
    """A linked program."""

    path: Path
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]

    def value(self, name: str) -> int:
        """Value of the global symbol `name`. Error: there is none."""
        for symbol in self.symbols:
            if symbol.name == name and symbol.is_global:
                return symbol.value
        raise RomgenError("symbol-missing", str(self.path), f"symbol '{name}' is not defined")

    def flat(self, size: int) -> bytearray:
        """The loaded bytes from address 0 on, `size` of them, gaps zero."""
        image = bytearray(size)
        for section in self.sections:
            if section.data:
                image[section.address : section.address + section.size] = section.data
        if len(image) != size:
            raise RomgenError("image-size", str(self.path), f"sections go beyond {size} bytes")
        return image


def read_program(path: Path) -> Program:
    """Sections and symbols of a linked ELF file."""
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            numbered = list(elf.iter_sections())
            sections = tuple(
                Section(
                    section.name,
                    int(section["sh_addr"]),
                    int(section["sh_size"]),
                    b"" if section["sh_type"] == "SHT_NOBITS" else bytes(section.data()),
                )
                for section in numbered
                if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_size"]
            )
            names = [section.name for section in numbered]
            return Program(path, sections, tuple(_symbols(elf, names)))
    except (OSError, ELFError) as error:
        raise RomgenError("elf-read", str(path), f"cannot read: {error}") from error


def _symbols(elf: ELFFile, sections: list[str]) -> Iterable[Symbol]:
    """All named symbols but sections; a local one carries the file symbol in front of it."""
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return
    file = ""
    for symbol in table.iter_symbols():
        kind = symbol["st_info"]["type"].removeprefix("STT_").lower()
        is_global = symbol["st_info"]["bind"] != "STB_LOCAL"
        if kind == "file":
            file = symbol.name
        elif symbol.name and kind != "section" and symbol["st_shndx"] != "SHN_UNDEF":
            index = symbol["st_shndx"]
            section = sections[index] if isinstance(index, int) else ""
            yield Symbol(
                symbol.name,
                int(symbol["st_value"]),
                int(symbol["st_size"]),
                section,
                kind,
                is_global,
                "" if is_global else file,
            )


def tables_in(objects: Iterable[Path]) -> list[str]:
    """The tables that objects add to (`.tbl.<name>.<order>`) or ask for (`tbl_<name>`).

    A table that is asked for and has no entry is an empty one.
    """
    made: set[str] = set()
    asked: set[str] = set()
    for path in objects:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            for section in elf.iter_sections():
                if match := _TABLE_SECTION.fullmatch(section.name):
                    made.add(match[1])
                elif isinstance(section, SymbolTableSection):
                    asked.update(_asked(section))
    ends = {name.removesuffix("_end") for name in asked if name.endswith("_end")}
    return sorted(made | ends | {name for name in asked if not name.endswith("_end")})


def _asked(table: SymbolTableSection) -> Iterable[str]:
    """Tables whose bounds are undefined symbols of the object."""
    # Globals follow the locals (System V ABI, symbol table): sh_info is the first one's index.
    for index in range(int(table["sh_info"]), table.num_symbols()):
        symbol = table.get_symbol(index)
        if symbol["st_shndx"] == "SHN_UNDEF" and (match := _TABLE_SYMBOL.fullmatch(symbol.name)):
            yield match[1]
