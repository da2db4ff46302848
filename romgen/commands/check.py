"""`romgen check`: check option ROMs against the rules of those who read them.

Each rule has an id, the specification that it comes from, and a severity for each reader: the
specification itself, SeaBIOS, other BIOSes. `romgen explain ROM014` says what a rule means, and
docs/commands/rules.md has them all.

Exit codes: 0 nothing as bad as --fail-on, 1 findings, 2 a file cannot be read.
"""

from __future__ import annotations

import argparse
import json

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_FINDINGS, EXIT_OK, shown
from romgen.image.file import read_rom
from romgen.image.parse import parse
from romgen.rules import CONSUMERS, SEVERITIES, findings
from romgen.rules.render import Checked, json_data, junit_text, sarif_data, text_lines

FORMATS = ("text", "json", "sarif", "junit")


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="the ROMs; - for standard input")
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="as --format json"
    )
    parser.add_argument(
        "--consumer",
        action="append",
        choices=tuple(CONSUMERS),
        help="only what this reader minds; may be repeated; default: all",
    )
    parser.add_argument(
        "--fail-on",
        choices=SEVERITIES,
        default="error",
        help="least severity for exit code 1; default: error",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check each file."""
    consumers = tuple(args.consumer or CONSUMERS)
    checked = []
    for file in args.files:
        data = read_rom(file)
        checked.append(Checked(shown(file), len(data), findings(parse(data), consumers)))
    if args.format == "text":
        print("\n".join(text_lines(checked)))
    elif args.format == "junit":
        print(junit_text(checked))
    else:
        render = json_data if args.format == "json" else sarif_data
        print(json.dumps(render(checked), indent=1))
    bad = SEVERITIES[: SEVERITIES.index(args.fail_on) + 1]
    failed = any(found.severity in bad for one in checked for found in one.findings)
    return EXIT_FINDINGS if failed else EXIT_OK
