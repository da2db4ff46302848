"""The PE image inside an EFI image, read with lief (which is only loaded when it is needed)."""

from __future__ import annotations

import io
from dataclasses import dataclass

from romgen.image.model import Image

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
    """What a PE image says of itself. offset: in the ROM file."""

    offset: int
    machine: int
    subsystem: int
    entry: int
    image_size: int
    timestamp: int
    signed: bool
    sections: tuple[Section, ...]


def pe_offset(image: Image) -> int | None:
    """Offset of the PE image in the ROM file; None where there is none that could be read."""
    if not image.is_efi or image.header.number("compression"):
        return None
    pointer = image.header.number("pe")
    if not pointer or image.data[pointer : pointer + 2] != b"MZ":
        return None
    return image.offset + pointer if pointer + DOS_HEADER <= len(image.data) else None


def read_pe(image: Image) -> Pe | None:
    """The PE image of an EFI image; None where it has none, is compressed, or is not readable."""
    offset = pe_offset(image)
    if offset is None:
        return None
    import lief  # 0.4 s and 60 MB: not before it is needed

    lief.logging.disable()
    # As a stream: lief takes short bytes for a file's name.
    found = lief.PE.parse(io.BytesIO(image.data[offset - image.offset :]))
    if found is None:
        return None
    return Pe(
        offset=offset,
        machine=int(found.header.machine.value),
        subsystem=int(found.optional_header.subsystem.value),
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
