"""`romgen info`: show what is in an option ROM, ours or anybody's.

Every image of the chain with its ROM header, PCI data structure, device list, $PnP headers, UNDI
ROM ID, EFI header and the PE image inside, version structure, boot variables and sums. Each field
with its offset in the file. Secrets of the boot variables are never shown.

--check-version reads every place back that has a version: the PCIR's code revision, the numbers and
the text of the version structure, each $PnP product name, and compares them: with VERSION, or with
the version structure where none is given. The banner is no place of its own: the ROM prints the
product's name there.

--symbols adds what the ELF file beside FILE knows of the first image: its global symbols, and the
names of what the headers lead to.

A file that is damaged is shown as far as it goes; `romgen check` says what is wrong with it. Exit
codes: 0 shown, 1 there is no option ROM in the file, two places disagree, or the ELF file is of
another build, 2 a file cannot be read.
"""

from __future__ import annotations

import argparse
import json

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_FINDINGS, EXIT_OK, RomgenError, shown
from romgen.image.file import read_rom
from romgen.image.model import Rom
from romgen.image.parse import parse
from romgen.image.render import rom_data, rom_lines
from romgen.image.symbols import read_symbols, symbol_data, symbol_lines
from romgen.image.version import places, version_of
from romgen.version import Version


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("file", nargs="?", metavar="FILE", help="the ROM; - for standard input")
    parser.add_argument("--json", action="store_true", help="as JSON (schema 1)")
    parser.add_argument(
        "--check-version",
        nargs="?",
        const="",
        metavar="VERSION",
        help="only compare every place that has a version; exit 1 where one differs",
    )
    parser.add_argument("--symbols", action="store_true", help="with those of FILE's ELF file")
    parser.set_defaults(run=run)


def _wanted(rom: Rom, text: str) -> Version | None:
    """The version to compare with; None where there is none to be had from the file."""
    if text:
        return Version.parse(text)
    return next((v for image in rom.images if (v := version_of(image)) is not None), None)


def _check_version(name: str, rom: Rom, text: str, as_json: bool) -> int:
    """Say of every place whether it has the version."""
    wanted = _wanted(rom, text)
    found = [
        (place, place.wanted(wanted) if wanted is not None else "") for place in places(rom)
    ]
    missing = not any(image.version for image in rom.images)
    good = wanted is not None and not missing and all(w == p.found for p, w in found)
    if as_json:
        rows = [
            {
                "offset": place.offset,
                "place": place.name,
                "found": place.found,
                "wanted": wanted_text,
                "right": place.found == wanted_text,
            }
            for place, wanted_text in found
        ]
        version = str(wanted) if wanted is not None else None
        print(json.dumps({"schema": 1, "version": version, "right": good, "places": rows}))
        return EXIT_OK if good else EXIT_FINDINGS
    for place, wanted_text in found:
        verdict = "" if wanted_text == place.found else f", not {wanted_text or 'this'}"
        print(f"{name}+0x{place.offset:x}: {place.name}: {place.found}{verdict}")
    if missing:
        print(f"{name}+0x0: no version structure")
    elif wanted is None:
        print(f"{name}+0x0: the version structure disagrees with itself")
    return EXIT_OK if good else EXIT_FINDINGS


def run(args: argparse.Namespace) -> int:
    """Show the file."""
    file, version = args.file, args.check_version
    if file is None and version:
        file, version = version, ""  # `info --check-version FILE`
    if file is None:
        raise RomgenError("usage", "", "give a file")
    rom = parse(read_rom(file))
    name = shown(file)
    if version is not None:
        return _check_version(name, rom, version, args.json)
    first = rom.images[0] if rom.images and args.symbols else None
    symbols = read_symbols(file, first) if first is not None else []
    if args.json:
        data = rom_data(name, rom)
        if first is not None:
            data |= symbol_data(first, symbols)
        print(json.dumps(data, indent=1))
    elif rom.images:
        print("\n".join(rom_lines(name, rom)))
        if first is not None:
            print("\n".join(symbol_lines(first, symbols)))
    if rom.images:
        return EXIT_OK
    if args.json:
        return EXIT_FINDINGS
    raise RomgenError(
        "image-none",
        f"{name}+0x0",
        "no option ROM: it does not begin with 55 AA",
        status=EXIT_FINDINGS,
    )
