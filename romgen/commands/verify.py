"""`romgen verify`: check a release's bundle with nothing but the bundle and a public key.

First SHA256SUMS and its signature (SSHSIG, namespace romgen-release): every file of the folder, no
more and no less. Where these are right, everything that is said twice: each ROM against the rules
of `romgen check`, its version, flags, epoch, date, commit and build id against the manifest, the
map, the ELF file's code, the SBOM, the provenance, the TPM event, the metainfo, the notes.

The public key must come from somewhere else than the bundle. Needs ssh-keygen.

Exit codes: 0 all is right, 1 something is not, 2 the bundle or the key cannot be read, 3 ssh-keygen
is missing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_FINDINGS, EXIT_OK, shown
from romgen.release.bundle import read
from romgen.release.sign import read_public_key
from romgen.release.verify import problems


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the release's folder")
    parser.add_argument(
        "--public-key", metavar="FILE", type=Path, required=True, help="of whoever signs releases"
    )
    epoch = "least security epoch to accept; default: 0"
    parser.add_argument("--min-epoch", metavar="N", type=int, default=0, help=epoch)
    parser.add_argument("--json", action="store_true", help="as JSON (schema 1)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check the bundle."""
    key = read_public_key(args.public_key)
    files = read(args.bundle)
    found = problems(files, key, args.min_epoch)
    name = shown(args.bundle)
    if args.json:
        rows = [{"file": one.file, "offset": one.offset, "message": one.message} for one in found]
        report = {"schema": 1, "bundle": name, "right": not found, "problems": rows}
        print(json.dumps(report, indent=1))
    else:
        for one in found:
            print(f"{name}/{one}")
        count = f"{len(found)} problem{'s' * (len(found) != 1)}" if found else "all right"
        print(f"{name}: {len(files)} files, {count}")
    return EXIT_FINDINGS if found else EXIT_OK
