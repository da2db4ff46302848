"""`romgen ev`: check, mend, show and store boot variables.

The variables are described in docs/guide/variables.md. Secrets are never shown.

Exit codes: 0 in order, 1 there are errors, 2 a file cannot be read or written.
"""

from __future__ import annotations

import argparse
import json
import os
import stat
import sys
from pathlib import Path

from romgen.commands import Subparsers
from romgen.errors import EXIT_FINDINGS, EXIT_OK, RomgenError, shown
from romgen.ev import Parsed, parse, table
from romgen.ev.block import SIGNATURE, find, pack, unpack
from romgen.ev.fix import Change, fix
from romgen.ev.render import finding_line, page, report_json, summary, value_lines
from romgen.project import Project, write_atomic

ROM_SIGNATURE = b"\x55\xaa"
DOC_MARK = "<!-- generated from here on by `romgen ev doc` -->"


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = sub.add_parser("ev", help="check, mend, show and store boot variables")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    check = actions.add_parser("check", help="say what is wrong with a text")
    check.add_argument("file", metavar="FILE", help="the text; - for standard input")
    check.add_argument(
        "--fix", action="store_true", help="mend what has one sure remedy, in the file itself"
    )
    check.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead")
    check.add_argument("--json", action="store_true", help="findings and values as JSON")
    check.set_defaults(run=run_check)

    show = actions.add_parser("show", help="show the values that a text or a ROM has")
    show.add_argument("file", metavar="FILE", help="a text, an EV block or a ROM image")
    show.add_argument("--json", action="store_true", help="as JSON")
    show.set_defaults(run=run_show)

    block = actions.add_parser("block", help="make the stored form: version, lengths, CRC, text")
    block.add_argument("file", metavar="FILE", help="the text; - for standard input")
    block.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    block.add_argument(
        "--capacity", type=int, default=0, metavar="N", help="room for text in bytes"
    )
    block.set_defaults(run=run_block)

    doc = actions.add_parser("doc", help="write docs/guide/variables.md anew from the table")
    doc.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead")
    doc.set_defaults(run=run_doc)


def run(args: argparse.Namespace) -> int:
    """Run the chosen action."""
    status: int = args.run(args)
    return status


def read_bytes(file: str) -> bytes:
    """The content of `file`, or of standard input. Error: it cannot be read."""
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise RomgenError("file-read", file, f"cannot read: {error.strerror}") from error


def write_private(path: Path, data: bytes, source: str) -> None:
    """Write `path` whole, readable for those who may read `source`: there may be secrets in it."""
    mode = 0o600 if source == "-" else stat.S_IMODE(os.stat(source).st_mode)
    path = path.resolve()  # a symbolic link stays one
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            os.fchmod(stream.fileno(), mode)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RomgenError("file-write", str(path), f"cannot write: {error.strerror}") from error


def text_in(data: bytes, file: str) -> bytes:
    """The text in a text, an EV block or a ROM image. Errors: no block, or a damaged one."""
    if data.startswith(SIGNATURE):
        return unpack(data, file)
    if not data.startswith(ROM_SIGNATURE):
        return data
    offset = find(data)
    if offset is None:
        raise RomgenError("ev-block", file, "this image has no EV block")
    text = unpack(data[offset:], f"{file}+0x{offset:x}")
    if not text:
        raise RomgenError("ev-block", file, "the EV block of this image is empty")
    return text


def run_check(args: argparse.Namespace) -> int:
    """Findings of a text, which is mended first where that is asked for."""
    if args.output and not args.fix:
        raise RomgenError("usage", "", "-o goes with --fix")
    if args.fix and args.file == "-" and not args.output:
        raise RomgenError("usage", "", "--fix of standard input needs -o")
    text, name = read_bytes(args.file), shown(args.file)
    changes: tuple[Change, ...] = ()
    if args.fix:
        text, changes = (fixed := fix(text)).text, fixed.changes
        target = args.output or Path(args.file)
        if changes or args.output:
            write_private(target, text, args.file)
        name = shown(target)
    found = parse(text)
    if args.json:
        report = report_json(name, table(), found)
        report["changes"] = [{"line": x.line, "what": x.what} for x in changes]
        print(json.dumps(report, indent=2))
    else:
        _print_check(args.file, name, found, changes)
    return EXIT_FINDINGS if found.errors else EXIT_OK


def _print_check(before: str, name: str, found: Parsed, changes: tuple[Change, ...]) -> None:
    """Changes by the lines of the old text, findings by those of the new one."""
    for change in changes:
        print(f"{before}:{change.line}: mended: {change.what}")
    for finding in found.by_line():
        print(finding_line(name, finding))
    print(f"{name}: {summary(found)}")


def run_show(args: argparse.Namespace) -> int:
    """Values as the ROM takes them. Secrets are not shown."""
    name = shown(args.file)
    found = parse(text_in(read_bytes(args.file), name))
    if args.json:
        print(json.dumps(report_json(name, table(), found), indent=2))
    else:
        for finding in found.by_line():
            print(finding_line(name, finding), file=sys.stderr)
        print("\n".join(value_lines(table(), found)))
    return EXIT_FINDINGS if found.errors else EXIT_OK


def run_block(args: argparse.Namespace) -> int:
    """Make an EV block of a text without errors."""
    text, name = read_bytes(args.file), shown(args.file)
    found = parse(text)
    for finding in found.by_line():
        print(finding_line(name, finding), file=sys.stderr)
    if found.errors:
        return EXIT_FINDINGS
    if not 0 <= args.capacity <= 0xFFFF:
        raise RomgenError("usage", "", f"--capacity {args.capacity}", "give 0 to 65535")
    write_private(args.output, pack(text, args.capacity), args.file)
    print(f"{args.output}: {len(text)} bytes of text")
    return EXIT_OK


def document(head: str) -> str:
    """The documentation's page: what stands above the mark, and the table."""
    return page(table(), head.partition(DOC_MARK)[0] + DOC_MARK)


def run_doc(args: argparse.Namespace) -> int:
    """Write the documentation's page; what stands above its mark stays."""
    path = Project().root / "docs" / "guide" / "variables.md"
    target = args.output or path
    write_atomic(target, document(read_bytes(str(path)).decode("utf-8")))
    print(target)
    return EXIT_OK
