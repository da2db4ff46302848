"""`romgen completion`: print the completion script for bash, zsh or fish.

    bash   source <(romgen completion bash)
    zsh    romgen completion zsh > "${fpath[1]}/_romgen"
    fish   romgen completion fish > ~/.config/fish/completions/romgen.fish

The script is made from the commands' own parsers. `layouts` prints the names of the layouts, which
the scripts ask for when a name is wanted.

Exit codes: 0 printed, 2 another shell.
"""

from __future__ import annotations

import argparse
import json

from romgen.catalog import load_nics
from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.completion import SHELLS, script
from romgen.errors import EXIT_OK
from romgen.layout import names
from romgen.project import Project


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("shell", choices=(*SHELLS, "layouts"), help="for which shell")
    parser.add_argument("--json", action="store_true", help="as JSON (schema 1)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the script, or the names."""
    if args.shell == "layouts":
        project = Project()
        nics = load_nics(project.tables / "nics.toml", project.root)
        found = names(project.layouts, nics, project.root)
        print(json.dumps({"schema": 1, "layouts": found}) if args.json else "\n".join(found))
        return EXIT_OK
    # The module that knows all commands imports this one, as one of them.
    from romgen.cli import build_parser

    text = script(args.shell, build_parser())
    print(json.dumps({"schema": 1, "shell": args.shell, "script": text}) if args.json else text)
    return EXIT_OK
