"""`romgen addr2line`: tell the source line and symbol at an address of a running ROM.

PROGRAM is a layout that was built, a ROM with its .elf beside it, or an ELF file. ADDRESS is an
offset in the ROM (1a2b, 0x1a2b), or SEG:OFF in hexadecimal as a register dump shows CS:IP. Say
where things are with --rom, --undi (the UNDI's code), --undi-data and --data (DGROUP), and SEG may
be any segment that reaches them; without --rom a segment is taken for the ROM's own, or for its
copy in memory, in which every offset is the same.

Exit codes: 0 found, 1 one of the addresses is outside of every program, 2 wrong arguments or files.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_FINDINGS, EXIT_OK, RomgenError, shown
from romgen.lines import Lines, Spot
from romgen.project import Project

PARAGRAPH = 16
MEGABYTE = 1 << 20
PARTS = ("rom", "undi", "undi-data", "data")
"""What may be at a segment: program and segment that they stand for follow from the name."""


def segment(text: str) -> int:
    """A segment as an argument."""
    value = int(text, 16)
    if not 0 <= value <= 0xFFFF:
        raise ValueError
    return value


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("program", metavar="PROGRAM", help="layout, ROM or ELF file")
    parser.add_argument("addresses", nargs="+", metavar="ADDRESS", help="OFF or SEG:OFF")
    parser.add_argument("--rom", type=segment, metavar="SEG", help="the ROM's segment")
    parser.add_argument("--undi", type=segment, metavar="SEG", help="the UNDI's code segment")
    parser.add_argument("--undi-data", type=segment, metavar="SEG", help="its data segment")
    parser.add_argument("--data", type=segment, metavar="SEG", help="the ROM's data, DGROUP")
    parser.add_argument("--json", action="store_true", help="as JSON (schema 1)")
    parser.set_defaults(run=run)


def elf_files(name: str) -> tuple[Path, Path]:
    """The ROM's and the UNDI's ELF file of a layout, a ROM or one of the two."""
    path = Path(name)
    if not path.exists() and "/" not in name and not path.suffix:
        path = Project().build / f"{name}.elf"
    stem = path.name.removesuffix(path.suffix).removesuffix(".undi")
    elf = path.with_name(f"{stem}.elf")
    if not elf.is_file():
        raise RomgenError("elf-read", shown(elf), "is not there", "romgen build writes it")
    return elf, path.with_name(f"{stem}.undi.elf")


def parse_address(text: str) -> tuple[int | None, int]:
    """Segment, None where there is none, and offset. Error: another form."""
    segment, colon, offset = text.rpartition(":")
    try:
        found = (int(segment, 16) if colon else None, int(offset, 16))
    except ValueError:
        found = (None, -1)
    if not 0 <= found[1] < MEGABYTE or not 0 <= (found[0] or 0) <= 0xFFFF:
        raise RomgenError("address", text, "is no address", "give OFF or SEG:OFF in hexadecimal")
    return found


class Places:
    """Where the programs are. segments: of PARTS, as far as they are known."""

    def __init__(self, rom: Lines, undi: Lines | None, segments: dict[str, int | None]) -> None:
        self._rom, self._undi, self._segments = rom, undi, segments

    def find(self, segment: int | None, offset: int) -> tuple[str, Spot] | None:
        """Part and spot of an address; None outside of all."""
        if segment is None:
            return self._in("rom", offset)
        known = {part: base for part in PARTS if (base := self._segments[part]) is not None}
        # What lies highest below the address comes first: DGROUP and UNDI follow each other.
        for part, base in sorted(known.items(), key=lambda one: -one[1]):
            linear = (segment - base) * PARAGRAPH + offset
            if linear >= 0 and (found := self._in(part, linear)) is not None:
                return found
        return None if "rom" in known else self._in("rom", offset)

    def _in(self, part: str, offset: int) -> tuple[str, Spot] | None:
        lines = self._undi if part.startswith("undi") else self._rom
        spot = lines.spot(offset, part.endswith("data")) if lines else None
        return (part, spot) if spot else None


def run(args: argparse.Namespace) -> int:
    """Look each address up."""
    elf, undi = elf_files(args.program)
    wanted = [(text, *parse_address(text)) for text in args.addresses]
    segments = {part: getattr(args, part.replace("-", "_")) for part in PARTS}
    if not undi.is_file() and (segments["undi"] or segments["undi-data"]):
        raise RomgenError("elf-read", shown(undi), "is not there", "romgen build writes it")
    places = Places(Lines(elf), Lines(undi) if undi.is_file() else None, segments)
    found = [(text, places.find(segment, offset)) for text, segment, offset in wanted]
    if args.json:
        rows = [
            {"query": text, "part": one[0], **asdict(one[1])} if one else {"query": text}
            for text, one in found
        ]
        print(json.dumps({"schema": 1, "addresses": rows}, indent=1))
    else:
        for text, one in found:
            print(f"{text}  {_line(*one)}" if one else f"{text}  outside of the ROM and its UNDI")
    return EXIT_OK if all(one for _, one in found) else EXIT_FINDINGS


def _line(part: str, spot: Spot) -> str:
    """What a person reads of a spot."""
    symbol = f"{spot.symbol}+0x{spot.offset:x}" if spot.offset else spot.symbol
    where = f"{spot.file}:{spot.line}" if spot.file else "no line"
    return f"{part} 0x{spot.address:04x} {spot.section} {symbol or '?'}  {where}"
