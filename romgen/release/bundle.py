"""What a release's folder holds: its files by name, and how they are written and read.

A bundle is a flat folder. SHA256SUMS names every file in it but itself and its signature.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from romgen.errors import EXIT_FINDINGS, RomgenError, shown
from romgen.image.model import CODE_X86, Rom
from romgen.image.parse import parse
from romgen.image.version import build_id
from romgen.project import write_atomic
from romgen.release.metainfo import metainfo
from romgen.release.plan import Plan
from romgen.release.provenance import provenance
from romgen.release.rebuild import Product
from romgen.release.sbom import sbom
from romgen.release.tpm import measurements
from romgen.tools import Need, tool_state

SCHEMA = 1
MANIFEST = "manifest.json"
SBOM = "sbom.cdx.json"
PROVENANCE = "provenance.intoto.json"
EVENTS = "pcr2.json"
NOTES = "RELEASE_NOTES.md"
SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
SUFFIXES = {"rom": ".rom", "elf": ".elf", "undi_elf": ".undi.elf", "map": ".map.json"}
"""Of the products of a layout."""
FILE_MAX = 64 << 20
FILES_MAX = 4096
PACKAGES = ("construct", "jinja2", "pyelftools")
"""Python packages that a build uses."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._-]*)\n")


def tool_versions() -> dict[str, str]:
    """What builds: nasm, ld, Python, its packages; nothing else of the machine."""
    found = {
        name: tool_state(Need("rom", name, package)).version
        for name, package in (("nasm", "nasm"), ("ld", "binutils"))
    }
    found["python"] = ".".join(str(part) for part in sys.version_info[:3])
    return found | {name: metadata.version(name) for name in PACKAGES}


def json_text(data: Any) -> bytes:
    """As every JSON file of a bundle is written."""
    return (json.dumps(data, indent=1) + "\n").encode()


def _x86(rom: Rom) -> Any:
    return next(image for image in rom.images if image.code_type == CODE_X86)


def _manifest(plan: Plan, roms: Mapping[str, bytes]) -> dict[str, Any]:
    """The file that the others are held against; `romgen stamp --from-manifest` reads its stamp."""
    layouts = {}
    for name, data in roms.items():
        image = _x86(parse(data))
        layouts[name] = {
            "rom": f"{name}.rom",
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "build_id": build_id(image).hex(),
            "vendor": image.pcir.number("vendor"),
            "device": image.pcir.number("device"),
        }
    return {
        "schema": SCHEMA,
        "kind": "romgen-release",
        "tag": plan.tag,
        "previous": plan.previous,
        "stamp": {
            "version": str(plan.version),
            "dirty": False,
            "debug": False,
            "security_epoch": plan.security_epoch,
            "source_date": plan.date,
            "git_id": plan.commit,
        },
        "layouts": layouts,
    }


def _notes(plan: Plan, roms: Mapping[str, bytes]) -> str:
    rows = [
        f"| {name}.rom | {len(data)} | `{hashlib.sha256(data).hexdigest()}` |"
        for name, data in roms.items()
    ]
    head = f"# romgen {plan.version}\n\n{plan.notes}\n\n"
    return head + "\n".join(["| ROM | bytes | SHA-256 |", "|---|---|---|", *rows, ""])


def make(
    plan: Plan, tree: Path, products: Sequence[Product], source: str, builder: str
) -> dict[str, bytes]:
    """All files of the bundle but sums and signature.

    tree: one of the trees that `products` were built in; source, builder: see `provenance`
    """
    files: dict[str, bytes] = {}
    for product in products:
        for kind, path in product.files.items():
            files[f"{product.layout}{SUFFIXES[kind]}"] = path.read_bytes()
    roms = {one.layout: files[f"{one.layout}.rom"] for one in products}
    maps = {name: json.loads(files[f"{name}.map.json"]) for name in roms}
    for name, data in roms.items():
        image = _x86(parse(data))
        product_name = image.pnp[0].product if image.pnp else None
        title = product_name.value.rpartition(" ")[0] if product_name else name
        files[f"{name}.metainfo.xml"] = metainfo(plan, name, image, data, title).encode()
    tools = tool_versions()
    subjects = {name: data for name, data in files.items() if name.endswith((".rom", ".elf"))}
    files[MANIFEST] = json_text(_manifest(plan, roms))
    files[SBOM] = json_text(sbom(plan, tree, roms, maps, tools))
    statement = provenance(plan, list(roms), subjects, tools, source, builder)
    files[PROVENANCE] = json_text(statement)
    events = {name: measurements(parse(data)) for name, data in roms.items()}
    files[EVENTS] = json_text({"schema": SCHEMA, "roms": events})
    files[NOTES] = _notes(plan, roms).encode()
    return dict(sorted(files.items()))


def sums(files: Mapping[str, bytes]) -> bytes:
    """The text of SHA256SUMS, as sha256sum writes it."""
    rows = (f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()))
    return "".join(rows).encode()


def read_sums(text: bytes) -> dict[str, str] | None:
    """The sums by file name; None where the text is not in the one form that `sums` writes."""
    found: dict[str, str] = {}
    rest = text.decode("latin-1")
    while rest:
        match = _LINE.match(rest)
        if match is None or match[2] in found or (found and match[2] < max(found)):
            return None
        found[match[2]] = match[1]
        rest = rest[match.end() :]
    return found


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the bundle whole or not at all. Errors: it is there already, it cannot be written."""
    if folder.exists():
        raise RomgenError(
            "release-exists", shown(folder), "this is there already", "give another --output"
        )
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        for name, data in files.items():
            write_atomic(temporary / name, data)
        os.replace(temporary, folder)
    except OSError as error:
        message = f"cannot write: {error.strerror}"
        raise RomgenError("file-write", shown(folder), message) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read(folder: Path) -> dict[str, bytes]:
    """Every file of a bundle. Errors: no folder, something in it that does not belong there."""
    files: dict[str, bytes] = {}
    try:
        for entry in sorted(os.scandir(folder), key=lambda one: one.name):
            where = shown(folder / entry.name)
            info = entry.stat(follow_symlinks=False)
            if not stat.S_ISREG(info.st_mode) or NAME.fullmatch(entry.name) is None:
                message = "a bundle has plain files only"
                raise RomgenError("bundle-file", where, message, status=EXIT_FINDINGS)
            if info.st_size > FILE_MAX or len(files) >= FILES_MAX:
                message = "this is too large for a bundle"
                raise RomgenError("bundle-file", where, message, status=EXIT_FINDINGS)
            files[entry.name] = (folder / entry.name).read_bytes()
    except OSError as error:
        message = f"cannot read: {error.strerror}"
        raise RomgenError("file-read", shown(folder), message) from error
    return files
