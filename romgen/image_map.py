"""What lies where in an image, as data: the content of `build/<layout>.map.json`.

Sizes per source file come from ld's map (which section of which object went where), symbols from
the ELF file.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from romgen.layout import BLOCK, Layout

if TYPE_CHECKING:
    from romgen.elf import Program, Symbol

SCHEMA = 1
"""Rises when a reader of the JSON would have to change."""
PARAGRAPH = 16

_PIECE = re.compile(
    r"^ (?P<name>\.\S+)\s+(?P<address>0x[0-9a-f]+)\s+(?P<size>0x[0-9a-f]+)\s+(?P<object>\S+)$",
    re.MULTILINE,
)
_RUN_TIME = ".bss"


@dataclass(frozen=True, slots=True)
class Piece:
    """One input section: where it went, and the source that it came from."""

    section: str
    address: int
    size: int
    source: str


def read_pieces(text: str, sources: dict[str, str]) -> tuple[list[Piece], list[Piece]]:
    """The pieces that ld's map shows as linked, and those that it left out as unused.

    sources: object name as given to ld -> name of the source
    """
    marker = text.find("Linker script and memory map")
    kept: list[Piece] = []
    dropped: list[Piece] = []
    for match in _PIECE.finditer(text):
        size = int(match["size"], 16)
        if not size or match["name"].startswith(".debug"):
            continue
        source = sources.get(match["object"], match["object"])
        piece = Piece(match["name"], int(match["address"], 16), size, source)
        (kept if match.start() > marker else dropped).append(piece)
    return kept, dropped


def _symbol_rows(program: Program, pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    """Symbols with source and size: the distance to the next one (nasm gives most a size of 1)."""
    rows: list[dict[str, Any]] = []
    for data in (False, True):
        inside = sorted(
            (piece for piece in pieces if piece.section.startswith(_RUN_TIME) is data),
            key=lambda piece: piece.address,
        )
        starts = [piece.address for piece in inside]
        names = [
            symbol
            for symbol in program.symbols
            if symbol.section and (symbol.section == _RUN_TIME) is data
        ]
        # At one address the global name comes last, so that it gets the distance as its size.
        names.sort(key=lambda symbol: (symbol.value, symbol.is_global, symbol.name))
        for index, symbol in enumerate(names):
            at = bisect_right(starts, symbol.value) - 1
            piece = inside[at] if at >= 0 else None
            if piece is not None and symbol.value >= piece.address + piece.size:
                piece = None
            after = names[index + 1].value if index + 1 < len(names) else symbol.value
            end = min(after, piece.address + piece.size) if piece else symbol.value
            if piece and index + 1 == len(names):
                end = piece.address + piece.size
            rows.append(_row(symbol, max(end - symbol.value, 0), piece))
    return rows


def _row(symbol: Symbol, size: int, piece: Piece | None) -> dict[str, Any]:
    return {
        "name": symbol.name,
        "section": symbol.section,
        "address": symbol.value,
        "size": size,
        "global": symbol.is_global,
        "file": piece.source if piece else "",
    }


def _file_sizes(pieces: Sequence[Piece]) -> dict[str, dict[str, int]]:
    """Bytes in the image and in the data segment by source."""
    sizes: dict[str, dict[str, int]] = {}
    for piece in pieces:
        row = sizes.setdefault(piece.source, {"image": 0, "data": 0})
        row["data" if piece.section.startswith(_RUN_TIME) else "image"] += piece.size
    return dict(sorted(sizes.items()))


def _part(program: Program, map_file: Path, sources: dict[str, str]) -> dict[str, Any]:
    """Sections, files and symbols of one linked program."""
    kept, dropped = read_pieces(map_file.read_text(), sources)
    return {
        "sections": [
            {
                "name": section.name,
                "address": section.address,
                "size": section.size,
                "in_image": bool(section.data),
            }
            for section in program.sections
        ],
        "files": _file_sizes(kept),
        "symbols": _symbol_rows(program, kept),
        "unused": [asdict(piece) for piece in dropped],
    }


def block_size(memory: Mapping[str, int], less: int = 0) -> int:
    """Bytes of the block that asm/rom/memory.asm takes, from an image's map.

    less: what base memory does not give
    """
    return sum(-(-size // PARAGRAPH) * PARAGRAPH for size in memory.values()) - less


def image_map(
    layout: Layout,
    rom: Program,
    rom_map: Path,
    undi: Program,
    undi_map: Path,
    sources: dict[str, str],
    used: int,
) -> dict[str, Any]:
    """The map of an image as JSON-ready data; all sizes and addresses in bytes.

    `base_less` is what an instance does without where its memory is base memory.
    used: bytes of the ROM file, packed; those of sections, files and symbols are the linked ones
    """
    size = -(-used // BLOCK) * BLOCK
    return {
        "schema": SCHEMA,
        "layout": layout.name,
        "image": {
            "size": size,
            "used": used,
            "linked": rom.value("rom_end"),
            "padding": size - used,
            "budget": layout.size_max,
            "free": layout.size_max - used,
            "resident": rom.value("rom_resident_end"),
        },
        "memory": {
            "data": rom.value("bss_size"),
            "stack": rom.value("stack_top") - rom.value("stack_bottom"),
            "undi_code": undi.value("undi_code_size"),
            "undi_data": undi.value("undi_data_size"),
        },
        "base_less": layout.base_less,
        "rom": _part(rom, rom_map, sources),
        "undi": _part(undi, undi_map, sources),
    }
