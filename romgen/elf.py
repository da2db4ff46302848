"""What is in an ELF file: sections, symbols, bytes (pyelftools)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from romgen.errors import RomgenError

SYMBOL = struct.Struct("<IIIBBH")
"""Elf32_Sym: name, value, size, info (binding and type), other, section (System V ABI)."""
SYMBOL_KINDS = {0: "notype", 1: "object", 2: "func", 3: "section", 4: "file"}
STB_LOCAL = 0
SHN_UNDEF = 0
SHN_LORESERVE = 0xFF00


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
    names = elf.get_section(table["sh_link"]).data()
    file = ""
    # The records are unpacked in one sweep: a symbol at a time costs a tenth of a second.
    for offset, value, size, info, _, index in SYMBOL.iter_unpack(table.data()):
        name = names[offset : names.index(b"\0", offset)].decode("ascii")
        kind = SYMBOL_KINDS.get(info & 15, "other")
        is_global = info >> 4 != STB_LOCAL
        if kind == "file":
            file = name
        elif name and kind != "section" and index != SHN_UNDEF:
            section = sections[index] if index < SHN_LORESERVE else ""
            yield Symbol(name, value, size, section, kind, is_global, "" if is_global else file)
