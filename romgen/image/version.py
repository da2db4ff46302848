"""The version of an image: what it is, where it stands, and how it gets there.

The version structure (`version_info` in romgen.formats.option_rom) has 64 bytes on a paragraph;
the word at 10h of the ROM header points at it. It stands where the image has one already, else in
the padding behind the EV block, else in a block that is added to the image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from romgen.errors import EXIT_FINDINGS, RomgenError
from romgen.formats.option_rom import version_info
from romgen.image.mend import Editor, free_byte, mend_sums
from romgen.image.model import BLOCK, CODE_X86, Image, Rom, Text
from romgen.image.parse import parse
from romgen.source import Source
from romgen.version import EPOCH_MAX, LABEL_MAX, Version, current, is_version

SIZE = version_info.sizeof()
PARAGRAPH = 16
SIGNATURE = b"$RGV"
DIRTY, DEBUG, CANDIDATE = 1, 2, 4
"""Flags: changed files in the tree, a build for debugging, not the final release."""
BLOCKS_MAX = 255
SUMS = (("checksum", 1), ("version", 2))
"""Fields of the ROM header that a stamp changes, with their sizes."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What goes into the structure. source_date: seconds since 1970; git_id: 20 bytes or none."""

    version: Version
    flags: int = 0
    security_epoch: int = 0
    source_date: int = 0
    git_id: bytes = b""


@dataclass(frozen=True, slots=True)
class Place:
    """A place that has a version. wanted: what it has to say for a version."""

    offset: int
    name: str
    found: str
    wanted: Callable[[Version], str]


def _revision(version: Version) -> str:
    return f"{version.word:04x}"


def _numbers(version: Version) -> str:
    return str(replace(version, pre=""))


def product_version(text: Text | None) -> str:
    """The version that is the last word of a product's name; "" where it has none."""
    head, _, last = (text.value if text is not None else "").rpartition(" ")
    return last if head and is_version(last) else ""


def places(rom: Rom) -> Iterator[Place]:
    """Every place of every x86 image that has a version.

    The banner is no place of its own: the ROM prints the version's text behind the product's name.
    """
    for image in rom.images:
        if image.code_type != CODE_X86:
            continue
        if image.pcir is not None:
            found = f"{image.pcir.number('code_revision'):04x}"
            yield Place(image.pcir.at("code_revision"), "PCIR code revision", found, _revision)
        if image.version is not None:
            parts = (str(image.version.number(name)) for name in ("major", "minor", "patch"))
            yield Place(image.version.at("major"), "version", ".".join(parts), _numbers)
        if image.version_text is not None:
            text = image.version_text
            yield Place(text.offset, "version text", text.value, str)
        for index, entry in enumerate(image.pnp):
            last = product_version(entry.product)
            if entry.product is not None and last:
                at = entry.product.offset + len(entry.product.value) - len(last)
                yield Place(at, f"$PnP product {index}", last, str)


def version_of(image: Image) -> Version | None:
    """The version that the structure says; None where there is none, or none that can be one."""
    if image.version is None or not image.version.complete or image.version_text is None:
        return None
    try:
        found = Version.parse(image.version_text.value)
    except RomgenError:
        return None
    numbers = tuple(image.version.number(name) for name in ("major", "minor", "patch"))
    return found if numbers == (found.major, found.minor, found.patch) else None


def stamp_of(image: Image) -> Stamp | None:
    """What the image is stamped with; None where it is not, or wrongly."""
    version, found = version_of(image), image.version
    if version is None or found is None:
        return None
    git_id = found.raw("git_id")
    return Stamp(
        version,
        found.number("flags"),
        found.number("security_epoch"),
        found.number("source_date"),
        git_id if any(git_id) else b"",
    )


def _wrong(offset: int, message: str, hint: str = "") -> RomgenError:
    where = f"image+0x{offset:x}"
    return RomgenError("stamp", where, message, hint, status=EXIT_FINDINGS)


def _target(rom: Rom) -> Image:
    """The image to stamp: the first x86 one. Errors: there is none, it is damaged, not ours."""
    image = next((one for one in rom.images if one.code_type == CODE_X86), None)
    if image is None or image.pcir is None or not image.pcir.complete:
        raise _wrong(0, "there is no x86 image with a PCIR in it")
    if not image.length or image.end > rom.size:
        raise _wrong(image.offset, "the image's length is wrong", "romgen check says more")
    if image.header.number("size") * BLOCK != image.length:
        raise _wrong(image.offset + 2, "the image's two lengths disagree")
    if image.header.number("version") and image.version is None:
        at = image.header.at("version")
        raise _wrong(at, "this image is of somebody else, who uses the word at 10h himself")
    return image


def _room(image: Image) -> int | None:
    """Offset in the image of room for the structure; None where it has none."""
    if image.version is not None:
        inside = image.version.offset - image.offset
        return inside if image.version.number("length") == SIZE else None
    if image.ev is None:
        return None
    header = image.ev.header
    end = header.offset - image.offset + header.number("header_length") + header.number("capacity")
    if any(image.data[end:]):
        return None
    start = -(-end // PARAGRAPH) * PARAGRAPH
    return start if start + SIZE <= len(image.data) else None


def _grown(data: bytes, image: Image) -> bytes:
    """The file with a block more at the end of the image. Error: it can't be longer."""
    blocks = image.length // BLOCK + 1
    if blocks > BLOCKS_MAX:
        raise _wrong(image.offset + 2, "there is no room, and the image cannot be longer")
    assert image.pcir is not None
    editor = Editor(data[: image.end] + bytes(BLOCK) + data[image.end :])
    editor.put(image.header.at("size"), bytes([blocks]), "size")
    editor.put(image.pcir.at("image_length"), blocks.to_bytes(2, "little"), "image length")
    return bytes(editor.data)


def build_id(image: Image, room: int | None = None) -> bytes:
    """Of the image without what `stamp` and `romgen ev` change, and without its sums.

    room: where the version structure goes; None: where it is
    """
    assert image.pcir is not None
    start = image.offset
    data = bytearray(image.data)
    spans = [(image.pcir.at("code_revision") - start, 2)]
    spans += [(image.header.at(name) - start, size) for name, size in SUMS]
    if room is None and image.version is not None:
        room = image.version.offset - start
    spans += [(room, SIZE)] if room is not None else []
    at_sum = free_byte(image)
    spans += [(at_sum - start, 1)] if at_sum is not None else []
    for entry in image.pnp:
        if (text := entry.product) is not None:
            spans.append((text.offset - start, len(text.value)))
    if image.ev is not None:
        header = image.ev.header
        size = header.number("header_length") + header.number("capacity")
        spans.append((header.offset - start, size))
    for at, length in spans:
        # What lies beyond the image (a damaged length) is not there to be blanked.
        length = min(length, len(data) - at)
        data[at : at + length] = bytes(length)
    return hashlib.sha256(data).digest()[:8]


def _products(image: Image, version: Version) -> Iterator[tuple[int, bytes]]:
    """The $PnP product names with the new version in place of the old one: offset and bytes.

    Error: the new one is longer than what is free behind the name.
    """
    for entry in image.pnp:
        last = product_version(entry.product)
        if entry.product is None or not last:
            continue
        at = entry.product.offset + len(entry.product.value) - len(last)
        new = str(version).encode("ascii")
        inside = at - image.offset
        behind = image.data[inside + len(last) : inside + len(new) + 1]
        if any(behind) or inside + len(new) >= len(image.data):
            raise _wrong(at, f"there is no room for {version} in the product's name")
        yield at, new.ljust(len(last), b"\0")


def flags_of(version: Version, dirty: bool, debug: bool = False) -> int:
    """The structure's flags."""
    return DIRTY * dirty | DEBUG * debug | CANDIDATE * bool(version.pre)


def stamp(data: bytes, values: Stamp) -> bytes:
    """`data` with the version in its first x86 image; all sums mended.

    Errors: no such image, no room, an image of somebody else, a number that does not fit.
    """
    image = _target(parse(data))
    room = _room(image)
    if room is None:
        if image.version is not None:
            raise _wrong(image.version.at("length"), "this version structure is not of 64 bytes")
        room = image.length
        data = _grown(data, image)
        image = _target(parse(data))
    assert image.pcir is not None
    for name, value in (("epoch", values.security_epoch), ("date", values.source_date)):
        if not 0 <= value <= EPOCH_MAX:
            raise RomgenError("stamp", f"--{name}", f"{value} does not fit", f"0 to {EPOCH_MAX}")
    content = version_info.build(
        {
            "signature": SIGNATURE,
            "length": SIZE,
            "checksum": 0,
            "major": values.version.major,
            "minor": values.version.minor,
            "patch": values.version.patch,
            "flags": values.flags,
            "security_epoch": values.security_epoch,
            "source_date": values.source_date,
            "git_id": values.git_id.ljust(20, b"\0"),
            "build_id": build_id(image, room),
            "text": room + SIZE - LABEL_MAX - 1,
            "label": str(values.version).encode("ascii").ljust(LABEL_MAX + 1, b"\0"),
        }
    )
    editor = Editor(data)
    for at, text in _products(image, values.version):
        editor.put(at, text, "product")
    editor.put(image.offset + room, content, "version structure")
    editor.put(image.header.at("version"), room.to_bytes(2, "little"), "pointer")
    word = values.version.word.to_bytes(2, "little")
    editor.put(image.pcir.at("code_revision"), word, "code revision")
    mend_sums(editor)
    found = parse(bytes(editor.data)).images[image.index]
    if found.sum is None or not found.sum.right:
        raise _wrong(image.offset, "the image has no byte that is free for its sum")
    return bytes(editor.data)


def stamp_built(image: bytes, source: Source) -> bytes:
    """A freshly built image with the tree's version; unchanged where it keeps no room for one."""
    first = parse(image).images[0]
    if first.version is None:
        return image
    version, epoch = current()
    flags = flags_of(version, source.dirty)
    git_id = bytes.fromhex(source.git_id)
    return stamp(image, Stamp(version, flags, epoch, source.date, git_id))
