"""`romgen extract`: write parts of an option ROM to files.

PATH is a name that `romgen ls` shows, e.g. 0 (the first image) or 1/pe. With --all each image,
each PE image and the boot variables go into a folder. The bytes are those of the file: an image's
sums and its bit "last image" are not changed (`romgen merge` of one file does that). Only a PE
image that is compressed in the file is written unpacked.

Exit codes: 0 written, 1 there is no option ROM in the file, 2 there is no such part, or a file
cannot be read or written.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_FINDINGS, EXIT_OK, RomgenError, shown
from romgen.image.entries import Entry, entries, entry
from romgen.image.file import read_rom, write_rom
from romgen.image.parse import parse

WHOLE = {"image": ".rom", "pe": ".efi", "ev_block": ".ev", "rest": ".bin"}
"""What --all writes, by kind, and how the files' names end."""


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("file", metavar="FILE", help="the ROM; - for standard input")
    parser.add_argument("path", nargs="?", metavar="PATH", help="the part")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to; - for standard output")
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every whole part into FOLDER")
    parser.add_argument("--json", action="store_true", help="what was written, as JSON (schema 1)")
    parser.set_defaults(run=run)


def _content(one: Entry, data: bytes) -> bytes:
    """What to write for a part."""
    return data[one.offset : one.offset + one.size] if one.content is None else one.content


def _report(args: argparse.Namespace, written: list[tuple[Entry, Path]]) -> None:
    """Say what was written where; one part that was asked for needs no words."""
    if args.json:
        rows = [
            {
                "path": one.path,
                "kind": one.kind,
                "offset": one.offset,
                "size": one.size,
                "file": shown(target),
            }
            for one, target in written
        ]
        print(json.dumps({"schema": 1, "parts": rows}, indent=1))
    elif args.all is not None:
        for one, target in written:
            print(f"{shown(target)}: {one.size} bytes, {one.kind} at 0x{one.offset:x}")


def run(args: argparse.Namespace) -> int:
    """Write one part, or all."""
    if args.json and args.output == "-":
        raise RomgenError("usage", "", "--json and -o - both want standard output")
    if (args.path is None) == (args.all is None) or (args.output is None) != (args.path is None):
        raise RomgenError("usage", "", "give PATH and -o, or --all")
    data = read_rom(args.file)
    rom = parse(data)
    if not rom.images:
        where = f"{shown(args.file)}+0x0"
        raise RomgenError("image-none", where, "no option ROM", status=EXIT_FINDINGS)
    if args.path is not None:
        one = entry(rom, args.path, shown(args.file))
        part = _content(one, data)
        if args.output == "-":
            sys.stdout.buffer.write(part)
        else:
            write_rom(Path(args.output), part, [args.file])
            _report(args, [(one, Path(args.output))])
        return EXIT_OK
    try:
        args.all.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RomgenError("file-write", shown(args.all), f"{error.strerror}") from error
    written = []
    for one in entries(rom):
        if one.kind in WHOLE:
            target = args.all / (one.path.replace("/", "-") + WHOLE[one.kind])
            write_rom(target, _content(one, data), [args.file])
            written.append((one, target))
    _report(args, written)
    return EXIT_OK
