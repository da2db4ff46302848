"""`romgen patch`: set fields of an option ROM by name.

A field is written `pcir.vendor=0x8086`, with the image in front where it is not the first:
`1/pcir.device=0x100e`. `romgen info` shows the names. Numbers are decimal, or hex with 0x; fields
of bytes are written in hex. `pnp.product=text` and `pnp.manufacturer=text` replace a text in the
room that it has, `devices=100e,100f` the device list.

Signatures and sums are not set by hand: all sums are mended. The bytes that differ are printed, and
the file is written whole or not at all. What `romgen check` calls an error afterwards and did not
before is refused without --force.

Exit codes: 0 written, 1 refused, 2 no such field, a value that does not fit, or a file that cannot
be read or written.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_FINDINGS, EXIT_OK, RomgenError, shown
from romgen.image.file import read_rom, write_rom
from romgen.image.mend import difference
from romgen.image.parse import parse
from romgen.image.patch import patch
from romgen.rules import Finding, findings


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("file", metavar="FILE", help="the ROM")
    parser.add_argument("fields", nargs="+", metavar="FIELD=VALUE", help="what to set")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    parser.add_argument("--force", action="store_true", help="write even what is wrong then")
    parser.add_argument("--json", action="store_true", help="the difference as JSON (schema 1)")
    parser.set_defaults(run=run)


def _errors(data: bytes) -> dict[tuple[str, int], Finding]:
    found = findings(parse(data))
    return {(one.rule.id, one.offset): one for one in found if one.severity == "error"}


def run(args: argparse.Namespace) -> int:
    """Set the fields."""
    if args.file == "-" and not (args.output or args.dry_run):
        raise RomgenError("usage", "", "standard input needs -o or --dry-run")
    before = read_rom(args.file)
    name = shown(args.file)
    if not parse(before).images:
        raise RomgenError("image-none", f"{name}+0x0", "no option ROM", status=EXIT_FINDINGS)
    after = patch(before, args.fields)
    known = _errors(before)
    new = [one for key, one in _errors(after).items() if key not in known]
    if new and not args.force:
        raise RomgenError(
            "patch-wrong",
            f"{name}+0x{new[0].offset:x}",
            f"{new[0].rule.id} would be wrong then: {new[0].rule.title}: {new[0].message}",
            "--force writes it all the same",
            status=EXIT_FINDINGS,
        )
    runs = difference(before, after)
    if not args.dry_run and (runs or args.output):
        write_rom(Path(args.output or args.file), after, [args.file])
    if args.json:
        rows = [{"offset": at, "before": a.hex(), "after": b.hex()} for at, a, b in runs]
        print(json.dumps({"schema": 1, "file": name, "changes": rows}, indent=1))
    else:
        for offset, old, now in runs:
            print(f"{name}+0x{offset:x}: {old.hex(' ')} -> {now.hex(' ')}")
        print(f"{name}: {sum(len(old) for _, old, _ in runs)} bytes differ")
    return EXIT_OK
