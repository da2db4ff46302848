"""`romgen doctor`: say which tools are there, which versions, and how to get what is missing.

The tools of the system and the Python packages that a goal of the Makefile needs: `rom` to build,
`boot` to boot in QEMU, `test` for the tests, `os` and `coverage` beyond them. Each with its
version, what is known to be wrong with that version, and at the end the exact commands that mend
what is wrong. Nothing is installed.

Exit codes: 0 all is there, 3 something is missing, too old or known to be bad.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_OK, EXIT_TOOL
from romgen.project import Project
from romgen.tools import (
    GOALS,
    goals_of,
    package_states,
    read_needs,
    read_pins,
    remedies,
    tool_state,
)


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("--goal", choices=GOALS, default="test", help="default: test")
    parser.add_argument("--json", action="store_true", help="as JSON (schema 1)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look at everything."""
    tools = Project().root / "tools"
    needs = [one for one in read_needs(tools / "bootstrap.sh") if one.goal in goals_of(args.goal)]
    states = [tool_state(one) for one in needs]
    states += package_states(args.goal, read_pins(tools / "requirements", args.goal))
    commands = remedies(states, args.goal)
    if args.json:
        rows = [asdict(one) | {"wrong": one.wrong} for one in states]
        print(json.dumps({"schema": 1, "tools": rows, "commands": commands}, indent=1))
    else:
        for one in states:
            line = f"{one.state:<9} {one.goal:<8} {one.name:<34} {one.version:<11} {one.detail}"
            print(line.rstrip())
        for command in commands:
            print(f"to mend: {command}")
    return EXIT_TOOL if any(one.wrong for one in states) else EXIT_OK
