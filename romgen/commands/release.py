"""`romgen release`: make a release of the tag at HEAD: build it twice, compare, write the bundle.

Refuses a shallow clone, a dirty tree, a HEAD without the tag `v<version>` of romgen/__init__.py, a
missing or empty section in CHANGELOG.md, and a security epoch lower than a former release's.

Every layout is built twice from clones of the tag, in different folders, time zones, locales,
umasks, for different users; every ROM, ELF file and map of the two must be the same byte for byte.
Then the bundle is written, a folder with

- each `<layout>.rom`, `.elf`, `.undi.elf`, `.map.json`, and `.metainfo.xml` for fwupd
- `manifest.json`: version, epoch, commit, date, and each ROM's size, SHA-256, build id
- `sbom.cdx.json`: CycloneDX, with the sources that are linked into each ROM
- `provenance.intoto.json`: in-toto statement, SLSA provenance v1
- `pcr2.json`: the event by which SeaBIOS measures each ROM into the TPM's PCR 2
- `RELEASE_NOTES.md`: the changelog's section
- `SHA256SUMS` and its signature `SHA256SUMS.sig` (`ssh-keygen -Y`)

The same tag makes the same bundle at any time and place with the same tools. With --unsigned the
signature comes in a second step, from wherever the key is:

    romgen release --unsigned -o DIR
    ssh-keygen -Y sign -n romgen-release -f KEY DIR/SHA256SUMS
    romgen verify DIR --public-key KEY.pub

or with --attach, which takes a signature that was made elsewhere, checks it and puts it there.

Exit codes: 0 made, 1 refused, a build failed, or the two builds differ, 2 wrong arguments or a file
that cannot be read or written, 3 git, nasm, ld or ssh-keygen is missing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_FINDINGS, EXIT_OK, RomgenError, shown
from romgen.project import Project, write_atomic
from romgen.release import bundle
from romgen.release.plan import make_plan
from romgen.release.provenance import BUILDER
from romgen.release.rebuild import rebuild
from romgen.release.sign import armor, command, dearmor, read_public_key, sign
from romgen.release.verify import content_problems, problems


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    output = "the bundle's folder; default: build/release/romgen-<version>"
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, help=output)
    parser.add_argument("--key", metavar="FILE", type=Path, help="OpenSSH key that signs")
    parser.add_argument("--unsigned", action="store_true", help="sign in a second step")
    layouts = "only this layout; may be repeated; default: all"
    parser.add_argument("--layout", metavar="NAME", action="append", help=layouts)
    source = "URI of the repository, for the provenance; default: urn:romgen:source"
    parser.add_argument("--source", metavar="URI", default="urn:romgen:source", help=source)
    builder = f"URI of who builds, for the provenance; default: {BUILDER}"
    parser.add_argument("--builder", metavar="URI", default=BUILDER, help=builder)
    attach = "put this signature into the bundle of --output; needs --public-key"
    parser.add_argument("--attach", metavar="SIGNATURE", type=Path, help=attach)
    parser.add_argument("--public-key", metavar="FILE", type=Path, help="for --attach")
    parser.add_argument("--json", action="store_true", help="what was made, as JSON (schema 1)")
    parser.set_defaults(run=run)


def _attach(args: argparse.Namespace) -> int:
    """Put a signature that was made elsewhere into a bundle, after checking it."""
    if args.output is None or args.public_key is None or args.key or args.unsigned or args.layout:
        raise RomgenError("usage", "", "--attach goes with --output and --public-key, nothing else")
    key = read_public_key(args.public_key)
    try:
        text = args.attach.read_text(encoding="latin-1")
    except OSError as error:
        where = shown(args.attach)
        raise RomgenError("file-read", where, f"cannot read: {error.strerror}") from error
    blob = dearmor(text)
    if blob is None:
        raise RomgenError("sign", shown(args.attach), "this is no SSH signature")
    signature = armor(blob).encode()
    files = {**bundle.read(args.output), bundle.SIGNATURE: signature}
    found = problems(files, key)
    if found:
        name = shown(args.output)
        detail = "\n".join(f"{name}/{one}" for one in found)
        message = "the bundle is not right with this signature"
        raise RomgenError("release-verify", name, message, status=EXIT_FINDINGS, detail=detail)
    write_atomic(args.output / bundle.SIGNATURE, signature)
    _report(args, args.output, files)
    return EXIT_OK


def _report(args: argparse.Namespace, folder: Path, files: dict[str, bytes]) -> None:
    """Say what was made."""
    manifest = json.loads(files[bundle.MANIFEST])
    signed = bundle.SIGNATURE in files
    if args.json:
        report = {
            "schema": 1,
            "bundle": shown(folder),
            "tag": manifest["tag"],
            "signed": signed,
            "layouts": manifest["layouts"],
            "files": sorted(files),
        }
        print(json.dumps(report, indent=1))
        return
    for entry in manifest["layouts"].values():
        print(f"{entry['rom']}: {entry['size']} bytes, {entry['sha256']}")
    state = "signed" if signed else "not signed yet"
    print(f"{shown(folder)}: {manifest['tag']}, {len(files)} files, {state}")
    if not signed:
        print(f"to sign: {command('KEY', str(folder / bundle.SUMS))}")


def run(args: argparse.Namespace) -> int:
    """Make the release, or attach a signature."""
    if args.attach is not None:
        return _attach(args)
    if (args.key is None) == (not args.unsigned):
        raise RomgenError("usage", "", "give --key or --unsigned")
    if args.public_key is not None:
        raise RomgenError("usage", "", "--public-key goes with --attach")
    project = Project()
    plan = make_plan(project.root)
    folder = args.output or project.build / "release" / f"romgen-{plan.version}"
    if folder.exists():
        hint = "give another --output"
        raise RomgenError("release-exists", shown(folder), "this is there already", hint)
    with tempfile.TemporaryDirectory(prefix="romgen-release-") as work:
        tree, products = rebuild(plan, args.layout or ["all"], Path(work))
        files = bundle.make(plan, tree, products, args.source, args.builder)
    found = content_problems(files)
    if found:
        detail = "\n".join(str(one) for one in found)
        message = "what was built does not fit together"
        raise RomgenError("release-content", "", message, status=EXIT_FINDINGS, detail=detail)
    files[bundle.SUMS] = bundle.sums(files)
    if args.key is not None:
        files[bundle.SIGNATURE] = sign(files[bundle.SUMS], args.key).encode()
    bundle.write(folder, files)
    _report(args, folder, files)
    return EXIT_OK
