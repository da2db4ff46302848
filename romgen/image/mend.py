"""Mends what has one sure remedy: lengths of 0, the end of the chain, the sums.

In the order of their dependence: lengths, the bit "last image", the sums of the structures, the
sum of each image. A byte is only used for a sum where it is free for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from romgen.image.meaning import entry_target
from romgen.image.model import BLOCK, LAST_IMAGE, Image, Rom, Structure, Sum
from romgen.image.parse import parse

HEADER_END = 0x1C
"""Bytes of the ROM header up to the $PnP pointer."""
CHECKSUM = 6
"""Offset of the byte that ROM writers leave for the sum: behind a near jump."""
PADDING_MIN = 16
"""So many equal bytes at the end of an image are padding, and the last one is free."""


@dataclass(frozen=True, slots=True)
class Change:
    """Bytes that were changed, and why. offset: in the file."""

    offset: int
    before: bytes
    after: bytes
    what: str


class Editor:
    """Bytes being changed, with a list of the changes."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.changes: list[Change] = []

    def put(self, offset: int, value: bytes, what: str) -> None:
        """Write bytes; nothing is noted where they are there already. Never makes the file grow."""
        before = bytes(self.data[offset : offset + len(value)])
        assert len(before) == len(value), "a change must lie inside the file"
        if before != value:
            self.data[offset : offset + len(value)] = value
            self.changes.append(Change(offset, before, value, what))

    def balance(self, total: Sum, at: int, what: str) -> None:
        """Set the byte `at` so that the range of `total` sums to 0."""
        part = sum(self.data[total.offset : total.offset + total.length]) - self.data[at]
        self.put(at, bytes([-part & 0xFF]), what)

    def rom(self) -> Rom:
        """What the bytes are now."""
        return parse(bytes(self.data))


def difference(before: bytes, after: bytes) -> list[tuple[int, bytes, bytes]]:
    """The runs of bytes that differ: offset, old bytes, new bytes (of files of equal length)."""
    runs: list[tuple[int, bytes, bytes]] = []
    start = None
    for at in range(len(before) + 1):
        differs = at < len(before) and before[at] != after[at]
        if differs and start is None:
            start = at
        elif not differs and start is not None:
            runs.append((start, before[start:at], after[start:at]))
            start = None
    return runs


def _lengths(editor: Editor) -> None:
    """A length of 0 where the other length of the image is known and the file has that much."""
    at = 0
    while True:  # one image at a time: the next one is only found behind a mended length
        images = editor.rom().images
        if at >= len(images):
            return
        image = images[at]
        at += 1
        size, pcir = image.header.field("size"), image.pcir
        if size is None or pcir is None or (field := pcir.field("image_length")) is None:
            continue
        header_blocks, blocks = image.header.number("size"), pcir.number("image_length")
        room = (len(editor.data) - image.offset) // BLOCK
        if not blocks and 0 < header_blocks <= room:
            value = header_blocks.to_bytes(2, "little")
            editor.put(field.offset, value, "image length: as the header's size")
        elif not header_blocks and 0 < blocks <= min(room, 256**size.size - 1):
            editor.put(size.offset, blocks.to_bytes(size.size, "little"), "size: as the PCIR's")


def _last(editor: Editor) -> None:
    """The bit "last image", where nothing but padding follows."""
    rom = editor.rom()
    if not rom.images or rom.stop.reason not in ("end-of-file", "no-signature"):
        return
    image = rom.images[-1]
    field = image.pcir.field("indicator") if image.pcir else None
    rest = rom.data[image.end :]
    if field and image.end <= rom.size and not rest.strip(b"\0").strip(b"\xff"):
        value = bytes([rom.data[field.offset] | LAST_IMAGE])
        editor.put(field.offset, value, "indicator: this is the last image")


def _structure_sum(editor: Editor, found: Structure | None, total: Sum | None, size: int) -> None:
    """The sum of a structure with the length that it says, where that length can be right."""
    if found is None or total is None or not found.complete:
        return
    if total.length == size and total.length >= found.size:
        editor.balance(total, found.at("checksum"), f"checksum of {found.kind}")


def free_byte(image: Image) -> int | None:
    """Offset in the file of a byte that is free for the image's sum; None where none is sure."""
    total = image.sum
    if total is None or total.length <= HEADER_END:
        return None
    code = image.header.raw("entry")
    target = entry_target(code)
    if code[:1] in (b"\xe9", b"\xeb") and target is not None and target >= HEADER_END:
        return image.offset + CHECKSUM
    tail = image.data[max(total.length - PADDING_MIN, HEADER_END) : total.length]
    if len(tail) == PADDING_MIN and tail[:-1] in (bytes(15), b"\xff" * 15):
        return image.offset + total.length - 1
    return None


def mend_sums(editor: Editor) -> None:
    """The sums of $PnP headers, UNDI ROM ID and version structure, then of each whole image."""
    for image in editor.rom().images:
        for entry in image.pnp:
            size = entry.header.number("length") * 16
            _structure_sum(editor, entry.header, entry.sum, size)
        for found, total in ((image.undi, image.undi_sum), (image.version, image.version_sum)):
            size = found.number("length") if found else 0
            _structure_sum(editor, found, total, size)
    for image in editor.rom().images:
        total = image.sum
        if total is None or total.right or total.length < image.header.number("size") * BLOCK:
            continue
        at = free_byte(image)
        if at is not None:
            editor.balance(total, at, "checksum of the image")


def mend(data: bytes) -> Editor:
    """Everything that can be mended in `data`; the file keeps its length."""
    editor = Editor(data)
    _lengths(editor)
    _last(editor)
    mend_sums(editor)
    return editor
