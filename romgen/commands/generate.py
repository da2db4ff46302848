"""`romgen generate`: write the generated includes of layouts, without assembling."""

from __future__ import annotations

import argparse
from pathlib import Path

from romgen.commands import Subparsers
from romgen.generate import generate, load_inputs
from romgen.layout import names
from romgen.project import Project


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = sub.add_parser("generate", help="write build/<layout>/gen only")
    parser.add_argument("layouts", nargs="*", metavar="LAYOUT", help="default: every layout")
    parser.add_argument("--build-dir", type=Path, metavar="DIR", help="default: build")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Generate for each layout; prints the folders."""
    project = Project(build=args.build_dir.resolve()) if args.build_dir else Project()
    for name in args.layouts or names(project.layouts, project.root):
        inputs = load_inputs(project, name)
        for kind in (".inc", ".asm"):
            generate(project, inputs, kind)
        print(project.generated(name))
    return 0
