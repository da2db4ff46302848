"""`romgen explain`: say what a rule of `romgen check` means, and where it comes from.

Exit codes: 0 shown, 2 there is no such rule.
"""

from __future__ import annotations

import argparse
import difflib
import json

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_OK, RomgenError
from romgen.rules import catalog
from romgen.rules.render import explanation


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("rule", metavar="ROMnnn", help="the rule's id")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show the rule."""
    rule = catalog().get(args.rule.upper())
    if rule is None:
        near = difflib.get_close_matches(args.rule.upper(), catalog(), 1)
        hint = f"did you mean {near[0]}?" if near else "docs/commands/rules.md has them all"
        raise RomgenError("rule-unknown", "", f"there is no rule {args.rule}", hint)
    if args.json:
        names = ("id", "title", "spec", "text")
        data = {name: getattr(rule, name) for name in names}
        print(json.dumps({"schema": 1, **data, "consumers": dict(rule.severities)}, indent=1))
    else:
        print(explanation(rule))
    return EXIT_OK
