"""`romgen info`: show what is in an option ROM, ours or anybody's.

Every image of the chain with its ROM header, PCI data structure, device list, $PnP headers, UNDI
ROM ID, EFI header and the PE image inside, version structure, boot variables and sums. Each field
with its offset in the file. Secrets of the boot variables are never shown.

A file that is damaged is shown as far as it goes; `romgen check` says what is wrong with it. Exit
codes: 0 shown, 1 there is no option ROM in the file, 2 the file cannot be read.
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
from romgen.image.version import Version, places


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("file", metavar="FILE", help="the ROM; - for standard input")
    parser.add_argument("--json", action="store_true", help="as JSON (schema 1)")
    parser.add_argument(
        "--check-version",
        metavar="VERSION",
        help="only compare every place that has a version with this one; exit 1 where one differs",
    )
    parser.set_defaults(run=run)


def _check_version(name: str, rom: Rom, wanted: Version) -> int:
    """Say of every place whether it has the version."""
    good = True
    for place in places(rom):
        right = place.wanted(wanted) == place.found
        verdict = "" if right else f", not {place.wanted(wanted)}"
        print(f"{name}+0x{place.offset:x}: {place.name}: {place.found}{verdict}")
        good = good and right
    if not any(image.version for image in rom.images):
        print(f"{name}+0x0: no version structure")
        good = False
    return EXIT_OK if good else EXIT_FINDINGS


def run(args: argparse.Namespace) -> int:
    """Show the file."""
    rom = parse(read_rom(args.file))
    name = shown(args.file)
    if args.check_version is not None:
        return _check_version(name, rom, Version.parse(args.check_version))
    if args.json:
        print(json.dumps(rom_data(name, rom), indent=1))
    elif rom.images:
        print("\n".join(rom_lines(name, rom)))
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
