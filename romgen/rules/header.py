"""Rules for the ROM header of x86 images."""

from __future__ import annotations

from collections.abc import Iterator

from romgen.image import Rom
from romgen.image.meaning import entry_target
from romgen.image.model import BLOCK
from romgen.rules.model import ERROR, NOTE, WARNING, Place, inside, rule, x86_images

HEADER = "PCI Firmware Specification 3.0, 5.1.1"
PNP = "Plug and Play BIOS Specification 1.0A, 3.1"


@rule(10, "size byte 0", HEADER, ERROR, ERROR, ERROR)
def size_zero(rom: Rom) -> Iterator[Place]:
    """The byte at offset 2 counts the 512-byte blocks that are copied to C0000 and summed.

    With 0 nothing is copied and nothing is run.
    """
    for image in x86_images(rom):
        if not image.header.number("size"):
            yield Place(image.header.at("size"), "the size byte is 0")


@rule(11, "byte sum is not 0", HEADER, ERROR, ERROR, ERROR)
def byte_sum(rom: Rom) -> Iterator[Place]:
    """All bytes that the size byte counts have to sum to 0 modulo 256.

    SeaBIOS sums twice, before it runs the ROM and when it looks for boot vectors, and skips a ROM
    that does not. `romgen fix` mends the sum in a byte that is free for it.
    """
    for image in x86_images(rom):
        if image.sum is not None and image.sum.length and image.sum.value:
            value, length = image.sum.value, image.sum.length
            yield Place(image.offset, f"{length} bytes sum to 0x{value:02x}, not 0")


@rule(12, "two lengths disagree", HEADER, WARNING, WARNING, WARNING)
def lengths(rom: Rom) -> Iterator[Place]:
    """The size byte of the header and the image length of the PCIR count different lengths.

    SeaBIOS copies by the size byte and finds the next image by the PCIR; others use one of both.
    """
    for image in x86_images(rom):
        if image.pcir is None or not image.length:
            continue
        counted = image.header.number("size") * BLOCK
        if counted and counted != image.length:
            at = image.header.at("size")
            yield Place(at, f"{counted} bytes by the header, {image.length} by the PCIR")


@rule(13, "entry leads nowhere", HEADER, ERROR, ERROR, ERROR)
def entry(rom: Rom) -> Iterator[Place]:
    """Offset 3 is called far: the jump there leads outside the image, or there is no code."""
    for image in x86_images(rom):
        code = image.header.raw("entry")
        target = entry_target(code)
        if target is not None and not inside(image, target):
            yield Place(image.header.at("entry"), f"the jump leads to 0x{target:x}")
        elif code in (bytes(3), b"\xff" * 3):
            yield Place(image.header.at("entry"), f"{code.hex(' ')} is no code")


@rule(14, "PCIR pointer leads nowhere", HEADER, ERROR, ERROR, ERROR)
def pcir_pointer(rom: Rom) -> Iterator[Place]:
    """The word at offset 18h has to lead to the letters PCIR.

    Without them the image is not for any PCI device, and whatever follows it is not found.
    """
    for image in rom.images:
        pointer = image.header.number("pcir")
        if pointer and image.pcir is None:
            yield Place(image.header.at("pcir"), f"no PCIR at 0x{image.offset + pointer:x}")


@rule(15, "no PCIR", HEADER, "", NOTE, NOTE)
def no_pcir(rom: Rom) -> Iterator[Place]:
    """An image without PCI data structure: a ROM for ISA, or one to be given to QEMU by name.

    From the ROM BAR of a device it is not run.
    """
    for image in rom.images:
        if image.pcir is None and not image.header.number("pcir"):
            yield Place(image.header.at("pcir"), "the PCIR pointer is 0")


@rule(16, "PCIR not on a dword", HEADER, ERROR, WARNING, ERROR)
def pcir_alignment(rom: Rom) -> Iterator[Place]:
    """The PCIR has to stand on a dword boundary, from the image's start. SeaBIOS only warns."""
    for image in rom.images:
        if image.pcir is not None and (image.pcir.offset - image.offset) % 4:
            yield Place(image.pcir.offset, f"at 0x{image.pcir.offset - image.offset:x}")


@rule(17, "$PnP pointer leads nowhere", PNP, ERROR, ERROR, ERROR)
def pnp_pointer(rom: Rom) -> Iterator[Place]:
    """The word at offset 1Ah has to lead to a $PnP header, or be 0.

    Without one the ROM is a legacy ROM: it is run once and cannot be chosen for booting.
    """
    for image in x86_images(rom):
        if image.pnp_stop is not None and not image.pnp:
            yield Place(image.header.at("pnp"), f"no $PnP at 0x{image.pnp_stop.offset:x}")


@rule(18, "UNDI ROM ID pointer leads nowhere", "PXE 2.1, UNDI ROM ID", WARNING, "", WARNING)
def undi_pointer(rom: Rom) -> Iterator[Place]:
    """The word at offset 16h has to lead to the letters UNDI, or be 0."""
    for image in x86_images(rom):
        pointer = image.header.number("undi_rom_id")
        if pointer and image.undi is None:
            at = image.offset + pointer
            yield Place(image.header.at("undi_rom_id"), f"no UNDI ROM ID at 0x{at:x}")


@rule(19, "size byte counts more than there is", HEADER, ERROR, ERROR, ERROR)
def size_beyond(rom: Rom) -> Iterator[Place]:
    """The size byte counts more bytes than the file has, so that its sum means nothing."""
    for image in x86_images(rom):
        counted = image.header.number("size") * BLOCK
        if image.offset + counted > rom.size:
            there = rom.size - image.offset
            yield Place(image.header.at("size"), f"{counted} bytes, there are {there}")
