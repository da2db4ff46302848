"""Checks a bundle with nothing but itself and a public key.

First the sums and the signature: where they are wrong, nothing else is looked at. Then everything
that two files say twice: a bundle that was signed by mistake is found, too.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import xml.etree.ElementTree as ET  # of signed content: see `findings`
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from romgen.elf import read_program
from romgen.errors import RomgenError
from romgen.image.model import CODE_X86, Image, Rom
from romgen.image.parse import parse
from romgen.image.symbols import wrong_code
from romgen.image.version import DEBUG, DIRTY, build_id, places, stamp_of
from romgen.release import bundle
from romgen.release.sign import wrong_signature
from romgen.release.tpm import measurements
from romgen.rules import findings as rule_findings
from romgen.version import Version

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a file of a bundle; `offset` in it, where one is known."""

    file: str
    message: str
    offset: int | None = None

    def __str__(self) -> str:
        """As a line of a report."""
        at = "" if self.offset is None else f"+0x{self.offset:x}"
        return f"{self.file}{at}: {self.message}"


def sum_problems(files: Files) -> Iterator[Problem]:
    """Files that SHA256SUMS does not name or names wrongly, and names without a file."""
    listed = bundle.read_sums(files.get(bundle.SUMS, b""))
    if not listed:
        message = "this is no list of sums" if bundle.SUMS in files else "it is missing"
        yield Problem(bundle.SUMS, message)
        return
    own = {bundle.SUMS, bundle.SIGNATURE}
    for name, digest in listed.items():
        if name in own:
            yield Problem(bundle.SUMS, f"it names {name}")
        elif name not in files:
            yield Problem(name, "it is missing")
        elif hashlib.sha256(files[name]).hexdigest() != digest:
            yield Problem(name, "it is not what was released: another SHA-256")
    for name in sorted(files.keys() - listed.keys() - own):
        yield Problem(name, "it does not belong to the release")


def signature_problems(files: Files, public_key: str) -> Iterator[Problem]:
    """What is wrong with the signature."""
    if bundle.SIGNATURE not in files:
        yield Problem(bundle.SIGNATURE, "the bundle is not signed")
        return
    wrong = wrong_signature(files.get(bundle.SUMS, b""), files[bundle.SIGNATURE], public_key)
    if wrong:
        yield Problem(bundle.SIGNATURE, wrong)


def _json(files: Files, name: str) -> Any:
    return json.loads(files[name])


def _x86(rom: Rom) -> Image:
    """The image that a BIOS runs. Error: there is none."""
    for image in rom.images:
        if image.code_type == CODE_X86:
            return image
    raise ValueError("no x86 image")


def _layouts(files: Files) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """Each ROM: layout, its entry in the manifest, its bytes."""
    for name, entry in _json(files, bundle.MANIFEST)["layouts"].items():
        yield name, entry, files[entry["rom"]]


def _manifest(files: Files) -> Iterator[str]:
    data = _json(files, bundle.MANIFEST)
    if (data["schema"], data["kind"]) != (bundle.SCHEMA, "romgen-release"):
        yield f"kind {data['kind']}, schema {data['schema']}"
    if data["tag"] != f"v{data['stamp']['version']}":
        yield f"the tag is {data['tag']}, the version {data['stamp']['version']}"
    roms = {entry["rom"] for entry in data["layouts"].values()}
    others = {name for name in files if name.endswith(".rom")} ^ roms
    if others or not roms:
        yield f"the ROMs in the bundle are others: {', '.join(sorted(others)) or 'there is none'}"


def _rom_problems(files: Files) -> Iterator[Problem]:
    """Each ROM against the rules and the manifest."""
    wanted = _json(files, bundle.MANIFEST)["stamp"]
    version = Version.parse(wanted["version"], bundle.MANIFEST)
    for _, entry, data in _layouts(files):
        name, rom = entry["rom"], parse(data)
        for found in rule_findings(rom):
            if found.severity == "error":
                yield Problem(name, f"{found.rule.id} {found.message}", found.offset)
        image = _x86(rom)
        for place in places(rom):
            if place.found != place.wanted(version):
                message = f"{place.name} is {place.found}, not {place.wanted(version)}"
                yield Problem(name, message, place.offset)
        stamp = stamp_of(image)
        if stamp is None:
            yield Problem(name, "it has no version structure", image.header.at("version"))
            continue
        said = (stamp.security_epoch, stamp.source_date, stamp.git_id.hex())
        if said != (wanted["security_epoch"], wanted["source_date"], wanted["git_id"]):
            yield Problem(name, "its version structure is not the manifest's")
        if stamp.flags & (DIRTY | DEBUG):
            yield Problem(name, "it is marked as dirty or for debugging")
        own = image.version.raw("build_id") if image.version is not None else b""
        if not own == build_id(image) == bytes.fromhex(entry["build_id"]):
            yield Problem(name, "its build id is of another image")
        facts = (entry["size"], entry["sha256"])
        if facts != (len(data), hashlib.sha256(data).hexdigest()):
            yield Problem(bundle.MANIFEST, f"{name} has other bytes")


def _maps(files: Files) -> Iterator[str]:
    for layout, entry, data in _layouts(files):
        found = _json(files, f"{layout}.map.json")
        if (found["layout"], found["image"]["size"]) != (layout, len(data)):
            yield f"the map of {entry['rom']} is of another image"


def _elfs(files: Files) -> Iterator[str]:
    """The code in the ELF file is the code in the ROM."""
    with tempfile.TemporaryDirectory(prefix="romgen-verify-") as folder:
        for layout, _, data in _layouts(files):
            path = Path(folder) / "rom.elf"
            path.write_bytes(files[f"{layout}.elf"])
            wrong = wrong_code(read_program(path), data)
            if wrong:
                yield f"{wrong} of {layout}.elf is not what the ROM has"


def _sbom(files: Files) -> Iterator[str]:
    data = _json(files, bundle.SBOM)
    hashes = {one["bom-ref"]: one["hashes"][0]["content"] for one in data["components"]}
    for layout, _, rom in _layouts(files):
        if hashes.pop(f"rom:{layout}", "") != hashlib.sha256(rom).hexdigest():
            yield f"{layout} has another SHA-256"
    if any(name.startswith("rom:") for name in hashes):
        yield "it has ROMs that the release has not"


def _provenance(files: Files) -> Iterator[str]:
    data = _json(files, bundle.PROVENANCE)
    subjects = {one["name"]: one["digest"]["sha256"] for one in data["subject"]}
    real = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in files.items()
        if name.endswith((".rom", ".elf"))
    }
    if subjects != real:
        yield "its subjects are not the ROMs and ELF files of the bundle"
    source = data["predicate"]["buildDefinition"]["resolvedDependencies"][0]
    manifest = _json(files, bundle.MANIFEST)
    if source["digest"]["gitCommit"] != manifest["stamp"]["git_id"]:
        yield "it is about another commit"
    if data["predicate"]["buildDefinition"]["externalParameters"]["tag"] != manifest["tag"]:
        yield "it is about another tag"


def _events(files: Files) -> Iterator[str]:
    wanted = {layout: measurements(parse(rom)) for layout, _, rom in _layouts(files)}
    if _json(files, bundle.EVENTS) != {"schema": bundle.SCHEMA, "roms": wanted}:
        yield "SeaBIOS would measure something else"


def _metainfo(files: Files) -> Iterator[str]:
    version = _json(files, bundle.MANIFEST)["stamp"]["version"]
    for layout, _, rom in _layouts(files):
        root = ET.fromstring(files[f"{layout}.metainfo.xml"])
        release = root.find("releases/release")
        said = None if release is None else (release.get("version"), release.findtext("checksum"))
        if said != (version, hashlib.sha256(rom).hexdigest()):
            yield f"{layout}.metainfo.xml is about another ROM"


def _notes(files: Files) -> Iterator[str]:
    text = files[bundle.NOTES].decode()
    if not text.startswith(f"# romgen {_json(files, bundle.MANIFEST)['stamp']['version']}\n"):
        yield "it is about another version"


_CHECKS: dict[str, Callable[[Files], Iterator[str]]] = {
    bundle.MANIFEST: _manifest,
    "*.map.json": _maps,
    "*.elf": _elfs,
    bundle.SBOM: _sbom,
    bundle.PROVENANCE: _provenance,
    bundle.EVENTS: _events,
    "*.metainfo.xml": _metainfo,
    bundle.NOTES: _notes,
}


def _guarded(name: str, check: Callable[[], Iterator[Problem]]) -> list[Problem]:
    """What a check finds; a file that lacks what the check reads is a finding, too."""
    found: list[Problem] = []
    try:
        for problem in check():
            found.append(problem)  # kept where the check stumbles later
    except RomgenError as error:
        found.append(Problem(name, error.message))
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        found.append(Problem(name, f"malformed: {type(error).__name__} {error}"))
    except ET.ParseError as error:
        found.append(Problem(name, f"malformed: {error}"))
    return found


def _named(name: str, check: Callable[[Files], Iterator[str]], files: Files) -> Iterator[Problem]:
    return (Problem(name, message) for message in check(files))


def _epoch(files: Files, least: int) -> Iterator[Problem]:
    there = int(_json(files, bundle.MANIFEST)["stamp"]["security_epoch"])
    if there < least:
        yield Problem(bundle.MANIFEST, f"security epoch {there}, wanted is at least {least}")


def content_problems(files: Files, min_epoch: int = 0) -> list[Problem]:
    """Everything that does not fit together, apart from sums and signature."""
    found = _guarded("*.rom", partial(_rom_problems, files))
    for name, check in _CHECKS.items():
        found += _guarded(name, partial(_named, name, check, files))
    return found + _guarded(bundle.MANIFEST, partial(_epoch, files, min_epoch))


def problems(files: Files, public_key: str, min_epoch: int = 0) -> list[Problem]:
    """All that is wrong with a bundle; the contents only where sums and signature are right."""
    found = list(sum_problems(files))
    if not found:
        found = list(signature_problems(files, public_key))
    return found or content_problems(files, min_epoch)
