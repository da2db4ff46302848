"""What differs between two ROM files: fields, texts, boot variables, bytes; sums are ignored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from romgen.image.entries import structures
from romgen.image.meaning import number
from romgen.image.mend import difference
from romgen.image.model import Image, Rom
from romgen.image.render import ev_values

NEAR = 16
"""Runs of different bytes that are nearer than this are shown as one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs; "" on the side that does not have it."""

    what: str
    before: str
    after: str


def _fields(image: Image) -> dict[str, str]:
    """Everything of an image that has a name, as text. Sums and addresses of the file are not."""
    found = {"length": f"{image.length} bytes"}
    for name, structure in structures(image):
        for field in structure.fields:
            if field.name not in ("checksum", "crc"):
                found[f"{name}.{field.name}"] = number(field)
    if image.devices is not None:
        found["devices"] = " ".join(f"{one:04x}" for one in image.devices.devices)
    for index, entry in enumerate(image.pnp):
        for name, text in (("manufacturer", entry.manufacturer), ("product", entry.product)):
            if text is not None:
                found[f"pnp{index}.{name} text"] = repr(text.value)
    if image.version_text is not None:
        found["version text"] = repr(image.version_text.value)
    if image.ev is not None:
        values = {} if image.ev.text is None else ev_values(image.ev)
        found |= {f"ev {name}": str(value) for name, value in values.items()}
        found["ev"] = "damaged" if image.ev.text is None else "readable"
    return found


def _sums(rom: Rom) -> set[int]:
    """Offsets of the bytes that only carry sums."""
    found: set[int] = set()
    for image in rom.images:
        for _, structure in structures(image):
            field = structure.field("checksum")
            if field is not None:
                found |= set(range(field.offset, field.offset + field.size))
    return found


def fields(before: Rom, after: Rom) -> Iterator[Difference]:
    """The fields that differ, image by image."""
    for index, (old, new) in enumerate(zip_longest(before.images, after.images)):
        if old is None or new is None:
            there = [f"{one.length} bytes" if one else "" for one in (old, new)]
            yield Difference(f"{index}", *there)
            continue
        left, right = _fields(old), _fields(new)
        for name in [*left, *(name for name in right if name not in left)]:
            if left.get(name) != right.get(name):
                yield Difference(f"{index}/{name}", left.get(name, ""), right.get(name, ""))


def byte_runs(before: Rom, after: Rom) -> list[tuple[int, int]]:
    """Where the bytes of both files differ: offset and length. Sums are left out."""
    length = min(before.size, after.size)
    old, new = bytearray(before.data[:length]), bytearray(after.data[:length])
    for at in _sums(before) & _sums(after):
        if at < length:
            old[at] = new[at]
    runs: list[tuple[int, int]] = []
    for offset, part, _ in difference(bytes(old), bytes(new)):
        start = runs.pop()[0] if runs and offset - sum(runs[-1]) < NEAR else offset
        runs.append((start, offset + len(part) - start))
    return runs
