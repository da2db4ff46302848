"""`romgen merge`: put the images of several option ROMs into one.

The images follow each other in the order of the files; the last one is marked as last, the others
are not, and all sums are mended. Each image needs a PCI data structure, by which the next one is
found. Two images for the same device and the same kind of code are refused: only the first one
would ever be run.

Exit codes: 0 written, 1 the images do not make a ROM, 2 a file cannot be read or written.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_OK, shown
from romgen.image.file import read_rom, write_rom
from romgen.image.merge import merge
from romgen.image.parse import parse


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="the ROMs, in this order")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the ROM to write")
    parser.add_argument("--json", action="store_true", help="what was written, as JSON (schema 1)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Join the files."""
    joined = merge([(shown(file), read_rom(file)) for file in args.files])
    write_rom(Path(args.output), joined, args.files)
    images = parse(joined).images
    if args.json:
        rows = [{"offset": one.offset, "size": one.length} for one in images]
        report = {"schema": 1, "file": shown(args.output), "size": len(joined), "images": rows}
        print(json.dumps(report, indent=1))
    else:
        count = f"{len(images)} image{'s' * (len(images) != 1)}"
        print(f"{shown(args.output)}: {len(joined)} bytes, {count}")
    return EXIT_OK
