"""The PE image inside an EFI image, unpacked where it is compressed, read with lief (which is only
loaded when it is needed).
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Any

from romgen.image.efi_decompress import DamagedError, decompress, packed_size
from romgen.image.model import Image

UEFI_COMPRESSION = 1
DOS_HEADER = 64
"""Size of the header before the PE header; fewer bytes are no PE image."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section: address and virtual size in memory, offset (from the PE's start) and size."""

    name: str
    address: int
    virtual_size: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Pe:
    """What a PE image says of itself.

    offset: in the ROM file; packed: bytes there, where it is compressed, else 0
    """

    offset: int
    packed: int
    machine: int
    subsystem: int
    entry: int
    image_size: int
    timestamp: int
    signed: bool
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class PeBytes:
    """A PE image's bytes, plain; offset: of those in the file; packed: how many, 0 = plain."""

    offset: int
    packed: int
    data: bytes


def packed_problem(image: Image) -> DamagedError | None:
    """Why a compressed PE image cannot be unpacked; None where it can, or is not compressed.

    The problem's offset is that in the ROM file.
    """
    if not image.is_efi or image.header.number("compression") != UEFI_COMPRESSION:
        return None
    pointer = image.header.number("pe")
    if not pointer or pointer >= len(image.data):
        return DamagedError(image.header.at("pe"), f"nothing is at 0x{image.offset + pointer:x}")
    try:
        decompress(image.data[pointer:])
    except DamagedError as error:
        return DamagedError(image.offset + pointer + error.offset, error.message)
    return None


def pe_bytes(image: Image) -> PeBytes | None:
    """The PE image in an EFI image, unpacked; None where there is none that could be read."""
    if not image.is_efi:
        return None
    pointer, kind = image.header.number("pe"), image.header.number("compression")
    if not pointer or kind not in (0, UEFI_COMPRESSION):
        return None
    data, packed = image.data[pointer:], 0
    if kind == UEFI_COMPRESSION:
        if packed_problem(image) is not None:
            return None
        packed, data = packed_size(data), decompress(data)
    if data[:2] != b"MZ" or len(data) < DOS_HEADER:
        return None
    return PeBytes(image.offset + pointer, packed, data)


def read_pe(image: Image) -> Pe | None:
    """The PE image of an EFI image; None where it has none or is not readable."""
    inside = pe_bytes(image)
    if inside is None:
        return None
    import lief  # 0.4 s and 60 MB: not before it is needed

    lief.logging.disable()
    config = lief.PE.ParserConfig()
    # Only headers and sections are wanted; damaged tables can keep lief busy for seconds.
    for name in ("exports", "imports", "rsrc", "reloc", "exceptions", "arm64x_binary"):
        setattr(config, f"parse_{name}", False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of numbers that its enumerations lack
        # As a stream: lief takes short bytes for a file's name.
        found = lief.PE.parse(io.BytesIO(inside.data), config)
        return None if found is None else _read(found, inside)


def _plain(value: Any) -> int:
    """An enumeration's number; lief gives a plain number where it knows no name for it."""
    return int(getattr(value, "value", value))


def _read(found: Any, inside: PeBytes) -> Pe:
    """What is wanted of lief's binary."""
    return Pe(
        offset=inside.offset,
        packed=inside.packed,
        machine=_plain(found.header.machine),
        subsystem=_plain(found.optional_header.subsystem),
        entry=int(found.optional_header.addressof_entrypoint),
        image_size=int(found.optional_header.sizeof_image),
        timestamp=int(found.header.time_date_stamps),
        signed=bool(found.has_signatures),
        sections=tuple(
            Section(
                str(section.name),
                int(section.virtual_address),
                int(section.virtual_size),
                int(section.offset),
                int(section.size),
            )
            for section in found.sections
        ),
    )
