"""Sets fields of a ROM by their names: `pcir.vendor=0x8086`, `1/pcir.device=0x100e`,
`pnp0.product=text`, `devices=100e,100f`.
"""

from __future__ import annotations

import difflib
import re

from romgen.errors import RomgenError
from romgen.image.entries import structures
from romgen.image.mend import Editor, mend_sums
from romgen.image.model import Field, Image, Text

_ASSIGNMENT = re.compile(r"(?:(?P<image>\d+)/)?(?P<name>[a-z0-9_.]+)=(?P<value>.*)", re.DOTALL)
COMPUTED = ("signature", "efi_signature", "checksum")
"""Nobody sets these: they are what they are, or mended by themselves."""
TEXTS = ("manufacturer", "product")


def _usage(where: str, message: str, hint: str = "") -> RomgenError:
    return RomgenError("patch", where, message, hint)


def _number(text: str, field: Field, where: str) -> bytes:
    try:
        value = int(text, 0)
    except ValueError:
        raise _usage(where, f"{text!r} is no number", "decimal, or hex with 0x") from None
    if not 0 <= value < 256**field.size:
        raise _usage(where, f"{value} does not fit", f"0 to 0x{256**field.size - 1:x}")
    return value.to_bytes(field.size, "little")


def _bytes(text: str, field: Field, where: str) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        raise _usage(where, f"{text!r} is no row of bytes", "e.g. 02 00 00") from None
    if len(value) != field.size:
        raise _usage(where, f"{len(value)} bytes", f"the field has {field.size}")
    return value


def _text(text: Text | None, value: str, where: str) -> tuple[int, bytes]:
    """The new text in the room of the old one: nobody can say whose the bytes behind it are."""
    if text is None or not text.ended:
        raise _usage(where, "there is no text to replace")
    if not (value.isascii() and value.isprintable()):
        raise _usage(where, f"{value!r} has characters that a boot menu cannot show")
    used = len(text.value) + 1
    if len(value) >= used:
        raise _usage(where, f"{len(value)} characters", f"there is room for {used - 1}")
    return text.offset, value.encode("ascii").ljust(used, b"\0")


def _devices(image: Image, value: str, where: str) -> tuple[int, bytes]:
    """A new device list in the room of the old one."""
    if image.devices is None or not image.devices.ended:
        raise _usage(where, "the image has no device list")
    words = [word for word in value.split(",") if word]
    if not all(re.fullmatch(r"(0x)?[0-9a-fA-F]{1,4}", word) and int(word, 16) for word in words):
        raise _usage(where, f"{value!r} is no list of devices", "e.g. 100e,100f")
    room = len(image.devices.devices)
    if len(words) > room:
        raise _usage(where, f"{len(words)} devices", f"there is room for {room}")
    raw = b"".join(int(word, 16).to_bytes(2, "little") for word in words)
    return image.devices.offset, raw.ljust(2 * room + 2, b"\0")


def _place(image: Image, name: str, value: str, where: str) -> tuple[int, bytes]:
    """Where to write what."""
    if name == "devices":
        return _devices(image, value, where)
    parts = dict(structures(image))
    if "pnp0" in parts:
        parts["pnp"] = parts["pnp0"]
    part, _, field_name = name.partition(".")
    known = [f"{key}.{field.name}" for key, one in parts.items() for field in one.fields]
    structure = parts.get(part)
    field = structure.field(field_name) if structure else None
    if field is None:
        near = difflib.get_close_matches(name, [*known, "devices"], 1)
        hint = f"did you mean {near[0]}?" if near else "romgen info shows the fields"
        raise _usage(where, "there is no such field", hint)
    if field_name in COMPUTED:
        raise _usage(where, "this field is not set by hand", "sums are mended by themselves")
    if part.startswith("pnp") and field_name in TEXTS:
        header = image.pnp[int(part.removeprefix("pnp") or 0)]
        text = header.manufacturer if field_name == "manufacturer" else header.product
        return _text(text, value, where)
    make = _bytes if isinstance(field.value, bytes) else _number
    return field.offset, make(value, field, where)


def patch(data: bytes, assignments: list[str]) -> bytes:
    """`data` with the fields set and all sums mended.

    Errors: no such image or field, a value that does not fit, a sum that cannot be mended.
    """
    editor = Editor(data)
    rom = editor.rom()
    for assignment in assignments:
        match = _ASSIGNMENT.fullmatch(assignment)
        if match is None:
            raise _usage(assignment, "this is no assignment", "e.g. pcir.vendor=0x8086")
        index, name = int(match["image"] or 0), match["name"]
        where = assignment.partition("=")[0]
        if index >= len(rom.images):
            raise _usage(where, f"there is no image {index}", f"the file has {len(rom.images)}")
        offset, value = _place(rom.images[index], name, match["value"], where)
        editor.put(offset, value, name)
    mend_sums(editor)
    return bytes(editor.data)
