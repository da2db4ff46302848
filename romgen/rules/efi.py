"""Rules for EFI images."""

from __future__ import annotations

from collections.abc import Iterator

from romgen.image import Image, Rom
from romgen.image.meaning import COMPRESSIONS, MACHINES, SUBSYSTEMS
from romgen.image.model import BLOCK, CODE_EFI
from romgen.image.pe import packed_problem, pe_bytes, read_pe
from romgen.rules.model import ERROR, WARNING, Place, rule

SPEC = "UEFI Specification, PCI option ROMs"


def _each(rom: Rom) -> Iterator[Image]:
    return (image for image in rom.images if image.is_efi)


@rule(50, "no EFI signature", SPEC, ERROR, "", ERROR)
def signature(rom: Rom) -> Iterator[Place]:
    """An image of code type 3 has 00000EF1h at offset 4; a UEFI firmware skips one without."""
    for image in rom.images:
        if image.code_type == CODE_EFI and not image.is_efi:
            yield Place(image.offset + 4, "code type 3 without the EFI signature")


@rule(51, "no PE image", SPEC, ERROR, "", ERROR)
def no_pe(rom: Rom) -> Iterator[Place]:
    """The word at offset 16h leads to the PE image, which begins with the letters MZ, unpacked
    where the header says that it is compressed.
    """
    for image in _each(rom):
        compressed = image.header.number("compression")
        if compressed in (0, 1) and packed_problem(image) is None and pe_bytes(image) is None:
            at = image.offset + image.header.number("pe")
            yield Place(image.header.at("pe"), f"no PE image at 0x{at:x}")


@rule(52, "unknown machine, subsystem or compression", SPEC, WARNING, "", WARNING)
def known(rom: Rom) -> Iterator[Place]:
    """A firmware skips an image for another machine, and can't unpack an unknown compression."""
    tables = {"machine": MACHINES, "subsystem": SUBSYSTEMS, "compression": COMPRESSIONS}
    for image in _each(rom):
        for name, table in tables.items():
            if image.header.field(name) and image.header.number(name) not in table:
                yield Place(image.header.at(name), f"{name} 0x{image.header.number(name):x}")


@rule(53, "header and PE image disagree", SPEC, ERROR, "", ERROR)
def disagree(rom: Rom) -> Iterator[Place]:
    """Machine and subsystem stand in the EFI header and in the PE header, and are the same."""
    for image in _each(rom):
        if pe_bytes(image) is None:
            continue
        found = read_pe(image)
        if found is None:
            yield Place(image.header.at("pe"), "the PE image cannot be read")
            continue
        pairs = (("machine", found.machine), ("subsystem", found.subsystem))
        for name, value in pairs:
            if image.header.number(name) != value:
                message = f"{name} 0x{image.header.number(name):x}, in the PE image 0x{value:x}"
                yield Place(image.header.at(name), message)


@rule(54, "two lengths disagree in an EFI image", SPEC, WARNING, "", WARNING)
def lengths(rom: Rom) -> Iterator[Place]:
    """The EFI header's size and the PCIR's image length are the same."""
    for image in _each(rom):
        counted = image.header.number("size") * BLOCK
        if image.length and counted != image.length:
            message = f"{counted} bytes by the header, {image.length} by the PCIR"
            yield Place(image.header.at("size"), message)


@rule(55, "compressed PE image is damaged", SPEC, ERROR, "", ERROR)
def packed(rom: Rom) -> Iterator[Place]:
    """With compression 1 the PE image is packed by the specification's own algorithm; a firmware
    that can't unpack it skips the image.
    """
    for image in _each(rom):
        problem = packed_problem(image)
        if problem is not None:
            yield Place(min(problem.offset, len(rom.data)), problem.message)
