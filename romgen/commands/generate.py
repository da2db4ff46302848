"""`romgen generate`: write the generated includes of layouts, without assembling.

Into `build/<layout>/gen`: what an editor or a debugger needs to find constants and structures.

Exit codes: 0 written, 2 a mistake in a layout or a table.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from romgen.catalog import load_nics
from romgen.commands import Subparsers
from romgen.generate import generate, load_inputs
from romgen.layout import names
from romgen.project import Project


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = sub.add_parser("generate", help="write build/<layout>/gen only")
    parser.add_argument("layouts", nargs="*", metavar="LAYOUT", help="default: every layout")
    parser.add_argument("--build-dir", type=Path, metavar="DIR", help="default: build")
    parser.add_argument("--json", action="store_true", help="the folders as JSON (schema 1)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Generate for each layout; prints the folders."""
    project = Project(build=args.build_dir.resolve()) if args.build_dir else Project()
    folders = []
    nics = load_nics(project.tables / "nics.toml", project.root)
    for name in args.layouts or names(project.layouts, nics, project.root):
        inputs = load_inputs(project, name)
        for kind in (".inc", ".asm"):
            generate(project, inputs, kind)
        folders.append(str(project.generated(name)))
    print(json.dumps({"schema": 1, "folders": folders}) if args.json else "\n".join(folders))
    return 0
