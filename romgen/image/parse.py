"""Takes any bytes apart as a chain of option ROM images. Never fails and never hangs.

Sources: PCI Firmware Specification 3.0 (5.1), PCI Local Bus 2.2 (6.3), Plug and Play BIOS
Specification 1.0A (3.2), PXE 2.1 (UNDI ROM ID), UEFI (PCI expansion ROM). Pointers are followed as
a BIOS does, and only inside the image that they belong to. Every step of a chain goes forward or to
an offset not yet seen, so that the work is bounded by the file's size.
"""

from __future__ import annotations

from construct import Struct

from romgen.errors import RomgenError
from romgen.ev.block import find as find_ev
from romgen.ev.block import unpack as unpack_ev
from romgen.formats import option_rom
from romgen.image.model import (
    BLOCK,
    CODE_EFI,
    CODE_X86,
    DeviceList,
    EvBlock,
    Field,
    Image,
    PnpHeader,
    Rom,
    Stop,
    Structure,
    Sum,
    Text,
)

ROM_SIGNATURE = b"\x55\xaa"
EFI_SIGNATURE = 0x0EF1
PNP_UNIT = 16
"""The length byte of the $PnP header counts paragraphs."""
PCIR_3 = 3
"""The revision from which on the PCIR has a device list and a run-time length."""
TEXT_MAX = 256
IMAGES_MAX = 256
"""More images than this are no ROM but an accident; it also bounds the report."""
PNP_MAX = 64
DEVICES_MAX = 1024

_STRUCTS: dict[str, Struct] = {
    name: getattr(option_rom, name)
    for name in (
        "rom_header",
        "efi_header",
        "pcir",
        "pcir_2",
        "pnp",
        "undi_rom_id",
        "ev_block",
        "version_info",
    )
}


def structure(data: bytes, offset: int, kind: str) -> Structure:
    """The structure `kind` at `offset`, with the fields that lie whole inside the file."""
    struct = _STRUCTS[kind]
    fields: list[Field] = []
    at = offset
    for sub in struct.subcons:
        size = int(sub.sizeof())
        if at + size > len(data):
            break
        fields.append(Field(sub.name, at, size, sub.parse(data[at : at + size])))
        at += size
    return Structure(kind, offset, int(struct.sizeof()), tuple(fields))


def byte_sum(data: bytes, offset: int, length: int) -> Sum:
    """The sum of `length` bytes, or of those that the file has."""
    part = data[offset : offset + length]
    return Sum(offset, len(part), sum(part) & 0xFF)


def _own_sum(data: bytes, found: Structure | None) -> Sum | None:
    """The sum of a structure that has its own length and checksum."""
    return None if found is None else byte_sum(data, found.offset, found.number("length"))


def _text(data: bytes, start: int, end: int, pointer: int) -> Text | None:
    """The text at `pointer` of the image from `start` to `end`."""
    at = start + pointer
    if not pointer or at >= end:
        return None
    part = data[at : min(at + TEXT_MAX, end)]
    text, nul, _ = part.partition(b"\0")
    return Text(at, text.decode("latin-1"), bool(nul))


def _signed(data: bytes, start: int, end: int, pointer: int, kind: str, sign: bytes) -> int | None:
    """Offset of the structure at `pointer` where its signature is there and inside the image."""
    at = start + pointer
    if not pointer or at + len(sign) > end or data[at : at + len(sign)] != sign:
        return None
    return at


def _pnp_chain(
    data: bytes, start: int, end: int, pointer: int
) -> tuple[tuple[PnpHeader, ...], Stop | None]:
    """The $PnP headers; the stop is None where there is no pointer at all."""
    if not pointer:
        return (), None
    found: list[PnpHeader] = []
    seen: set[int] = set()
    while pointer:
        at = start + pointer
        if at + 4 > end:
            return tuple(found), Stop(at, "outside")
        if at in seen:
            return tuple(found), Stop(at, "loop")
        if data[at : at + 4] != b"$PnP":
            return tuple(found), Stop(at, "no-signature")
        if len(found) == PNP_MAX:
            return tuple(found), Stop(at, "too-many")
        seen.add(at)
        header = structure(data, at, "pnp")
        found.append(
            PnpHeader(
                header=header,
                sum=byte_sum(data, at, header.number("length") * PNP_UNIT),
                manufacturer=_text(data, start, end, header.number("manufacturer")),
                product=_text(data, start, end, header.number("product")),
            )
        )
        pointer = header.number("next")
    return tuple(found), Stop(found[-1].header.offset, "last")


def _devices(data: bytes, end: int, pcir: Structure) -> DeviceList | None:
    """The device list of a PCIR of revision 3."""
    pointer = pcir.number("device_list")
    start = pcir.offset + pointer
    if not pointer or start + 2 > end:
        return None
    devices: list[int] = []
    for at in range(start, min(end - 1, start + 2 * DEVICES_MAX), 2):
        device = int.from_bytes(data[at : at + 2], "little")
        if not device:
            return DeviceList(start, tuple(devices), True)
        devices.append(device)
    return DeviceList(start, tuple(devices), False)


def _ev(data: bytes, start: int, end: int) -> EvBlock | None:
    """The EV block of an image of ours."""
    offset = find_ev(data[start:end])
    if offset is None:
        return None
    at = start + offset
    header = structure(data, at, "ev_block")
    try:
        return EvBlock(header, unpack_ev(data[at:end], f"0x{at:x}"), "")
    except RomgenError as error:
        return EvBlock(header, None, error.message)


def _pcir(data: bytes, start: int, pointer: int) -> Structure | None:
    """The PCI data structure; of revision 0 to 2 or of revision 3."""
    at = _signed(data, start, len(data), pointer, "pcir", b"PCIR")
    if at is None:
        return None
    found = structure(data, at, "pcir")
    return found if found.number("revision") >= PCIR_3 else structure(data, at, "pcir_2")


def _image(data: bytes, start: int, index: int) -> Image:
    """The image whose 55 AA is at `start`."""
    legacy = structure(data, start, "rom_header")
    pcir = _pcir(data, start, legacy.number("pcir"))
    code = CODE_X86 if pcir is None else pcir.number("code_type")
    efi = structure(data, start, "efi_header")
    is_efi = code == CODE_EFI and efi.number("efi_signature") == EFI_SIGNATURE
    counted = legacy.number("size") * BLOCK
    length = counted if pcir is None else pcir.number("image_length") * BLOCK
    # An image that doesn't know its length has what its header needs: nothing else is certain.
    end = min(start + (length or max(counted, BLOCK)), len(data))
    x86 = code == CODE_X86
    headers, stop = _pnp_chain(data, start, end, legacy.number("pnp")) if x86 else ((), None)
    undi_at = version_at = None
    if x86:
        undi_at = _signed(data, start, end, legacy.number("undi_rom_id"), "undi_rom_id", b"UNDI")
        version_at = _signed(data, start, end, legacy.number("version"), "version_info", b"$RGV")
    undi = None if undi_at is None else structure(data, undi_at, "undi_rom_id")
    version = None if version_at is None else structure(data, version_at, "version_info")
    return Image(
        index=index,
        offset=start,
        length=length,
        data=data[start:end],
        header=efi if is_efi else legacy,
        sum=byte_sum(data, start, counted) if x86 else None,
        pcir=pcir,
        devices=_devices(data, end, pcir) if pcir and pcir.kind == "pcir" else None,
        pnp=headers,
        pnp_stop=stop,
        undi=undi,
        undi_sum=_own_sum(data, undi),
        version=version,
        version_sum=_own_sum(data, version),
        version_text=None if version is None else _text(data, start, end, version.number("text")),
        ev=_ev(data, start, end) if x86 else None,
    )


def parse(data: bytes) -> Rom:
    """The chain of images in `data`, which may be anything."""
    images: list[Image] = []
    at = 0
    while True:
        if data[at : at + 2] != ROM_SIGNATURE:
            reason = "end-of-file" if at >= len(data) else "no-signature"
            return Rom(data, tuple(images), Stop(at, reason))
        if len(images) == IMAGES_MAX:
            return Rom(data, tuple(images), Stop(at, "too-many"))
        image = _image(data, at, len(images))
        images.append(image)
        if image.is_last:
            return Rom(data, tuple(images), Stop(at, "last" if image.pcir else "no-pcir"))
        if not image.length:
            return Rom(data, tuple(images), Stop(at, "length-zero"))
        at = image.end
