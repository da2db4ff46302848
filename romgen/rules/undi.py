"""Rules for the UNDI ROM ID."""

from __future__ import annotations

from collections.abc import Iterator

from romgen.image import Rom
from romgen.rules.model import ERROR, NOTE, WARNING, Place, inside, rule, x86_images

SPEC = "PXE 2.1, UNDI ROM ID"


@rule(40, "UNDI ROM ID has a wrong length or sum", SPEC, ERROR, "", WARNING)
def form(rom: Rom) -> Iterator[Place]:
    """The structure has at least 16h bytes that sum to 0 modulo 256.

    iPXE as a user of it looks at neither; others may. `romgen fix` mends the sum.
    """
    for image in x86_images(rom):
        found, total = image.undi, image.undi_sum
        if found is None or total is None:
            continue
        size = found.number("length")
        if size < found.size or not inside(image, found.offset - image.offset, size):
            yield Place(found.at("length"), f"the length is {size}")
        elif total.value:
            yield Place(found.at("checksum"), f"the sum is 0x{total.value:02x}")


@rule(41, "UNDI loader outside the image", SPEC, ERROR, "", ERROR)
def loader(rom: Rom) -> Iterator[Place]:
    """The loader is an offset of code inside the image; it is called far with CS as ROM segment."""
    for image in x86_images(rom):
        if image.undi is not None and not inside(image, image.undi.number("loader")):
            at = image.undi.number("loader")
            yield Place(image.undi.at("loader"), f"0x{at:x} is outside the image")


@rule(42, "UNDI without a loader", SPEC, NOTE, "", NOTE)
def no_loader(rom: Rom) -> Iterator[Place]:
    """The loader's offset is 0: nobody can start this UNDI, and the ROM ID is of no use."""
    for image in x86_images(rom):
        if image.undi is not None and image.undi.complete and not image.undi.number("loader"):
            yield Place(image.undi.at("loader"), "the loader is 0")


@rule(43, "UNDI bus type is not PCIR", SPEC, WARNING, "", WARNING)
def bus_type(rom: Rom) -> Iterator[Place]:
    """The bus type of a ROM with a PCI data structure is the letters PCIR."""
    for image in x86_images(rom):
        if image.undi is None or image.pcir is None or not image.undi.complete:
            continue
        bus = image.undi.raw("bus_type")
        if bus != b"PCIR":
            yield Place(image.undi.at("bus_type"), f"{bus!r}")
