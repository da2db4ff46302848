"""`romgen ls`: list the parts of an option ROM by name.

Every image of the chain (0, 1 ...), its structures (0/header, 0/pcir, 0/pnp0 ...), device list,
texts, boot variables, the PE image of an EFI image, and what stands behind the last image (rest).
`romgen extract` and `romgen patch` take these names.

With --symbols also the sections and symbols of an image of ours, from FILE's .map.json beside it.

Exit codes: 0 listed, 1 there is no option ROM in the file, 2 a file cannot be read.
"""

from __future__ import annotations

import argparse
import json

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_FINDINGS, EXIT_OK, shown
from romgen.image.entries import Entry, entries
from romgen.image.file import read_rom
from romgen.image.parse import parse
from romgen.image.sidecar import beside, read_map, rom_symbols


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("file", metavar="FILE", help="the ROM")
    parser.add_argument("--symbols", action="store_true", help="with the symbols of FILE's map")
    parser.add_argument("--json", action="store_true", help="as JSON (schema 1)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List the file."""
    found = entries(parse(read_rom(args.file)))
    if args.symbols:
        found += [
            Entry(name, kind, offset, size)
            for name, kind, offset, size in rom_symbols(read_map(beside(args.file)))
        ]
    if args.json:
        names = ("path", "kind", "offset", "size")
        rows = [{name: getattr(one, name) for name in names} for one in found]
        data = {"schema": 1, "file": shown(args.file), "entries": rows}
        print(json.dumps(data, indent=1))
    else:
        for one in found:
            print(f"{one.offset:06x} {one.size:>8}  {one.kind:<13} {one.path}")
    return EXIT_OK if found else EXIT_FINDINGS
