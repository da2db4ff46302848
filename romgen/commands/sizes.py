"""`romgen sizes`: compare the images' sizes with those at the last release.

For each layout that was built: the bytes of the image and of each part of it (sections, resident
part, run-time memory) that has changed since the release, from the maps in build/. The sizes at
the release are in layouts/released/sizes.toml; `--write` sets them and belongs into the commit of
the release. `--most N` fails where an image has grown by more than N bytes.

Exit codes: 0 shown, 1 an image has grown too much, 2 a map is missing or a file cannot be read.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from romgen.catalog import load_nics
from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_OK
from romgen.image.sidecar import read_map
from romgen.layout import names
from romgen.project import Project
from romgen.sizes import (
    IMAGE,
    Baseline,
    Change,
    baseline_path,
    compare,
    grown,
    measure,
    place_of,
    read_baseline,
    signed,
    write_baseline,
)


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("layouts", nargs="*", metavar="LAYOUT", help="default: every layout")
    parser.add_argument("--build-dir", type=Path, metavar="DIR", help="default: build")
    parser.add_argument("--write", action="store_true", help="make these sizes the release's")
    parser.add_argument("--most", type=int, metavar="N", help="fail above N bytes of growth")
    formats = ("text", "json", "markdown")
    parser.add_argument("--format", choices=formats, default="text", help="default: text")
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="as --format json"
    )
    parser.set_defaults(run=run)


def _parts(change: Change) -> str:
    """The parts that have changed, but the image itself."""
    changed = ((part, change.by(part)) for part in change.now if part != IMAGE)
    return ", ".join(f"{part} {signed(by)}" for part, by in changed if by)


def _text(baseline: Baseline, changes: list[Change]) -> Iterator[str]:
    """The table for people."""
    wide = max(len(change.layout) for change in changes)
    yield f"{'layout':<{wide}}   bytes  since {baseline.version or 'no release'}"
    for change in changes:
        line = f"{change.layout:<{wide}}  {change.now[IMAGE]:>6}  {signed(change.by(IMAGE)):>6}"
        yield f"{line}  {_parts(change)}".rstrip()


def _markdown(baseline: Baseline, changes: list[Change]) -> Iterator[str]:
    """The table for a comment on a change."""
    yield f"| layout | bytes | since {baseline.version or 'no release'} | parts |"
    yield "|---|---:|---:|---|"
    for change in changes:
        by = signed(change.by(IMAGE))
        yield f"| {change.layout} | {change.now[IMAGE]} | {by} | {_parts(change)} |"


def run(args: argparse.Namespace) -> int:
    """Compare, or write."""
    project = Project(build=args.build_dir.resolve()) if args.build_dir else Project()
    nics = load_nics(project.tables / "nics.toml", project.root)
    known = names(project.layouts, nics, project.root)
    sizes = {
        name: measure(read_map(project.build / f"{name}.map.json"))
        for name in args.layouts or known
    }
    path = baseline_path(project)
    baseline = read_baseline(path, project.root)
    if args.write:
        write_baseline(path, baseline, sizes, set(known))
        print(f"{place_of(project)}: {len(sizes)} layouts")
        return EXIT_OK
    changes = compare(baseline, sizes)
    if args.format == "json":
        rows = [
            {"layout": one.layout, "sizes": one.now, "before": one.before} for one in changes
        ]
        print(json.dumps({"schema": 1, "release": baseline.version, "layouts": rows}, indent=1))
    else:
        lines = _markdown if args.format == "markdown" else _text
        print("\n".join(lines(baseline, changes)))
    if args.most is not None:
        grown(changes, args.most, place_of(project))
    return EXIT_OK
