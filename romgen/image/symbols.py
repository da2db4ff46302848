"""The symbols of an image of ours, from the ELF file that lies beside the ROM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from romgen.errors import EXIT_FINDINGS, RomgenError, shown
from romgen.image.meaning import entry_target
from romgen.image.model import Image

if TYPE_CHECKING:
    from romgen.elf import Program

CODE_SECTIONS = (".text", ".rodata")
"""Linked as they stand in the image, never filled in or packed afterwards."""
VECTORS = ("bcv", "dv", "bev")


@dataclass(frozen=True, slots=True)
class ImageSymbol:
    """A global symbol; `packed`: its offset is that in memory, the file has that part packed."""

    name: str
    offset: int
    section: str
    packed: bool


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where a field of a header leads to; symbol: "" where none is exactly there."""

    field: str
    target: int
    symbol: str


def wrong_code(program: Program, image: bytes) -> str:
    """The first section whose bytes are not the image's; "" where all are."""
    sections = {part.name: part for part in program.sections}
    for name in CODE_SECTIONS:
        part = sections.get(name)
        if part is not None and image[part.address : part.address + part.size] != part.data:
            return name
    return "" if CODE_SECTIONS[0] in sections else CODE_SECTIONS[0]


def read_symbols(file: str, image: Image) -> list[ImageSymbol]:
    """The global symbols of the ELF file beside `file`, by offset.

    Errors: there is none, it is unreadable, it is of another image.
    """
    from romgen.elf import read_program  # pyelftools takes as long to load as the rest

    path = Path(file).with_suffix(".elf")
    program = read_program(path)
    wrong = wrong_code(program, image.data)
    if wrong:
        message = f"{wrong} is not what the image has"
        hint = "this ELF file is of another build"
        raise RomgenError("elf-other", shown(path), message, hint, status=EXIT_FINDINGS)
    start = image.header.number("packed") or len(image.data)
    inside = {part.name for part in program.sections if part.data}
    found = [
        ImageSymbol(one.name, one.value, one.section, one.value >= start)
        for one in program.symbols
        if one.is_global and one.section in inside
    ]
    return sorted(found, key=lambda one: (one.offset, one.name))


def pointers(image: Image, symbols: list[ImageSymbol]) -> Iterator[Pointer]:
    """Where the headers lead to."""
    names = {one.offset: one.name for one in reversed(symbols)}
    targets = [("entry", entry_target(image.header.raw("entry")) or 0)]
    for index, entry in enumerate(image.pnp):
        targets += [(f"pnp{index}.{name}", entry.header.number(name)) for name in VECTORS]
    if image.undi is not None:
        targets.append(("undi.loader", image.undi.number("loader")))
    for name, target in targets:
        if target:
            yield Pointer(name, target, names.get(target, ""))


def symbol_lines(image: Image, symbols: list[ImageSymbol]) -> Iterator[str]:
    """For people."""
    yield "  pointers"
    for one in pointers(image, symbols):
        yield f"    {one.target:06x}  {one.field:<19} {one.symbol}".rstrip()
    yield "  symbols"
    for symbol in symbols:
        packed = "  (packed in the file)" if symbol.packed else ""
        yield f"    {symbol.offset:06x}  {symbol.section:<12} {symbol.name}{packed}"


def symbol_data(image: Image, symbols: list[ImageSymbol]) -> dict[str, Any]:
    """For JSON."""
    return {
        "pointers": [
            {"field": one.field, "target": one.target, "symbol": one.symbol}
            for one in pointers(image, symbols)
        ],
        "symbols": [
            {
                "name": one.name,
                "offset": one.offset,
                "section": one.section,
                "packed": one.packed,
            }
            for one in symbols
        ],
    }
