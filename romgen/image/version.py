"""The version of an image: what it is, where it stands, and how it gets there.

The version structure (`version_info` in romgen.formats.option_rom) has 64 bytes on a paragraph;
the word at 10h of the ROM header points at it. It stands where the image has one already, else in
the padding behind the EV block, else in a block that is added to the image.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from romgen.errors import EXIT_FINDINGS, RomgenError
from romgen.formats.option_rom import version_info
from romgen.image.mend import Editor, mend_sums
from romgen.image.model import BLOCK, CODE_X86, Image, Rom
from romgen.image.parse import parse

SIZE = version_info.sizeof()
PARAGRAPH = 16
SIGNATURE = b"$RGV"
DIRTY, DEBUG, CANDIDATE = 1, 2, 4
"""Flags: changed files in the tree, a build for debugging, not the final release."""
LABEL_MAX = 13
"""Characters of the version's text: the structure has 14 bytes with the 0 at the end."""
BLOCKS_MAX = 255
_SEMVER = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?")


@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version; `pre` is what stands behind the hyphen, or ""."""

    major: int
    minor: int
    patch: int
    pre: str = ""

    @classmethod
    def parse(cls, text: str) -> Version:
        """`1.4.2` or `1.4.2-rc1`. Errors: another form, a number that does not fit its field."""
        match = _SEMVER.fullmatch(text)
        if match is None:
            raise RomgenError("version", "--version", f"{text!r} is no version", "e.g. 1.4.2-rc1")
        major, minor, patch = (int(part) for part in match.groups()[:3])
        if major > 0xFF or minor > 0xFF or patch > 0xFFFF:
            hint = "at most 255.255.65535"
            raise RomgenError("version", "--version", f"{text} does not fit its fields", hint)
        found = cls(major, minor, patch, match[4] or "")
        if len(str(found)) > LABEL_MAX:
            hint = f"at most {LABEL_MAX} characters"
            raise RomgenError("version", "--version", f"{text} is too long", hint)
        return found

    def __str__(self) -> str:
        """As it is written."""
        text = f"{self.major}.{self.minor}.{self.patch}"
        return f"{text}-{self.pre}" if self.pre else text

    @property
    def word(self) -> int:
        """The PCIR's code revision."""
        return self.major << 8 | self.minor


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


def places(rom: Rom) -> Iterator[Place]:
    """Every place of every x86 image that has a version."""
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


def _build_id(image: Image, room: int) -> bytes:
    """Of everything in the image but the stamp itself and the sums, so that a stamp keeps it."""
    assert image.pcir is not None
    data = bytearray(image.data)
    spans = [(room, SIZE), (image.pcir.at("code_revision") - image.offset, 2)]
    spans += [(image.header.at("checksum") - image.offset, 1)]
    spans += [(image.header.at("version") - image.offset, 2)]
    for at, length in spans:
        data[at : at + length] = bytes(length)
    return hashlib.sha256(data).digest()[:8]


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
        if not 0 <= value <= 0xFFFFFFFF:
            raise RomgenError("stamp", f"--{name}", f"{value} does not fit", "0 to 4294967295")
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
            "build_id": _build_id(image, room),
            "text": room + SIZE - LABEL_MAX - 1,
            "label": str(values.version).encode("ascii").ljust(LABEL_MAX + 1, b"\0"),
        }
    )
    editor = Editor(data)
    editor.put(image.offset + room, content, "version structure")
    editor.put(image.header.at("version"), room.to_bytes(2, "little"), "pointer")
    word = values.version.word.to_bytes(2, "little")
    editor.put(image.pcir.at("code_revision"), word, "code revision")
    mend_sums(editor)
    found = parse(bytes(editor.data)).images[image.index]
    if found.sum is None or not found.sum.right:
        raise _wrong(image.offset, "the image has no byte that is free for its sum")
    return bytes(editor.data)
