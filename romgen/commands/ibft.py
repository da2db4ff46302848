"""`romgen ibft`: show and check the table that the ROM leaves for the operating system.

Exit codes: 0 in order, 1 something is wrong with it, 2 there is none, or a file cannot be read.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from romgen.commands import Subparsers
from romgen.errors import EXIT_FINDINGS, EXIT_OK, shown
from romgen.ibft import Table
from romgen.ibft.render import finding_line, json_of, lines
from romgen.ibft.source import from_acpi, from_bytes, from_qmp_socket, read


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = sub.add_parser("ibft", help="show and check the iBFT of a machine")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    dump = actions.add_parser(
        "dump",
        help="take a table apart; exit 1 where something is wrong with it",
        description="Shows the iBFT in FILE: a table alone (/sys/firmware/acpi/tables/iBFT) or an "
        "image of memory. Without FILE: of this machine's ACPI, or of a QEMU with --qmp.",
    )
    source = dump.add_mutually_exclusive_group()
    source.add_argument("file", nargs="?", type=Path, metavar="FILE")
    source.add_argument("--qmp", type=Path, metavar="SOCKET", help="a running QEMU's QMP socket")
    dump.add_argument(
        "--base", type=lambda text: int(text, 0), metavar="N", help="address of the image's start"
    )
    dump.add_argument("--show-secrets", action="store_true", help="CHAP secrets in clear")
    dump.add_argument("--json", action="store_true", help="as JSON")
    dump.set_defaults(run=run_dump)


def _tables(args: argparse.Namespace) -> tuple[str, list[Table]]:
    if args.qmp is not None:
        return str(args.qmp), from_qmp_socket(args.qmp)
    if args.file is None:
        return "ACPI", from_acpi()
    return shown(args.file), from_bytes(read(args.file), str(args.file), args.base)


def run_dump(args: argparse.Namespace) -> int:
    """Every table that is found; systems take the first one."""
    where, tables = _tables(args)
    if args.json:
        print(json.dumps([json_of(t, where, secrets=args.show_secrets) for t in tables], indent=2))
    else:
        for table in tables:
            print("\n".join(lines(table, secrets=args.show_secrets)))
            for finding in table.findings:
                print(finding_line(where, finding))
        if len(tables) > 1:
            print(f"{where}: {len(tables)} tables: systems take the first one")
    bad = len(tables) > 1 or any(table.errors for table in tables)
    return EXIT_FINDINGS if bad else EXIT_OK
