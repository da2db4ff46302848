"""`romgen stamp`: write a version into an image of ours.

Sets the PCIR's code revision (major and minor) and the version structure: 64 bytes on a paragraph,
at the offset in the word at 10h of the ROM header. Little endian: 00 `$RGV`, 04 length 64, 05
checksum (the byte sum is 0), 06 major, 07 minor, 08 patch (2), 0A flags (2: 1 dirty, 2 debug, 4
release candidate), 0C security epoch (4), 10 source date (4, seconds since 1970), 14 git id (20),
28 build id (8: SHA-256 of the image without stamp and sums, its first bytes), 30 offset of the
version as text (2), 32 that text (14).

It stands in the padding behind the boot variables; where there is no room the image becomes one
block of 512 bytes longer. All sums are mended. The banner and the product's name are made when the
ROM is assembled and are not changed here. `romgen info --check-version` reads every place back.

The date is SOURCE_DATE_EPOCH or that of the commit, never a clock's; the git id and whether there
are changed files come from the checkout. --from-manifest takes them from a JSON file instead: an
object with version, and where wanted dirty, debug, security_epoch, source_date, git_id.

Exit codes: 0 written, 1 the image cannot be stamped, 2 wrong values, or a file that cannot be read
or written.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_OK, RomgenError, shown
from romgen.image.file import read_rom, write_rom
from romgen.image.version import CANDIDATE, DEBUG, DIRTY, Stamp, Version, stamp
from romgen.project import Project

GIT_TIMEOUT = 20.0
"""Seconds."""
KEYS = {
    "version": str,
    "dirty": bool,
    "debug": bool,
    "security_epoch": int,
    "source_date": int,
    "git_id": str,
}
"""What a manifest may hold."""


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("file", metavar="FILE", help="the ROM")
    parser.add_argument("--version", metavar="VERSION", help="e.g. 1.4.2 or 1.4.2-rc1")
    parser.add_argument("--epoch", type=int, metavar="N", help="security epoch; default: 0")
    parser.add_argument("--debug", action="store_true", help="mark as a build for debugging")
    parser.add_argument("--from-manifest", type=Path, metavar="JSON", help="take all of it from")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead")
    parser.set_defaults(run=run)


def read_manifest(path: Path) -> dict[str, Any]:
    """The values of a manifest. Errors: unreadable, an unknown key, a wrong type, no version."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RomgenError("file-read", shown(path), f"cannot read: {error.strerror}") from error
    except ValueError as error:
        raise RomgenError("manifest", shown(path), f"no JSON: {error}") from error
    if not isinstance(data, dict) or "version" not in data:
        raise RomgenError("manifest", shown(path), "no object with a version")
    for key, value in data.items():
        if key not in KEYS:
            raise RomgenError("manifest", shown(path), f"unknown key {key!r}", ", ".join(KEYS))
        if type(value) is not KEYS[key]:
            raise RomgenError("manifest", shown(path), f"{key} is no {KEYS[key].__name__}")
    return data


def _git(*arguments: str) -> str | None:
    """What git says in the checkout; None without git or outside a checkout."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=Project().root,
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def from_checkout(environment: dict[str, str]) -> dict[str, Any]:
    """Date, git id and dirtiness of the checkout; nothing of what is not known."""
    found: dict[str, Any] = {}
    date = environment.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct")
    if date:
        if not date.isdecimal():
            raise RomgenError("stamp", "SOURCE_DATE_EPOCH", f"{date!r} is no number of seconds")
        found["source_date"] = int(date)
    commit = _git("rev-parse", "HEAD")
    if commit:
        found["git_id"] = commit
        found["dirty"] = bool(_git("status", "--porcelain", "--untracked-files=no"))
    return found


def make_stamp(values: dict[str, Any]) -> Stamp:
    """The stamp of a manifest's values. Errors: a version or git id of a wrong form."""
    version = Version.parse(values["version"])
    try:
        git_id = bytes.fromhex(values.get("git_id", ""))
    except ValueError:
        raise RomgenError("stamp", "git_id", f"{values['git_id']!r} is no hex number") from None
    if len(git_id) not in (0, 20):
        raise RomgenError("stamp", "git_id", f"{len(git_id)} bytes", "a commit's id has 20")
    flags = DIRTY if values.get("dirty") else 0
    flags |= DEBUG if values.get("debug") else 0
    flags |= CANDIDATE if version.pre else 0
    epoch, date = values.get("security_epoch", 0), values.get("source_date", 0)
    return Stamp(version, flags, epoch, date, git_id)


def run(args: argparse.Namespace) -> int:
    """Stamp the file."""
    if (args.version is None) == (args.from_manifest is None):
        raise RomgenError("usage", "", "give --version or --from-manifest")
    if args.from_manifest and (args.debug or args.epoch is not None):
        raise RomgenError("usage", "", "--from-manifest has everything in it")
    if args.file == "-" and not args.output:
        raise RomgenError("usage", "", "standard input needs -o")
    if args.from_manifest:
        values = read_manifest(args.from_manifest)
    else:
        values = {"version": args.version, "debug": args.debug}
        values |= {"security_epoch": args.epoch or 0, **from_checkout(dict(os.environ))}
    data = read_rom(args.file)
    stamped = stamp(data, make_stamp(values))
    target = args.output or args.file
    write_rom(Path(target), stamped, [args.file])
    longer = f", {len(stamped) - len(data)} bytes longer" if len(stamped) != len(data) else ""
    print(f"{shown(target)}: {values['version']}{longer}")
    return EXIT_OK
