"""`romgen diff`: say what differs between two option ROMs.

Fields, texts and boot variables by name (secrets are not shown), then, where both files have their
.map.json beside them, the symbols that came, went or changed their size and the disassembly of the
routines that changed; without maps the places where the bytes differ. Sums are ignored: they differ
whenever anything does.

Exit codes: 0 nothing but sums differs, 1 something does, 2 a file cannot be read.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_FINDINGS, EXIT_OK
from romgen.image import Rom, parse
from romgen.image.code_diff import Build, routines, sizes
from romgen.image.compare import Difference, byte_runs, fields
from romgen.image.file import read_rom
from romgen.image.sidecar import beside, read_map


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("before", metavar="A", help="a ROM")
    parser.add_argument("after", metavar="B", help="the ROM to compare with it")
    parser.add_argument("--no-code", action="store_true", help="without disassembly")
    parser.add_argument("--json", action="store_true", help="as JSON (schema 1)")
    parser.set_defaults(run=run)


def _maps(args: argparse.Namespace, before: Rom, after: Rom) -> tuple[Build, Build] | None:
    """Both builds, where both maps are there and are those of these files."""
    paths = beside(args.before), beside(args.after)
    if not all(path.exists() for path in paths):
        return None
    found = [Build(rom.data, read_map(p)) for rom, p in zip((before, after), paths, strict=True)]
    if any(build.map["image"]["size"] != len(build.data) for build in found):
        return None
    return found[0], found[1]


def _line(one: Difference) -> str:
    return f"{one.what}: {one.before or '(none)'} -> {one.after or '(none)'}"


def run(args: argparse.Namespace) -> int:
    """Compare the files."""
    before, after = parse(read_rom(args.before)), parse(read_rom(args.after))
    runs = byte_runs(before, after)
    report: dict[str, Any] = {
        "schema": 1,
        "sizes": [before.size, after.size],
        "fields": list(fields(before, after)),
        "symbols": [],
        "routines": {},
        "bytes": [{"offset": offset, "length": length} for offset, length in runs],
    }
    builds = _maps(args, before, after)
    if builds is not None:
        report["symbols"] = list(sizes(*builds))
        if not args.no_code:
            report["routines"] = dict(routines(*builds))
    if args.json:
        for name in ("fields", "symbols"):
            report[name] = [asdict(one) for one in report[name]]
        print(json.dumps(report, indent=1))
    else:
        _print(report, builds is not None)
    same = before.size == after.size and not runs and not report["fields"]
    return EXIT_OK if same else EXIT_FINDINGS


def _print(report: dict[str, Any], mapped: bool) -> None:
    """The report for people."""
    if report["sizes"][0] != report["sizes"][1]:
        print(f"{report['sizes'][0]} -> {report['sizes'][1]} bytes")
    for one in (*report["fields"], *report["symbols"]):
        print(_line(one))
    for name, lines in report["routines"].items():
        print(f"{name}:")
        print("\n".join(f"  {line}" for line in lines))
    if not mapped:
        for run_ in report["bytes"]:
            print(f"0x{run_['offset']:x}: {run_['length']} bytes differ")
    total = sum(run_["length"] for run_ in report["bytes"])
    places = len(report["bytes"])
    print(f"{len(report['fields'])} fields differ; {total} bytes in {places} places, sums aside")
