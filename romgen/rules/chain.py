"""Rules for the chain of images in a file."""

from __future__ import annotations

from collections.abc import Iterator

from romgen.image import Rom
from romgen.rules.model import ERROR, NOTE, WARNING, Place, rule

PCI_CHAIN = "PCI Firmware Specification 3.0, 5.1"


@rule(1, "no option ROM", PCI_CHAIN, ERROR, ERROR, ERROR)
def no_rom(rom: Rom) -> Iterator[Place]:
    """The file does not begin with 55 AA, so nothing that looks for option ROMs finds one in it.

    Perhaps it is a ROM for a programmer with a header of its own, or a BIOS.
    """
    if not rom.images:
        yield Place(0, f"no 55 AA but {rom.data[:2].hex(' ') or 'the end of the file'}")


@rule(2, "image length 0", PCI_CHAIN, ERROR, ERROR, ERROR)
def length_zero(rom: Rom) -> Iterator[Place]:
    """The PCI data structure says that its image has no bytes.

    The next image is found by adding this length: several programs never end on a 0 here, others
    overwrite the file. `romgen fix` sets the length to what the size byte counts.
    """
    for image in rom.images:
        if image.pcir is not None and not image.length:
            yield Place(image.pcir.at("image_length"), "the image's length is 0")


@rule(3, "image goes beyond the file", PCI_CHAIN, ERROR, ERROR, ERROR)
def beyond_file(rom: Rom) -> Iterator[Place]:
    """An image's length counts more bytes than the file has: it was cut, or the length is wrong."""
    for image in rom.images:
        if image.end > rom.size:
            at = image.header.at("size") if image.pcir is None else image.pcir.at("image_length")
            yield Place(at, f"{image.length} bytes from 0x{image.offset:x}, the file ends before")


@rule(4, "the chain has no end", PCI_CHAIN, ERROR, WARNING, ERROR)
def no_end(rom: Rom) -> Iterator[Place]:
    """No image has the bit "last image" (bit 7 of the PCIR indicator), and no further one follows.

    A BIOS reads on behind the end. SeaBIOS takes the first image that fits and mostly does not get
    that far.
    """
    stops = {
        "end-of-file": "the file ends",
        "no-signature": "there is no 55 AA",
        "too-many": "there are too many images",
    }
    if rom.images and rom.stop.reason in stops and rom.images[-1].end <= rom.size:
        pcir = rom.images[-1].pcir
        at = rom.stop.offset if pcir is None else pcir.at("indicator")
        message = f"another image has to follow, at 0x{rom.stop.offset:x} {stops[rom.stop.reason]}"
        yield Place(at, message)


@rule(5, "bytes behind the last image", PCI_CHAIN, "", WARNING, WARNING)
def trailing(rom: Rom) -> Iterator[Place]:
    """Behind the last image stands something that is not padding (all 00 or all FF).

    Nobody will ever read it. Perhaps the last image's length or its bit "last image" is wrong.
    """
    rest = rom.data[rom.used :]
    chained = rom.stop.reason in ("last", "no-pcir")
    if chained and rom.images and rom.images[-1].length and rest.strip(b"\0").strip(b"\xff"):
        yield Place(rom.used, f"{len(rest)} bytes that belong to no image")


@rule(6, "an image that is never chosen", PCI_CHAIN, "", WARNING, WARNING)
def hidden(rom: Rom) -> Iterator[Place]:
    """Two images have the same code type, vendor and device: the first one is always taken."""
    seen: dict[tuple[int, ...], int] = {}
    for image in rom.images:
        if image.pcir is None:
            continue
        names = ("code_type", "vendor", "device")
        key = (*(image.pcir.number(name) for name in names), image.header.number("machine"))
        if key in seen and image.pcir.complete:
            yield Place(image.offset, f"image {seen[key]} is for the same device")
        seen.setdefault(key, image.index)


@rule(7, "EFI only", PCI_CHAIN, "", NOTE, NOTE)
def efi_only(rom: Rom) -> Iterator[Place]:
    """No image for a BIOS: only a UEFI firmware, or none on this machine, runs anything of it."""
    if rom.images and all(image.code_type != 0 for image in rom.images):
        yield Place(0, "no image with code type 0")
