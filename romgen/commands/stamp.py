"""`romgen stamp`: write a version into an image of ours.

Sets the PCIR's code revision (major and minor), the version that is the last word of each $PnP
product name (BIOSes show it in their boot menus, and the ROM as the first line of its messages),
and the version structure: 64 bytes on a paragraph, at the offset in the word at 10h of the ROM
header. Little endian:

    00 `$RGV`                      10 source date (4, seconds since 1970)
    04 length 64                   14 git id (20, SHA-1 of the commit, 0 = unknown)
    05 checksum (byte sum is 0)    28 build id (8)
    06 major, 07 minor             30 offset in the image of the version as text (2)
    08 patch (2)                   32 that text, 0 behind it (14)
    0A flags (2): 1 dirty, 2 debug, 4 release candidate
    0C security epoch (4): flash tools can refuse an image with a lower one

The build id is the beginning of the SHA-256 of the image without stamp, boot variables and sums: it
stays what it is when the version or the variables change, and no two different images share one.

An image that `romgen build` made has the structure already, with the commit's id and date; both are
kept, and dirty, too. Elsewhere the structure stands in the padding behind the boot variables; where
there is no room the image becomes one block of 512 bytes longer, and id and date are those of the
checkout that romgen runs in. SOURCE_DATE_EPOCH goes before any other date; no clock is asked. All
sums are mended. `romgen info --check-version` reads every place back, `romgen diff` shows that
nothing else has changed.

--from-manifest takes everything from a JSON file: an object with version, and where wanted dirty,
debug, security_epoch, source_date, git_id; a release's manifest.json is one, too.

Exit codes: 0 written, 1 the image cannot be stamped, 2 wrong values, or a file that cannot be read
or written.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_OK, RomgenError, shown
from romgen.image.file import read_rom, write_rom
from romgen.image.model import CODE_X86
from romgen.image.parse import parse
from romgen.image.version import DEBUG, DIRTY, Stamp, flags_of, stamp, stamp_of
from romgen.project import Project
from romgen.source import Source, epoch_of, read_source
from romgen.version import Version

KEYS = {
    "version": str,
    "dirty": bool,
    "debug": bool,
    "security_epoch": int,
    "source_date": int,
    "git_id": str,
}
"""What a manifest may hold."""
GIT_ID_SIZE = 20


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("file", metavar="FILE", help="the ROM")
    parser.add_argument("--version", metavar="VERSION", help="e.g. 1.4.2 or 1.4.2-rc1")
    epoch = "security epoch; default: as it is, else 0"
    parser.add_argument("--epoch", type=int, metavar="N", help=epoch)
    parser.add_argument("--debug", action="store_true", help="mark as a build for debugging")
    parser.add_argument("--from-manifest", type=Path, metavar="JSON", help="take all of it from")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead")
    parser.add_argument("--json", action="store_true", help="what was stamped, as JSON (schema 1)")
    parser.set_defaults(run=run)


def read_manifest(path: Path) -> dict[str, Any]:
    """The values of a manifest. Errors: unreadable, an unknown key, a wrong type, no version."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RomgenError("file-read", shown(path), f"cannot read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise RomgenError("manifest", shown(path), f"no JSON: {error}") from error
    if isinstance(data, dict) and "stamp" in data:
        data = data["stamp"]  # of a release
    if not isinstance(data, dict) or "version" not in data:
        raise RomgenError("manifest", shown(path), "no object with a version")
    for key, value in data.items():
        if key not in KEYS:
            raise RomgenError("manifest", shown(path), f"unknown key {key!r}", ", ".join(KEYS))
        if type(value) is not KEYS[key]:
            raise RomgenError("manifest", shown(path), f"{key} is no {KEYS[key].__name__}")
    return data


def make_stamp(values: dict[str, Any]) -> Stamp:
    """The stamp of a manifest's values. Errors: a version or git id of a wrong form."""
    version = Version.parse(values["version"])
    try:
        git_id = bytes.fromhex(values.get("git_id", ""))
    except ValueError:
        raise RomgenError("stamp", "git_id", f"{values['git_id']!r} is no hex number") from None
    if len(git_id) not in (0, GIT_ID_SIZE):
        raise RomgenError("stamp", "git_id", f"{len(git_id)} bytes", "a commit's id has 20")
    flags = flags_of(version, values.get("dirty", False), values.get("debug", False))
    epoch, date = values.get("security_epoch", 0), values.get("source_date", 0)
    return Stamp(version, flags, epoch, date, git_id)


def kept(data: bytes) -> dict[str, Any]:
    """What the image keeps of its stamp; where it has none, what the checkout says."""
    image = next((one for one in parse(data).images if one.code_type == CODE_X86), None)
    old = stamp_of(image) if image is not None else None
    if old is not None:
        epoch, source = old.security_epoch, Source(old.git_id.hex(), old.source_date)
        dirty, debug = bool(old.flags & DIRTY), bool(old.flags & DEBUG)
    else:
        source = read_source(Project().root, {})
        epoch, dirty, debug = 0, source.dirty, False
    date = epoch_of(os.environ)
    return {
        "dirty": dirty,
        "debug": debug,
        "security_epoch": epoch,
        "source_date": source.date if date is None else date,
        "git_id": source.git_id,
    }


def _values(args: argparse.Namespace, data: bytes) -> dict[str, Any]:
    """What to stamp, by the arguments."""
    if args.from_manifest:
        return read_manifest(args.from_manifest)
    values = {"version": args.version, **kept(data)}
    if args.epoch is not None:
        values["security_epoch"] = args.epoch
    return values | ({"debug": True} if args.debug else {})


def run(args: argparse.Namespace) -> int:
    """Stamp the file."""
    if (args.version is None) == (args.from_manifest is None):
        raise RomgenError("usage", "", "give --version or --from-manifest")
    if args.from_manifest and (args.debug or args.epoch is not None):
        raise RomgenError("usage", "", "--from-manifest has everything in it")
    if args.file == "-" and not args.output:
        raise RomgenError("usage", "", "standard input needs -o")
    data = read_rom(args.file)
    values = _values(args, data)
    stamped = stamp(data, make_stamp(values))
    target = args.output or args.file
    write_rom(Path(target), stamped, [args.file])
    more = len(stamped) - len(data)
    if args.json:
        result = {"schema": 1, "file": shown(target), "longer": more, "stamp": values}
        print(json.dumps(result, indent=1))
    else:
        longer = f", {more} bytes longer" if more else ""
        print(f"{shown(target)}: {values['version']}{longer}")
    return EXIT_OK
