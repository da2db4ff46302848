"""Rules for what only our own images have: boot variables and the version structure."""

from __future__ import annotations

from collections.abc import Iterator

from romgen.ev import parse as parse_ev
from romgen.ev import table as ev_table
from romgen.image import Rom
from romgen.image.meaning import meaning
from romgen.image.version import build_id, places, version_of
from romgen.rules.model import ERROR, NOTE, WARNING, Place, inside, rule

EV = "docs/guide/variables.md"
VERSION = "docs/commands/stamp.md"


@rule(60, "boot variables are damaged", EV, ERROR, ERROR, ERROR)
def ev_damaged(rom: Rom) -> Iterator[Place]:
    """The EV block's version, lengths or CRC are wrong: the ROM says RG-2002 and does not boot."""
    for image in rom.images:
        if image.ev is not None and image.ev.text is None:
            yield Place(image.ev.header.offset, image.ev.problem)


@rule(61, "boot variables have errors", EV, ERROR, ERROR, ERROR)
def ev_errors(rom: Rom) -> Iterator[Place]:
    """The stored text is whole, but the ROM would refuse it; `romgen ev show` says why."""
    for image in rom.images:
        if image.ev is not None and image.ev.text:
            found = parse_ev(image.ev.text)
            if found.errors:
                first = found.errors[0]
                message = f"line {first.line}: {first.message}"
                yield Place(image.ev.header.offset, message)


@rule(62, "a secret is in the image", EV, NOTE, NOTE, NOTE)
def ev_secrets(rom: Rom) -> Iterator[Place]:
    """Whoever has the file, or the adapter, can read the CHAP secrets in it."""
    secrets = {row.name for row in ev_table() if row.secret}
    for image in rom.images:
        if image.ev is not None and image.ev.text:
            given = sorted(secrets & set(parse_ev(image.ev.text).lines))
            if given:
                yield Place(image.ev.header.offset, ", ".join(given))


@rule(63, "version structure is damaged", VERSION, ERROR, "", "")
def version_form(rom: Rom) -> Iterator[Place]:
    """The version structure has 64 bytes inside the image that sum to 0 modulo 256."""
    for image in rom.images:
        found, total = image.version, image.version_sum
        if found is None or total is None:
            continue
        size = found.number("length")
        if size != found.size or not inside(image, found.offset - image.offset, size):
            yield Place(found.at("length"), f"the length is {size}")
        elif total.value:
            yield Place(found.at("checksum"), f"the sum is 0x{total.value:02x}")


@rule(64, "two versions disagree", VERSION, WARNING, "", "")
def versions(rom: Rom) -> Iterator[Place]:
    """The PCIR's code revision, the structure's numbers and text, and the last word of the $PnP
    product names are the same version; `romgen info --check-version` shows each place.
    """
    for image in rom.images:
        if image.version is None:
            continue
        version = version_of(image)
        if version is None:
            yield Place(image.version.at("major"), "the structure disagrees with itself")
            continue
        for place in places(Rom(rom.data, (image,), rom.stop)):
            if place.found != place.wanted(version):
                message = f"{place.name} says {place.found}, not {place.wanted(version)}"
                yield Place(place.offset, message)


@rule(65, "the build id is of another image", VERSION, WARNING, "", "")
def build_ids(rom: Rom) -> Iterator[Place]:
    """The build id is made of the image's bytes without stamp, boot variables and sums. Where it is
    of others, the image was changed after it was built; `romgen diff` says where.
    """
    for image in rom.images:
        found = image.version
        if found is None or image.pcir is None or len(image.data) < image.length:
            continue
        if any(found.raw("build_id")) and found.raw("build_id") != build_id(image):
            yield Place(found.at("build_id"), found.raw("build_id").hex())


@rule(66, "not a release", VERSION, NOTE, "", "")
def not_release(rom: Rom) -> Iterator[Place]:
    """The version structure's flags say that files were changed when the image was built, that it
    is for debugging, or a release candidate.
    """
    for image in rom.images:
        field = image.version.field("flags") if image.version is not None else None
        if field is not None and field.value:
            yield Place(field.offset, meaning("version_info", field))
