"""`romgen fix`: mend what has one sure remedy in an option ROM.

Lengths of 0 where the image's other length is known, the bit "last image" of the last one, the
sums of $PnP headers, UNDI ROM ID and version structure, and the sum of each image. A sum is only
put into a byte that is free for it. The file keeps its length.

With --check nothing is written. Exit codes: 0 nothing to mend and no errors left, 1 --check found
something to mend, or errors are left that only a person can mend, 2 a file cannot be read or
written.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_FINDINGS, EXIT_OK, RomgenError, shown
from romgen.image.file import read_rom, write_rom
from romgen.image.mend import mend
from romgen.rules import findings
from romgen.rules.render import Checked, json_data, text_lines


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("file", metavar="FILE", help="the ROM")
    parser.add_argument("--check", action="store_true", help="only say what would be mended")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead")
    parser.add_argument("--json", action="store_true", help="as JSON (schema 1)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Mend the file."""
    if args.file == "-" and not (args.output or args.check):
        raise RomgenError("usage", "", "standard input needs -o or --check")
    data = read_rom(args.file)
    editor = mend(data)
    left = [found for found in findings(editor.rom()) if found.severity == "error"]
    if not args.check and (editor.changes or args.output):
        write_rom(Path(args.output or args.file), bytes(editor.data), [args.file])
    name = shown(args.file if args.check or not args.output else args.output)
    checked = [Checked(name, len(data), left)]
    if args.json:
        changes = [
            {"offset": one.offset, "before": one.before.hex(), "after": one.after.hex()}
            | {"what": one.what}
            for one in editor.changes
        ]
        left_data = json_data(checked)["files"][0]["findings"]
        print(json.dumps({"schema": 1, "file": name, "changes": changes, "left": left_data}))
    else:
        verb = "to mend" if args.check else "mended"
        for one in editor.changes:
            moved = f"{one.before.hex(' ')} -> {one.after.hex(' ')}"
            print(f"{name}+0x{one.offset:x}: {verb}: {one.what}: {moved}")
        print("\n".join(text_lines(checked)))
    return EXIT_FINDINGS if left or (args.check and editor.changes) else EXIT_OK
