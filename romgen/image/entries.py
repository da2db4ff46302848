"""The parts of an option ROM file by name: `0` (an image), `0/pcir`, `0/pnp1`, `1/pe` ..."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from romgen.errors import RomgenError
from romgen.image.model import Image, Rom, Structure
from romgen.image.pe import pe_bytes

NAMES = {
    "rom_header": "header",
    "efi_header": "header",
    "pcir": "pcir",
    "pcir_2": "pcir",
    "undi_rom_id": "undi",
    "version_info": "version",
}
"""What a structure is called in a path, by its kind."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A part of the file. offset, size: bytes that the file really has.

    content: what `romgen extract` writes where it is not those bytes: a PE image, unpacked
    """

    path: str
    kind: str
    offset: int
    size: int
    content: bytes | None = None


def structures(image: Image) -> Iterator[tuple[str, Structure]]:
    """The structures of an image with their names: header, pcir, pnp0, pnp1, undi, version."""
    for found in (image.header, image.pcir, image.undi, image.version):
        if found is not None:
            yield NAMES[found.kind], found
    for index, entry in enumerate(image.pnp):
        yield f"pnp{index}", entry.header


def _entries(image: Image) -> Iterator[Entry]:
    yield Entry(str(image.index), "image", image.offset, len(image.data))
    for name, found in structures(image):
        there = sum(field.size for field in found.fields)
        yield Entry(f"{image.index}/{name}", found.kind, found.offset, there)
    devices = image.devices
    if devices is not None:
        length = 2 * (len(devices.devices) + devices.ended)
        yield Entry(f"{image.index}/devices", "device_list", devices.offset, length)
    for index, entry in enumerate(image.pnp):
        for name, text in (("manufacturer", entry.manufacturer), ("product", entry.product)):
            if text is not None:
                length = len(text.value) + text.ended
                yield Entry(f"{image.index}/pnp{index}/{name}", "text", text.offset, length)
    end = image.offset + len(image.data)
    if image.ev is not None:
        header = image.ev.header
        length = header.number("header_length") + header.number("capacity")
        at = header.offset
        yield Entry(f"{image.index}/ev", "ev_block", at, min(length, end - at))
    pe = pe_bytes(image)
    if pe is not None:
        content = pe.data if pe.packed else None
        yield Entry(f"{image.index}/pe", "pe", pe.offset, pe.packed or end - pe.offset, content)


def entries(rom: Rom) -> list[Entry]:
    """Every part, by offset; what stands behind the last image is `rest`."""
    found = [entry for image in rom.images for entry in _entries(image)]
    found.sort(key=lambda entry: (entry.offset, -entry.size))
    if rom.images and rom.used < rom.size:
        found.append(Entry("rest", "rest", rom.used, rom.size - rom.used))
    return found


def entry(rom: Rom, path: str, where: str) -> Entry:
    """The part `path`. Error: there is none; names the nearest one."""
    known = {one.path: one for one in entries(rom)}
    if path not in known:
        near = difflib.get_close_matches(path, known, 1)
        hint = f"did you mean {near[0]}?" if near else "romgen ls shows what there is"
        raise RomgenError("entry-unknown", where, f"there is no {path}", hint)
    return known[path]
