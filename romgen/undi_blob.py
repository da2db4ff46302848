"""Another vendor's UNDI: found in his PXE ROM or in any file that holds one, put behind our ROM.

What is taken is the whole image that the UNDI ROM ID belongs to: its loader copies the UNDI out of
it, and how it is packed there is the vendor's own business. Sources: PXE 2.1, 3.1.4 and 4.1 (UNDI
ROM ID); PCI Firmware Specification 3.0, 5.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from romgen.catalog import PciId
from romgen.errors import EXIT_FINDINGS, RomgenError, shown
from romgen.formats.option_rom import pcir, undi_rom_id
from romgen.image.file import read_rom
from romgen.image.model import CODE_X86, Image
from romgen.image.parse import parse

PREFIX = "blob:"
"""In a layout: `undi = "blob:path"`."""
PARAGRAPH = 16
ROM_SIGNATURE = b"\x55\xaa"
UNDI_SIGNATURE = b"UNDI"
HEADER_SIZE = 0x1C
"""Of an option ROM, up to its pointers."""
SEARCH_STEP = 16
"""In a file that is no chain of option ROMs an image begins on a paragraph, as in memory."""
SEARCH_ROOM = 1 << 18
"""More than an image that runs below 1 MiB can have."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A vendor's image with a loadable UNDI.

    offset: of the image in its file; data: the image; pointer: of the UNDI ROM ID in it
    loader: offset of the loader in the image
    stack, data_size, code_size: what the UNDI ROM ID asks for, in bytes
    revision: of the UNDI's interface, as 2.1.0; bus: "PCIR", "PCCR", "USBR", "EISA", ...
    pci: the adapter of the PCI data structure, None without one
    manufacturer, product: of the $PnP header
    notes: what is unusual about it and does no harm
    """

    offset: int
    data: bytes
    pointer: int
    loader: int
    stack: int
    data_size: int
    code_size: int
    revision: str
    bus: str
    pci: PciId | None
    manufacturer: str
    product: str
    notes: tuple[str, ...]

    def values(self) -> dict[str, Any]:
        """For JSON; sizes and offsets in bytes, those of the ID and the loader in the image."""
        return {
            "offset": self.offset,
            "size": len(self.data),
            "undi_rom_id": self.pointer,
            "loader": self.loader,
            "stack_size": self.stack,
            "data_size": self.data_size,
            "code_size": self.code_size,
            "revision": self.revision,
            "bus": self.bus,
            "pci": str(self.pci) if self.pci else None,
            "manufacturer": self.manufacturer,
            "product": self.product,
            "notes": list(self.notes),
        }


def _error(name: str, offset: int, code: str, message: str, hint: str = "") -> RomgenError:
    return RomgenError(code, f"{name}+0x{offset:x}", message, hint, status=EXIT_FINDINGS)


def _id_at(image: bytes, pointer: int) -> bool:
    return image[pointer : pointer + len(UNDI_SIGNATURE)] == UNDI_SIGNATURE


def _images(data: bytes) -> Iterator[tuple[int, Image]]:
    """The x86 images with an UNDI ROM ID: of the chain, or else wherever one begins."""
    chain = parse(data)
    if chain.images:
        for image in chain.images:
            if image.code_type == CODE_X86 and image.undi is not None:
                yield image.offset, image
        return
    at = data.find(ROM_SIGNATURE)
    while at >= 0:
        if at % SEARCH_STEP == 0:
            image = parse(data[at : at + SEARCH_ROOM]).images[0]
            if image.code_type == CODE_X86 and image.undi is not None:
                yield at, image
        at = data.find(ROM_SIGNATURE, at + 1)


def find(data: bytes, name: str) -> Blob:
    """The first loadable UNDI in `data`. Errors, with the offset: none; what is wrong with it."""
    for at, image in _images(data):
        return _blob(image, at, name)
    at = data.find(UNDI_SIGNATURE)
    if at >= 0:
        raise _error(
            name, at, "undi-lost", "an UNDI ROM ID to which no option ROM's header points",
            "its loader needs the ROM around it",
        )  # fmt: skip
    hint = "its ROM header has no UNDI ROM ID at 16h" if parse(data).images else "no 55 AA in it"
    raise _error(name, 0, "undi-none", "no UNDI in it", hint)


def _blob(image: Image, at: int, name: str) -> Blob:
    """The image's UNDI, checked. `at`: offset of the image in the file."""
    found, data = image.undi, image.data
    assert found is not None
    pointer = found.offset - image.offset
    where = at + pointer
    if image.length > len(data):
        raise _error(
            name, at + len(data), "undi-truncated",
            f"the image has {image.length} bytes and the file ends after {len(data)} of them",
        )  # fmt: skip
    if not found.complete or found.number("length") < undi_rom_id.sizeof():
        raise _error(
            name, where, "undi-id", f"the UNDI ROM ID has {found.number('length')} bytes",
            f"PXE 2.1 has {undi_rom_id.sizeof()}",
        )  # fmt: skip
    loader = found.number("loader")
    if not HEADER_SIZE <= loader < len(data):
        reason = "there is none" if loader == 0 else "that is outside the image"
        raise _error(
            name, where + 10, "undi-loader", f"the loader is at 0x{loader:x}: {reason}",
            "only a loadable UNDI can be used by others",
        )  # fmt: skip
    sizes = {key: found.number(f"{key}_size") for key in ("data", "code")}
    for offset, (key, size) in zip((14, 16), sizes.items(), strict=True):
        if not size:
            raise _error(name, where + offset, "undi-size", f"the UNDI's {key} has no bytes")
    notes = []
    if image.undi_sum is not None and not image.undi_sum.right:
        notes.append(f"the UNDI ROM ID sums to 0x{image.undi_sum.value:02x}, not 0")
    if found.raw("bus_type") != b"PCIR":
        notes.append(f"not for PCI: {found.raw('bus_type')!r}")
    pci = None
    if image.pcir is not None and image.pcir.size >= pcir.sizeof() - 4:
        pci = PciId(image.pcir.number("vendor"), image.pcir.number("device"))
    first = image.pnp[0] if image.pnp else None
    return Blob(
        offset=at,
        data=data,
        pointer=pointer,
        loader=loader,
        stack=found.number("stack_size"),
        data_size=sizes["data"],
        code_size=sizes["code"],
        revision=".".join(str(part) for part in reversed(found.raw("undi_revision"))),
        bus=found.raw("bus_type").decode("latin-1"),
        pci=pci,
        manufacturer=first.manufacturer.value if first and first.manufacturer else "",
        product=first.product.value if first and first.product else "",
        notes=tuple(notes),
    )


def read_blob(path: Path, base: Path | None = None) -> Blob:
    """The UNDI in a file. Errors: it cannot be read; as `find`."""
    return find(read_rom(str(path)), shown(path, base))


def behind(rom: bytes | bytearray, blob: Blob, place: int) -> bytearray:
    """Our ROM with the vendor's image behind it, on a paragraph.

    place: offset of the word that says how many paragraphs it is away (undi/blob.asm)
    """
    image = bytearray(rom)
    image += bytes(-len(image) % PARAGRAPH)
    image[place : place + 2] = (len(image) // PARAGRAPH).to_bytes(2, "little")
    return image + blob.data
