"""Rules for the PCI data structure."""

from __future__ import annotations

from collections.abc import Iterator

from romgen.image import Image, Rom, Structure
from romgen.image.meaning import CODE_TYPES
from romgen.image.model import CODE_X86, LAST_IMAGE
from romgen.rules.model import ERROR, NOTE, WARNING, Place, inside, rule

SPEC = "PCI Firmware Specification 3.0, 5.1.2"
LENGTHS = {0: 0x18, 3: 0x1C}
"""Structure length by revision."""


def _each(rom: Rom) -> Iterator[tuple[Image, Structure]]:
    return ((image, image.pcir) for image in rom.images if image.pcir is not None)


@rule(20, "revision and length do not fit", SPEC, WARNING, "", WARNING)
def revision(rom: Rom) -> Iterator[Place]:
    """Revision 0 (PCI 2.x) has 18h bytes, revision 3 (PCI 3.0) has 1Ch.

    A reader that goes by the other of the two takes the fields of the end wrongly. The revision is
    not a version of the product: that is the code revision at 12h.
    """
    for _, data in _each(rom):
        number, length = data.number("revision"), data.number("length")
        if data.complete and LENGTHS.get(number) != length:
            yield Place(data.at("revision"), f"revision {number} with a length of {length}")


@rule(21, "no PCI ids", SPEC, ERROR, ERROR, ERROR)
def ids(rom: Rom) -> Iterator[Place]:
    """Vendor 0000 or FFFF, or device FFFF, is no device: no BIOS will run this image from a BAR.

    QEMU puts the right ones into the default ROM of a device, not into one given as romfile.
    """
    for _, data in _each(rom):
        vendor, device = data.number("vendor"), data.number("device")
        if data.complete and (vendor in (0, 0xFFFF) or device == 0xFFFF):
            yield Place(data.at("vendor"), f"{vendor:04x}:{device:04x}")


@rule(22, "device list is damaged", SPEC, ERROR, "", ERROR)
def device_list(rom: Rom) -> Iterator[Place]:
    """The device list, where the PCIR has one, lies inside the image and ends with 0000."""
    for image, data in _each(rom):
        pointer = data.number("device_list")
        if not pointer:
            continue
        if image.devices is None:
            yield Place(data.at("device_list"), f"outside the image: 0x{data.offset + pointer:x}")
        elif not image.devices.ended:
            yield Place(image.devices.offset, "the list has no end")


@rule(23, "unknown code type", SPEC, WARNING, "", WARNING)
def code_type(rom: Rom) -> Iterator[Place]:
    """Code types are 0 (x86), 1 (Open Firmware), 2 (PA-RISC) and 3 (EFI)."""
    for _, data in _each(rom):
        if data.field("code_type") and data.number("code_type") not in CODE_TYPES:
            yield Place(data.at("code_type"), f"code type {data.number('code_type')}")


@rule(24, "run-time length does not fit", SPEC, ERROR, "", ERROR)
def runtime_length(rom: Rom) -> Iterator[Place]:
    """The maximum run-time length is 0 or more than the image's own length.

    A PCI 3.0 BIOS reserves that much at the final place: with 0 there is no room at all.
    """
    for _, data in _each(rom):
        if data.field("max_runtime_length") is None or data.number("code_type") != CODE_X86:
            continue
        blocks, whole = data.number("max_runtime_length"), data.number("image_length")
        if not blocks or (whole and blocks > whole):
            yield Place(data.at("max_runtime_length"), f"{blocks} blocks of {whole}")


@rule(25, "entry point outside the image", SPEC, ERROR, "", ERROR)
def entry_points(rom: Rom) -> Iterator[Place]:
    """The configuration utility header and the DMTF CLP entry lie inside the image, or are 0."""
    for image, data in _each(rom):
        for name in ("config_utility", "clp_entry"):
            if not inside(image, data.number(name)):
                yield Place(data.at(name), f"{name} 0x{data.number(name):x}")


@rule(26, "reserved bits of the indicator", SPEC, WARNING, "", WARNING)
def indicator(rom: Rom) -> Iterator[Place]:
    """Only bit 7 (last image) of the indicator has a meaning; the others are 0."""
    for _, data in _each(rom):
        value = data.number("indicator")
        if value & ~LAST_IMAGE:
            yield Place(data.at("indicator"), f"0x{value:02x}")


@rule(27, "device list is not read", SPEC, "", NOTE, "")
def devices_unread(rom: Rom) -> Iterator[Place]:
    """SeaBIOS compares only the vendor and the device of the PCIR, not its device list.

    For the other devices of the list the image has to be stored with their id, for example by
    `romgen patch pcir.device=...`.
    """
    for image, data in _each(rom):
        listed = image.devices.devices if image.devices else ()
        others = [one for one in listed if one != data.number("device")]
        if others and data.number("code_type") == CODE_X86:
            names = " ".join(f"{one:04x}" for one in others[:8])
            yield Place(data.at("device_list"), f"not run for {names}")


@rule(28, "vital product data pointer", "PCI Local Bus 2.2, 6.3.1.2", NOTE, "", NOTE)
def vpd(rom: Rom) -> Iterator[Place]:
    """The word at 08h of a revision-0 PCIR pointed at vital product data in PCI 2.1.

    PCI 2.2 made it reserved, PCI 3.0 made it the device list of revision 3.
    """
    for _, data in _each(rom):
        if data.kind == "pcir_2" and data.number("vpd"):
            yield Place(data.at("vpd"), f"0x{data.number('vpd'):x}")


@rule(29, "PCIR is not whole", SPEC, ERROR, ERROR, ERROR)
def whole(rom: Rom) -> Iterator[Place]:
    """The PCIR with all its fields lies inside its image.

    What is behind the end belongs to another image, or to nobody.
    """
    for image, data in _each(rom):
        end = data.offset + max(data.number("length"), data.size)
        if end > image.offset + len(image.data):
            yield Place(data.offset, f"it ends at 0x{end:x}, outside the image")
