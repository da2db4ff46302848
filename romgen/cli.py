"""The command line: finds the sub-command, runs it, turns mistakes into messages and exit codes.

Each command is a module `romgen/commands/<name>.py` with
`add_parser(sub: Subparsers) -> None`, which sets `run` as a default of its parser, and
`run(args: argparse.Namespace) -> int`. A new command is a new module and its name in `COMMANDS`.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence

from romgen import __version__
from romgen.errors import EXIT_BUG, EXIT_USAGE, RomgenError

COMMANDS = (
    *("build", "generate", "boot", "ev", "ibft", "errors", "nics", "bench"),
    *("info", "check", "explain", "ls", "extract", "fix", "patch", "merge", "map", "diff"),
    *("doctor", "stamp", "release", "verify", "undi", "sizes", "debug", "addr2line"),
    "completion",
)


class _Help(argparse.HelpFormatter):
    """Help with room for the longest command before its text."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        # Counted too short for commands, which are indented twice (Python 3.11 to 3.14).
        self._action_max_length = max(map(len, COMMANDS)) + 4


def build_parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser with the sub-commands `names`, each added by its own module."""
    parser = argparse.ArgumentParser(
        prog="romgen",
        description="Build, read, check and boot iSCSI boot ROMs.",
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"romgen {__version__}")
    sub = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in names:
        module = f"romgen.commands.{name}"
        if importlib.util.find_spec(module) is not None:
            importlib.import_module(module).add_parser(sub)
    return parser


def error_data(error: RomgenError) -> dict[str, object]:
    """A mistake for JSON: with --json there is always one document on standard output."""
    names = ("code", "where", "message", "hint", "detail", "status")
    return {"schema": 1, "error": {name: getattr(error, name) for name in names}}


def main(argv: Sequence[str] | None = None) -> int:
    """Run romgen with `argv` (default: the process's); returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Only the wanted command's module is imported: start-up time is felt at every call.
    wanted = [name for name in COMMANDS if name in arguments[:1]]
    try:
        args = build_parser(wanted or COMMANDS).parse_args(arguments)
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except RomgenError as error:
        print(error, file=sys.stderr)
        if "--json" in arguments:
            import json  # 10 ms that few calls need

            print(json.dumps(error_data(error), indent=1))
        return error.status
    except SystemExit as stop:  # argparse: 0 after --help, 2 after a wrong argument
        return stop.code if isinstance(stop.code, int) else EXIT_USAGE
    except KeyboardInterrupt:
        print("romgen: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, less) went away; keep Python from complaining again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception:
        traceback.print_exc()
        print(
            "romgen: internal error, please report it with the lines above",
            file=sys.stderr,
        )
        return EXIT_BUG
