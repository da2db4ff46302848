"""An option ROM file as text and as JSON-ready data (schema 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from romgen.ev import parse as parse_ev
from romgen.ev import table as ev_table
from romgen.ev.render import shown_value
from romgen.image.meaning import CODE_TYPES, MACHINES, SUBSYSTEMS, meaning, number
from romgen.image.model import EvBlock, Image, PnpHeader, Rom, Structure, Sum, Text
from romgen.image.pe import Pe, read_pe

SCHEMA = 1
"""Rises when a reader of the JSON would have to change."""

STOPS = {
    "last": "the last image",
    "no-pcir": "an image without a PCIR has no successor",
    "length-zero": "the image's length is 0: nobody can find the next one",
    "no-signature": "no 55 AA here",
    "outside": "outside the image",
    "loop": "runs in a circle",
    "end-of-file": "the file ends here",
    "too-many": "too many to be true",
}
TITLES = {
    "rom_header": "ROM header",
    "efi_header": "EFI ROM header",
    "pcir": "PCI data structure",
    "pcir_2": "PCI data structure",
    "pnp": "$PnP header",
    "undi_rom_id": "UNDI ROM ID",
    "ev_block": "EV block",
    "version_info": "version",
}


def printable(text: str) -> str:
    """The text with everything escaped that a terminal would act on."""
    return text.encode("ascii", "backslashreplace").decode().translate(_CONTROL)


_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127)}


def _structure(structure: Structure) -> Iterator[str]:
    cut = "" if structure.complete else ", cut off"
    yield f"  {TITLES[structure.kind]} at 0x{structure.offset:x}{cut}"
    for field in structure.fields:
        words = meaning(structure.kind, field)
        line = f"    {field.offset:06x}  {field.name:<19} {number(field)}"
        yield f"{line}  ({words})" if words else line


def _sum(what: str, found: Sum) -> str:
    verdict = "right" if found.right else "wrong" if found.length else "of nothing"
    return f"    sum of {what}: 0x{found.value:02x} over {found.length} bytes, {verdict}"


def _text(name: str, text: Text | None) -> Iterator[str]:
    if text is not None:
        end = "" if text.ended else " (no end)"
        yield f"    {name}: '{printable(text.value)}' at 0x{text.offset:x}{end}"


def _pnp(entry: PnpHeader) -> Iterator[str]:
    yield from _structure(entry.header)
    yield _sum("the header", entry.sum)
    yield from _text("manufacturer", entry.manufacturer)
    yield from _text("product", entry.product)


def ev_values(block: EvBlock) -> dict[str, Any]:
    """The given variables; secrets as the `ev` commands show them, which is not at all."""
    found = parse_ev(block.text or b"")
    return {row.name: shown_value(row, found) for row in ev_table() if row.name in found.lines}


def _ev(block: EvBlock) -> Iterator[str]:
    yield from _structure(block.header)
    if block.text is None:
        yield f"    {block.problem}"
        return
    for name, value in ev_values(block).items():
        shown = ",".join(value) if isinstance(value, list) else value
        yield f"    {name}={printable(str(shown))}"
    if not block.text:
        yield "    (no variables)"


def _pe(found: Pe) -> Iterator[str]:
    packed = f", compressed to {found.packed} bytes" if found.packed else ""
    yield f"  PE image at 0x{found.offset:x}{packed}"
    machine = MACHINES.get(found.machine, "unknown")
    yield f"    machine 0x{found.machine:04x} ({machine})"
    subsystem = SUBSYSTEMS.get(found.subsystem, "no EFI program")
    yield f"    subsystem {found.subsystem} ({subsystem})"
    yield f"    entry 0x{found.entry:x}, {found.image_size} bytes in memory"
    yield f"    time stamp 0x{found.timestamp:08x}, {'signed' if found.signed else 'not signed'}"
    for part in found.sections:
        yield (
            f"    {printable(part.name):<9} address 0x{part.address:06x}  "
            f"size {part.virtual_size:>7}  file 0x{part.offset:06x}+{part.size}"
        )


def image_lines(image: Image, *, pe: Callable[[Image], Pe | None] = read_pe) -> Iterator[str]:
    """One image."""
    code = CODE_TYPES.get(image.code_type, f"code type {image.code_type}")
    cut = "" if len(image.data) >= image.length else f", {len(image.data)} in the file"
    yield f"image {image.index}: {code}, 0x{image.offset:x}, {image.length} bytes{cut}"
    yield from _structure(image.header)
    if image.sum is not None:
        yield _sum("the image", image.sum)
    if image.pcir is None:
        yield "  no PCI data structure"
    else:
        yield from _structure(image.pcir)
    if image.devices is not None:
        names = " ".join(f"{device:04x}" for device in image.devices.devices) or "(empty)"
        end = "" if image.devices.ended else " (no end)"
        yield f"    devices at 0x{image.devices.offset:x}: {names}{end}"
    for entry in image.pnp:
        yield from _pnp(entry)
    if image.pnp_stop is not None and image.pnp_stop.reason != "last":
        yield f"  $PnP chain stops at 0x{image.pnp_stop.offset:x}: {_stop(image.pnp_stop.reason)}"
    for found, total in ((image.undi, image.undi_sum), (image.version, image.version_sum)):
        if found is not None and total is not None:
            yield from _structure(found)
            yield _sum("the structure", total)
    yield from _text("version", image.version_text)
    if image.ev is not None:
        yield from _ev(image.ev)
    inside = pe(image)
    if inside is not None:
        yield from _pe(inside)


def _stop(reason: str) -> str:
    return STOPS[reason].replace("55 AA", "$PnP")


def rom_lines(file: str, rom: Rom) -> Iterator[str]:
    """The whole file."""
    count = len(rom.images)
    yield f"{file}: {rom.size} bytes, {count} image{'s' * (count != 1)}"
    for image in rom.images:
        yield from image_lines(image)
    if rom.images and rom.stop.reason not in ("last", "no-pcir"):
        yield f"the chain stops at 0x{rom.stop.offset:x}: {STOPS[rom.stop.reason]}"
    if rom.images and rom.used < rom.size:
        yield f"0x{rom.used:x}: {rom.size - rom.used} bytes behind the last image"


def _fields(structure: Structure | None) -> dict[str, Any] | None:
    if structure is None:
        return None
    return {
        "kind": structure.kind,
        "offset": structure.offset,
        "complete": structure.complete,
        "fields": {
            field.name: {
                "offset": field.offset,
                "size": field.size,
                "value": field.value.hex() if isinstance(field.value, bytes) else field.value,
                "meaning": meaning(structure.kind, field),
            }
            for field in structure.fields
        },
    }


def _sum_data(found: Sum | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "offset": found.offset,
        "length": found.length,
        "value": found.value,
        "right": found.right,
    }


def _text_data(text: Text | None) -> dict[str, Any] | None:
    if text is None:
        return None
    return {"offset": text.offset, "value": text.value, "ended": text.ended}


def _ev_data(block: EvBlock | None) -> dict[str, Any] | None:
    if block is None:
        return None
    values = {} if block.text is None else ev_values(block)
    return {
        "header": _fields(block.header),
        "readable": block.text is not None,
        "problem": block.problem,
        "values": values,
    }


def _pe_data(found: Pe | None) -> dict[str, Any] | None:
    if found is None:
        return None
    data = {name: getattr(found, name) for name in Pe.__slots__}
    data["sections"] = [
        {name: getattr(part, name) for name in type(part).__slots__} for part in found.sections
    ]
    return data


def image_data(image: Image) -> dict[str, Any]:
    """One image for JSON."""
    devices, stop = image.devices, image.pnp_stop
    return {
        "index": image.index,
        "offset": image.offset,
        "length": image.length,
        "available": len(image.data),
        "code_type": image.code_type,
        "last": image.is_last,
        "header": _fields(image.header),
        "sum": _sum_data(image.sum),
        "pcir": _fields(image.pcir),
        "devices": devices
        and {"offset": devices.offset, "ids": list(devices.devices), "ended": devices.ended},
        "pnp": [
            {
                "header": _fields(entry.header),
                "sum": _sum_data(entry.sum),
                "manufacturer": _text_data(entry.manufacturer),
                "product": _text_data(entry.product),
            }
            for entry in image.pnp
        ],
        "pnp_stop": stop and {"offset": stop.offset, "reason": stop.reason},
        "undi": _fields(image.undi),
        "undi_sum": _sum_data(image.undi_sum),
        "version": _fields(image.version),
        "version_sum": _sum_data(image.version_sum),
        "version_text": _text_data(image.version_text),
        "ev": _ev_data(image.ev),
        "pe": _pe_data(read_pe(image)),
    }


def rom_data(file: str, rom: Rom) -> dict[str, Any]:
    """The whole file for JSON; offsets from the file's start, sizes in bytes."""
    return {
        "schema": SCHEMA,
        "file": file,
        "size": rom.size,
        "used": rom.used,
        "stop": {"offset": rom.stop.offset, "reason": rom.stop.reason},
        "images": [image_data(image) for image in rom.images],
    }
