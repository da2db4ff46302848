"""Rules for the $PnP headers."""

from __future__ import annotations

from collections.abc import Iterator

from romgen.image import Image, PnpHeader, Rom
from romgen.rules.model import ERROR, NOTE, WARNING, Place, inside, rule, x86_images

SPEC = "Plug and Play BIOS Specification 1.0A, 3.2"
PARAGRAPH = 16
SIZE = 32
TEXT_MAX = 64
"""Boot menus have lines; longer names are cut or break them."""


def _each(rom: Rom) -> Iterator[tuple[Image, PnpHeader]]:
    return ((image, entry) for image in x86_images(rom) for entry in image.pnp)


@rule(30, "$PnP header has a wrong length", SPEC, ERROR, "", ERROR)
def length(rom: Rom) -> Iterator[Place]:
    """The length byte counts paragraphs: 2 for the header of revision 1, all inside the image."""
    for image, entry in _each(rom):
        size = entry.header.number("length") * PARAGRAPH
        at = entry.header.offset - image.offset
        if size < SIZE or not inside(image, at, size):
            yield Place(entry.header.at("length"), f"{size} bytes at 0x{entry.header.offset:x}")


@rule(31, "$PnP chain runs in a circle", SPEC, ERROR, ERROR, ERROR)
def loop(rom: Rom) -> Iterator[Place]:
    """A header's "next" leads back to one before it: a BIOS that follows it never ends."""
    for image in x86_images(rom):
        if image.pnp_stop is not None and image.pnp_stop.reason == "loop":
            yield Place(image.pnp[-1].header.at("next"), f"back to 0x{image.pnp_stop.offset:x}")


@rule(32, "$PnP header's sum is not 0", SPEC, ERROR, "", ERROR)
def header_sum(rom: Rom) -> Iterator[Place]:
    """The bytes of the header sum to 0 modulo 256. SeaBIOS only looks at the signature.

    `romgen fix` mends it.
    """
    for _, entry in _each(rom):
        if entry.sum.length and entry.sum.value:
            yield Place(entry.header.at("checksum"), f"the sum is 0x{entry.sum.value:02x}")


@rule(33, "both BCV and BEV", SPEC, WARNING, WARNING, WARNING)
def both_vectors(rom: Rom) -> Iterator[Place]:
    """A header with both vectors: the specification uses the BEV only where the BCV is 0, SeaBIOS
    takes the BEV and forgets the BCV.

    Chain two headers, one with each.
    """
    for _, entry in _each(rom):
        if entry.header.number("bcv") and entry.header.number("bev"):
            yield Place(entry.header.at("bcv"), "the header has a BCV and a BEV")


@rule(34, "headers behind one without vectors", "SeaBIOS 1.16", "", WARNING, "")
def vectorless(rom: Rom) -> Iterator[Place]:
    """SeaBIOS stops at the first header that has neither BEV nor BCV; those behind it are lost."""
    for image in x86_images(rom):
        for entry in image.pnp[:-1]:
            if not entry.header.number("bcv") and not entry.header.number("bev"):
                yield Place(entry.header.at("bev"), "no vector here, but another header follows")


@rule(35, "vector outside the image", SPEC, ERROR, ERROR, ERROR)
def vectors(rom: Rom) -> Iterator[Place]:
    """BCV, DV, BEV and the static resource vector are offsets of code inside the image, or 0."""
    for image, entry in _each(rom):
        for name in ("bcv", "dv", "bev", "resource_vector"):
            if not inside(image, entry.header.number(name)):
                at = entry.header.number(name)
                yield Place(entry.header.at(name), f"{name} 0x{at:x} is outside the image")


@rule(36, "name has no end or cannot be shown", SPEC, ERROR, WARNING, WARNING)
def names(rom: Rom) -> Iterator[Place]:
    """Manufacturer and product are ASCII texts inside the image that end with a 0 byte.

    The product is what a boot menu shows.
    """
    for _, entry in _each(rom):
        for name, text in (("manufacturer", entry.manufacturer), ("product", entry.product)):
            if text is None:
                if entry.header.number(name):
                    at = entry.header.number(name)
                    yield Place(entry.header.at(name), f"{name} at 0x{at:x}: outside the image")
            elif not text.ended:
                yield Place(text.offset, f"the {name} has no end")
            elif not (text.value.isascii() and text.value.isprintable()):
                yield Place(text.offset, f"the {name} has bytes that are no text")
            elif len(text.value) > TEXT_MAX:
                yield Place(text.offset, f"the {name} has {len(text.value)} characters")


@rule(37, "$PnP header not on a paragraph", SPEC, "", "", WARNING)
def alignment(rom: Rom) -> Iterator[Place]:
    """Some IBM BIOSes look for $PnP on paragraphs and not at the pointer."""
    for image, entry in _each(rom):
        if (entry.header.offset - image.offset) % PARAGRAPH:
            yield Place(entry.header.offset, f"at 0x{entry.header.offset - image.offset:x}")


@rule(38, "$PnP chain is broken", SPEC, ERROR, WARNING, ERROR)
def broken(rom: Rom) -> Iterator[Place]:
    """A header's "next" leads to something that is no $PnP header, or outside the image."""
    for image in x86_images(rom):
        stop = image.pnp_stop
        if image.pnp and stop is not None and stop.reason in ("outside", "no-signature"):
            yield Place(image.pnp[-1].header.at("next"), f"no $PnP at 0x{stop.offset:x}")


@rule(39, "no way to boot", SPEC, "", NOTE, NOTE)
def no_vector(rom: Rom) -> Iterator[Place]:
    """The headers have neither BCV nor BEV: the ROM is run at start-up but can't be booted from.

    For a display adapter or a driver without boot this is as it should be.
    """
    for image in x86_images(rom):
        entries = image.pnp
        vectors = [e.header.number("bcv") or e.header.number("bev") for e in entries]
        if entries and not any(vectors):
            yield Place(entries[0].header.offset, "neither BCV nor BEV")
