"""The PE image inside an EFI image, read with lief (which is only loaded when it is needed)."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Any

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
    config = lief.PE.ParserConfig()
    # Only headers and sections are wanted; damaged tables can keep lief busy for seconds.
    for name in ("exports", "imports", "rsrc", "reloc", "exceptions", "arm64x_binary"):
        setattr(config, f"parse_{name}", False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of numbers that its enumerations lack
        # As a stream: lief takes short bytes for a file's name.
        found = lief.PE.parse(io.BytesIO(image.data[offset - image.offset :]), config)
        return None if found is None else _read(found, offset)


def _plain(value: Any) -> int:
    """An enumeration's number; lief gives a plain number where it knows no name for it."""
    return int(getattr(value, "value", value))


def _read(found: Any, offset: int) -> Pe:
    """What is wanted of lief's binary."""
    return Pe(
        offset=offset,
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
