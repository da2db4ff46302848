"""Several ROM files in one: every image, chained as the PCI Firmware Specification (5.1) asks."""

from __future__ import annotations

from collections.abc import Sequence

from romgen.errors import EXIT_FINDINGS, RomgenError
from romgen.image.file import FILE_MAX
from romgen.image.mend import Editor, mend_sums
from romgen.image.model import LAST_IMAGE, Image
from romgen.image.parse import parse


def _wrong(where: str, offset: int, message: str, hint: str = "") -> RomgenError:
    place = f"{where}+0x{offset:x}"
    return RomgenError("merge", place, message, hint, status=EXIT_FINDINGS)


def _images(where: str, data: bytes) -> list[Image]:
    """The images of one file. Errors: whatever would make a wrong chain of them."""
    rom = parse(data)
    if not rom.images:
        raise _wrong(where, 0, "no option ROM")
    for image in rom.images:
        if image.pcir is None or not image.pcir.complete:
            raise _wrong(where, image.offset, "an image without a PCIR cannot be chained")
        if not image.length:
            raise _wrong(where, image.pcir.at("image_length"), "the image's length is 0", "fix it")
        if image.end > rom.size:
            raise _wrong(where, image.offset, "the image is cut off")
    if rom.stop.reason != "last":
        raise _wrong(where, rom.stop.offset, "the chain has no end", "romgen fix may mend it")
    return list(rom.images)


def merge(files: Sequence[tuple[str, bytes]]) -> bytes:
    """The images of all `files` (name, bytes) in this order, with the last one marked as last.

    Errors: no ROM, no PCIR, a damaged chain, more than 16 MiB, an image that would never be run.
    """
    images = [(name, image) for name, data in files for image in _images(name, data)]
    joined = b"".join(image.data for _, image in images)
    if len(joined) > FILE_MAX:
        raise RomgenError("merge", "", f"{len(joined)} bytes", "no ROM can have more than 16 MiB")
    seen: dict[tuple[int, ...], str] = {}
    for name, image in images:
        assert image.pcir is not None
        key = tuple(image.pcir.number(part) for part in ("code_type", "vendor", "device"))
        key += (image.header.number("machine"),)
        if key in seen:
            device = f"{key[1]:04x}:{key[2]:04x}"
            raise _wrong(name, image.offset, f"for {device} as an image of {seen[key]}")
        seen[key] = name
    editor = Editor(joined)
    offset = 0
    for index, (_, image) in enumerate(images):
        assert image.pcir is not None
        at = offset + image.pcir.at("indicator") - image.offset
        last = index + 1 == len(images)
        value = editor.data[at] | LAST_IMAGE if last else editor.data[at] & ~LAST_IMAGE
        editor.put(at, bytes([value]), "indicator")
        offset += len(image.data)
    mend_sums(editor)
    found = editor.rom()
    if len(found.images) != len(images) or found.used != len(joined):
        raise RomgenError("merge", "", "the images do not make a chain", status=EXIT_FINDINGS)
    return bytes(editor.data)
