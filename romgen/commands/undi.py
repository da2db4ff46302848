"""`romgen undi`: other people's UNDI.

`romgen undi extract FILE` finds the loadable UNDI in a vendor's PXE ROM, or in any file that holds
such an image (a BIOS module, a dump), shows what it is, and with -o writes the image that holds it.
A layout with `undi = "blob:PATH"` builds our ROM over it; PATH may be either file.

Exit codes: 0 found, 1 there is none or it cannot be used (with its offset), 2 the file cannot be
read or written.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_OK, shown
from romgen.image.file import read_rom, write_rom
from romgen.undi_blob import Blob, find

SCHEMA = 1


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    extract = actions.add_parser(
        "extract",
        help="find the UNDI in a file, show it, write it",
        description="Finds the loadable UNDI in FILE, shows what it is, writes its image with -o.",
    )
    extract.add_argument("file", metavar="FILE", help="the ROM; - for standard input")
    extract.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write it")
    extract.add_argument("--json", action="store_true", help=f"as JSON (schema {SCHEMA})")
    extract.set_defaults(run=run)


def lines(name: str, blob: Blob) -> list[str]:
    """What it is, for people."""
    who = " ".join(filter(None, (blob.manufacturer, blob.product))) or "nameless"
    return [
        f"{name}+0x{blob.offset:x}: {who}, {len(blob.data)} bytes",
        f"  adapter      {blob.pci or 'no PCI data structure'}",
        f"  UNDI         {blob.revision}, bus {blob.bus!r}, UNDI ROM ID at 0x{blob.pointer:x}",
        f"  loader       0x{blob.loader:x}",
        f"  code         {blob.code_size} bytes",
        f"  data         {blob.data_size} bytes",
        f"  stack        {blob.stack} bytes",
        *(f"  note         {note}" for note in blob.notes),
    ]


def run(args: argparse.Namespace) -> int:
    """Find, show, write."""
    name = shown(args.file)
    blob = find(read_rom(args.file), name)
    if args.output is not None:
        write_rom(args.output, blob.data, [args.file])
    if args.json:
        print(json.dumps({"schema": SCHEMA, "file": name, **blob.values()}, indent=1))
    else:
        print("\n".join(lines(name, blob)))
    return EXIT_OK
