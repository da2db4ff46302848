"""`romgen errors`: what the ROM says by its numbers, from the tables that the ROM is made of.

Exit codes: 0 shown, 2 there is no such number.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from romgen.catalog import ErrorEntry, load_errors
from romgen.commands import Subparsers
from romgen.errors import EXIT_OK, RomgenError
from romgen.project import Project, write_atomic

RANGES = (
    (1000, "ROM, memory, adapter, link"),
    (2000, "Boot variables"),
    (3000, "ARP, IP, TCP"),
    (4000, "iSCSI login and session"),
    (5000, "SCSI and the logical unit"),
    (6000, "INT 13h"),
    (7000, "Network boot"),
)
DETAILS = {
    "none": "",
    "ip": "an IP address",
    "dec": "a number",
    "hex": "a hexadecimal number",
    "line": "the line of the boot variables",
    "status": "class and detail of a status, or key, ASC and ASCQ of a sense",
}
HEAD = """# Error numbers

The ROM says `RG-nnnn what failed (detail): what to check`. The same line, longer:
`romgen errors RG-3012`. This page is written by `romgen errors --doc` from
`romgen/tables/errors/`.
"""


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = sub.add_parser("errors", help="explain the ROM's error numbers")
    parser.add_argument("number", nargs="?", help="for example RG-3012 or 3012; none: all")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--doc", action="store_true", help="write docs/errors.md anew")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain one number, list all, or write the page."""
    project = Project()
    entries = load_errors(project.tables / "errors", project.root)
    if args.doc:
        write_atomic(project.root / "docs" / "errors.md", page(entries))
        return EXIT_OK
    if args.number is not None:
        entries = [_find(entries, args.number)]
    if args.json:
        print(json.dumps([_plain(entry) for entry in entries], indent=2))
    elif args.number is not None:
        print(section(entries[0]), end="")
    else:
        for entry in entries:
            print(f"RG-{entry.number}  {entry.text}: {entry.check}")
    return EXIT_OK


def _find(entries: Sequence[ErrorEntry], text: str) -> ErrorEntry:
    digits = text.upper().removeprefix("RG-")
    for entry in entries:
        if digits == str(entry.number):
            return entry
    raise RomgenError(
        "error-number", text, "the ROM has no such error", "`romgen errors` lists all numbers"
    )


def _plain(entry: ErrorEntry) -> dict[str, object]:
    return {
        "number": entry.number,
        "name": entry.name,
        "text": entry.text,
        "check": entry.check,
        "detail": entry.detail,
        "page": entry.page.strip(),
    }


def section(entry: ErrorEntry) -> str:
    """One error as Markdown."""
    detail = DETAILS[entry.detail]
    lines = [f"### RG-{entry.number} {entry.text}", "", f"Check first: {entry.check}.", ""]
    if detail:
        lines += [f"In brackets: {detail}.", ""]
    return "\n".join([*lines, entry.page.strip(), ""])


def page(entries: Sequence[ErrorEntry]) -> str:
    """docs/errors.md."""
    parts = [HEAD]
    for first, title in RANGES:
        parts.append(f"## {title} ({first} to {first + 999})\n")
        parts += [section(entry) for entry in entries if first <= entry.number < first + 1000]
    return "\n".join(parts)
