"""The last step of an image: lengths, EV block, checksums; and the proof that they are right.

Source of the formats: PCI Firmware Specification 3.0 (5.1), Plug and Play BIOS Specification 1.0A
(3.2), PXE 2.1 (UNDI ROM ID).  Everything that is patched is found the way a BIOS finds it: from
the ROM header's pointers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from construct import ConstructError, Container, Struct

from romgen.catalog import PciId
from romgen.errors import EXIT_FINDINGS, RomgenError
from romgen.formats.option_rom import CONSTANTS, pcir, pnp, rom_header, undi_rom_id
from romgen.init_pack import pack, pack_small
from romgen.layout import BLOCK, IMAGE_MAX, Layout

ROM_SIGNATURE = 0xAA55
PNP_UNIT = 16
"""The length byte of the $PnP header counts paragraphs."""


def _wrong(offset: int, message: str, hint: str = "") -> RomgenError:
    return RomgenError(
        "image", f"image+0x{offset:x}", message, hint, status=EXIT_FINDINGS
    )


def _parse(struct: Struct, image: bytes | bytearray, offset: int, name: str) -> Container[Any]:
    """The structure at `offset`. Error: it goes beyond the image."""
    if offset + struct.sizeof() > len(image):
        raise _wrong(offset, f"{name} goes beyond the image's {len(image)} bytes")
    try:
        return struct.parse(bytes(image[offset : offset + struct.sizeof()]))
    except ConstructError as error:
        raise _wrong(offset, f"{name}: {error}") from error


def _field(struct: Struct, name: str) -> int:
    """Offset of a field in its structure."""
    offset = 0
    for sub in struct.subcons:
        if sub.name == name:
            return offset
        offset += int(sub.sizeof())
    raise KeyError(name)


def _put(image: bytearray, struct: Struct, base: int, **values: int) -> None:
    """Write fields of the structure at `base`."""
    for name, value in values.items():
        sub = getattr(struct, name)
        offset = base + _field(struct, name)
        image[offset : offset + sub.sizeof()] = sub.build(value)


def pnp_headers(image: bytes | bytearray) -> Iterator[tuple[int, Container[Any]]]:
    """The chain of $PnP headers with their offsets. Errors: a wrong pointer, a loop."""
    seen: set[int] = set()
    offset = _parse(rom_header, image, 0, "ROM header").pnp
    while offset:
        if offset in seen:
            raise _wrong(offset, "the chain of $PnP headers runs in a circle")
        seen.add(offset)
        header = _parse(pnp, image, offset, "$PnP header")
        if header.signature != b"$PnP":
            raise _wrong(offset, f"no $PnP header here but {header.signature!r}")
        yield offset, header
        offset = header.next


def _balance(image: bytearray, start: int, length: int, at: int) -> None:
    """Set the byte `at` so that `length` bytes from `start` sum to 0 modulo 256."""
    image[at] = 0
    image[at] = -sum(image[start : start + length]) & 0xFF


def pack_init(flat: bytearray, start: int, undi_size: int, size_max: int) -> bytearray:
    """The linked bytes of a ROM of ours with everything from `start` on packed.

    flat: up to the linker's rom_end; start: undi_image; undi_size: undi_code_size, up to which the
    UNDI's loader unpacks; size_max: beyond that more pains are taken. Another ROM, without our mark
    in the header, comes back as it is.
    """
    if _parse(rom_header, flat, 0, "ROM header").owner != CONSTANTS["ROM_OWNER"]:
        return flat
    plain = bytes(flat[start:])
    rom = flat[:start] + pack(plain, (undi_size,))
    if len(rom) > size_max:
        rom = flat[:start] + pack_small(plain, (undi_size,))
    _put(rom, rom_header, 0, packed=start)
    return rom


def compose(flat: bytes | bytearray, layout: Layout) -> bytes:
    """The finished image from the linked bytes: padded, lengths and checksums set.

    Errors: no ROM header, a pointer that leads nowhere, more than the size byte can count.
    """
    blocks = -(-len(flat) // BLOCK)
    if blocks * BLOCK > IMAGE_MAX:
        raise RomgenError(
            "image-size",
            layout.size_max_where,
            f"the image has {len(flat)} bytes",
            f"the ROM header can count {IMAGE_MAX}",
            status=EXIT_FINDINGS,
        )
    image = bytearray(flat).ljust(blocks * BLOCK, b"\0")
    header = _parse(rom_header, image, 0, "ROM header")
    if header.signature != ROM_SIGNATURE:
        raise _wrong(0, "no ROM header (55 AA)", "section .header is missing or not first")
    _put(image, rom_header, 0, size=blocks)
    data = _parse(pcir, image, header.pcir, "PCIR structure")
    if not header.pcir or data.signature != b"PCIR":
        raise _wrong(header.pcir, "no PCIR structure where the ROM header points")
    _put(image, pcir, header.pcir, image_length=blocks, max_runtime_length=blocks)
    for offset, entry in pnp_headers(image):
        _balance(image, offset, entry.length * PNP_UNIT, offset + _field(pnp, "checksum"))
    if header.undi_rom_id:
        undi = _parse(undi_rom_id, image, header.undi_rom_id, "UNDI ROM ID")
        if undi.signature != b"UNDI":
            raise _wrong(header.undi_rom_id, "no UNDI ROM ID where the ROM header points")
        at = header.undi_rom_id + _field(undi_rom_id, "checksum")
        _balance(image, header.undi_rom_id, undi.length, at)
    _balance(image, 0, len(image), _field(rom_header, "checksum"))
    return bytes(image)


def with_pci_id(image: bytes, pci: PciId) -> bytes:
    """The image with another of its adapter's ids in the PCIR structure itself.

    Some BIOSes (SeaBIOS) compare that id alone, not the device list. Error: no PCIR structure.
    """
    changed = bytearray(image)
    header = _parse(rom_header, changed, 0, "ROM header")
    if _parse(pcir, changed, header.pcir, "PCIR structure").signature != b"PCIR":
        raise _wrong(header.pcir, "no PCIR structure where the ROM header points")
    _put(changed, pcir, header.pcir, vendor=pci.vendor, device=pci.device)
    _balance(changed, 0, len(changed), _field(rom_header, "checksum"))
    return bytes(changed)


def verify(image: bytes, layout: Layout) -> None:
    """Read the finished image back as a BIOS does. Error: the first thing that is wrong."""
    header = _parse(rom_header, image, 0, "ROM header")
    if header.signature != ROM_SIGNATURE or header.size * BLOCK != len(image):
        raise _wrong(2, f"size byte {header.size} in an image of {len(image)} bytes")
    if sum(image) & 0xFF:
        raise _wrong(0, f"byte sum is 0x{sum(image) & 0xFF:02x}, not 0")
    _verify_pcir(image, header.pcir, layout)
    headers = list(pnp_headers(image))
    if not headers:
        raise _wrong(_field(rom_header, "pnp"), "no $PnP header")
    for offset, entry in headers:
        _verify_pnp(image, offset, entry)
    first = headers[0][1]
    if not (first.bcv if layout.boot == "BCV" else first.bev):
        raise _wrong(headers[0][0], f"the $PnP header has no {layout.boot}")
    if header.undi_rom_id:
        undi = _parse(undi_rom_id, image, header.undi_rom_id, "UNDI ROM ID")
        end = header.undi_rom_id + undi.length
        if undi.length < undi_rom_id.sizeof() or sum(image[header.undi_rom_id : end]) & 0xFF:
            raise _wrong(header.undi_rom_id, "UNDI ROM ID: wrong length or checksum")


def _verify_pcir(image: bytes, offset: int, layout: Layout) -> None:
    """Raise what is wrong with the PCIR structure."""
    data = _parse(pcir, image, offset, "PCIR structure")
    if offset % 4:
        raise _wrong(offset, "the PCIR structure is not on a dword boundary")
    if data.length != pcir.sizeof() or data.image_length * BLOCK != len(image):
        raise _wrong(offset, f"PCIR lengths {data.length} and {data.image_length} are wrong")
    ids = layout.nic.pci
    if (data.vendor, data.device) != (ids.vendor, ids.device):
        raise _wrong(offset, f"PCIR has {data.vendor:04x}:{data.device:04x}, not {ids}")


def _verify_pnp(image: bytes, offset: int, entry: Container[Any]) -> None:
    """Raise what is wrong with one $PnP header."""
    length = entry.length * PNP_UNIT
    if length < pnp.sizeof() or sum(image[offset : offset + length]) & 0xFF:
        raise _wrong(offset, "$PnP header: wrong length or checksum")
    for name in ("manufacturer", "product"):
        at = entry[name]
        if at >= len(image) or (at and b"\0" not in image[at:]):
            raise _wrong(offset, f"the $PnP header's {name} string at 0x{at:x} has no end")
    for name in ("bcv", "dv", "bev"):
        if entry[name] >= len(image):
            raise _wrong(offset, f"{name} 0x{entry[name]:x} is outside the image")
