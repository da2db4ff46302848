"""`romgen build`: make the ROMs of layouts.

For each layout `build/<layout>.rom`, `.elf` and `.undi.elf` (symbols, DWARF) and `.map.json`. The
version is that of romgen/__init__.py; commit, its date and whether files were changed go into the
version structure (`romgen stamp`), or SOURCE_DATE_EPOCH instead of the date. The same files make
the same bytes anywhere.

Exit codes: 0 built, 1 nasm or ld found a mistake or the image does not fit, 2 a mistake in a
layout, a table or the boot variables, 3 a tool is missing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from romgen.build import Built, read_ev
from romgen.build_all import Outcome, build_all
from romgen.catalog import load_nics
from romgen.commands import Subparsers
from romgen.errors import EXIT_OK, RomgenError, shown
from romgen.layout import load_layouts, names
from romgen.project import Project
from romgen.sizes import IMAGE, baseline_path, compare, measure, read_baseline, signed


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = sub.add_parser("build", help="build ROMs: build/<layout>.rom, .elf, .map.json")
    parser.add_argument(
        "layouts",
        nargs="*",
        metavar="LAYOUT",
        help="name in layouts/, or 'all'; default: those marked default",
    )
    parser.add_argument("--ev", type=Path, metavar="FILE", help="EV text for the image's EV block")
    parser.add_argument("--build-dir", type=Path, metavar="DIR", help="default: build")
    parser.add_argument("--json", action="store_true", help="result as JSON")
    parser.set_defaults(run=run)


def chosen(project: Project, wanted: list[str]) -> list[str]:
    """The layouts to build: those named, all of them, or those marked default."""
    if wanted and wanted != ["all"]:
        return wanted
    nics = load_nics(project.tables / "nics.toml", project.root)
    if wanted:
        return names(project.layouts, nics, project.root)
    layouts = load_layouts(project.layouts, nics, project.root)
    return [layout.name for layout in layouts if layout.default]


def checked_ev(path: Path) -> tuple[bytes, str]:
    """The EV text of `path` and its warnings. Error: the ROM could not boot with it."""
    # Most builds have no variables.
    from romgen.ev import parse
    from romgen.ev.render import finding_line

    text = read_ev(path)
    found = parse(text)
    lines = [f"{finding_line(shown(path), finding)}\n" for finding in found.by_line()]
    if found.errors:
        raise RomgenError(
            "ev-invalid",
            shown(path),
            "the ROM would not boot with these variables",
            detail="".join(lines),
        )
    return text, "".join(lines)


def _summary(built: Built) -> dict[str, Any]:
    """What JSON says of one image."""
    return {
        "layout": built.layout.name,
        "rom": str(built.rom),
        "elf": str(built.elf),
        "undi_elf": str(built.undi_elf),
        "map": str(built.map),
        "image": built.image_map["image"],
        "memory": built.image_map["memory"],
        "seconds": round(built.seconds, 3),
    }


def _line(built: Built) -> str:
    """What a person reads of one image."""
    image = built.image_map["image"]
    return (
        f"{shown(built.rom)}: {image['size']} bytes, {image['free']} of {image['budget']} free, "
        f"{image['resident']} resident, {built.seconds:.2f} s"
    )


def _table(project: Project, outcomes: list[Outcome], seconds: float) -> Iterator[str]:
    """What a person reads of several images."""
    baseline = read_baseline(baseline_path(project), project.root)
    wide = max(len(outcome.name) for outcome in outcomes)
    since = f"since {baseline.version}" if baseline.version else "since -"
    yield f"{'layout':<{wide}}     ROM    used    free  resident  memory  {since}  result"
    for outcome in outcomes:
        if outcome.built is None:
            yield f"{outcome.name:<{wide}}{'failed':>{44 + len(since)}}"
            continue
        image, memory = (outcome.built.image_map[part] for part in ("image", "memory"))
        by = compare(baseline, {outcome.name: measure(outcome.built.image_map)})[0].by(IMAGE)
        yield (
            f"{outcome.name:<{wide}}  {image['size']:>6}  {image['used']:>6}  {image['free']:>6}  "
            f"{image['resident']:>8}  {sum(memory.values()):>6}  {signed(by):>{len(since)}}  ok"
        )
    good = sum(outcome.built is not None for outcome in outcomes)
    yield f"{good} of {len(outcomes)} layouts in {shown(project.build)}, {seconds:.2f} s"


def run(args: argparse.Namespace) -> int:
    """Build the layouts; several of them at once. The worst exit code is the command's."""
    started = time.monotonic()
    project = Project(build=args.build_dir.resolve()) if args.build_dir else Project()
    text, warnings = checked_ev(args.ev) if args.ev else (b"", "")
    sys.stderr.write(warnings)
    layouts = chosen(project, args.layouts)
    if not layouts:
        raise RomgenError(
            "layout-none",
            shown(project.layouts, project.root),
            "no layout is marked default",
            "name one, or say 'all'",
        )
    outcomes = build_all(project, layouts, text)
    good = [outcome.built for outcome in outcomes if outcome.built]
    # A warning or mistake in what the layouts share is told once.
    for message in dict.fromkeys(built.messages for built in good):
        sys.stderr.write(message)
    if args.json:
        images = [_summary(built) for built in good]
        print(json.dumps({"schema": 1, "images": images}, indent=1))
    elif len(outcomes) > 1:
        print("\n".join(_table(project, outcomes, time.monotonic() - started)))
    elif good:
        print(_line(good[0]))
    errors = [outcome.error for outcome in outcomes if outcome.error]
    sys.stdout.flush()
    for message in dict.fromkeys(str(error) for error in errors):
        print(message, file=sys.stderr)
    return max((error.status for error in errors), default=EXIT_OK)
