"""Packs the ROM's texts by pair codes: a byte 80h..FFh stands for two bytes, each of them plain or
a code again (byte pair encoding; P. Gage, "A New Algorithm for Data Compression", 1994).

The ROM prints such a text without unpacking it (``print_packed`` in asm/lib/print.asm).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

FIRST_CODE = 0x80
CODES = 0x80
WORTH = 4
"""A code costs two bytes in the table: a pair that occurs less often is left alone."""


@dataclass(frozen=True, slots=True)
class Packed:
    """``pairs[i]`` is what code 80h + i stands for; ``texts`` in the order in which they came."""

    pairs: tuple[tuple[int, int], ...]
    texts: tuple[bytes, ...]


def pack(texts: Sequence[bytes]) -> Packed:
    """Packs ASCII texts with one common table; the same texts always give the same bytes."""
    for text in texts:
        if any(byte >= FIRST_CODE or byte == 0 for byte in text):
            raise ValueError(f"not plain ASCII: {text!r}")
    # One string with the texts' ends in it, so that counting and replacing run inside of Python.
    work = "\0".join(text.decode("ascii") for text in texts)
    pairs: list[tuple[int, int]] = []
    while len(pairs) < CODES:
        counts = Counter(pairwise(work))
        found = [(count, pair) for pair, count in counts.items() if "\0" not in pair]
        count, (first, second) = max(found, default=(0, ("", "")))
        if count < WORTH:
            break
        code = FIRST_CODE + len(pairs)
        pairs.append((ord(first), ord(second)))
        work = work.replace(first + second, chr(code))
    packed = work.split("\0") if texts else []
    return Packed(tuple(pairs), tuple(text.encode("latin-1") for text in packed))


def unpack(packed: Packed, text: bytes) -> bytes:
    """The plain text again."""
    out = bytearray()
    for byte in text:
        if byte < FIRST_CODE:
            out.append(byte)
        else:
            out += unpack(packed, bytes(packed.pairs[byte - FIRST_CODE]))
    return bytes(out)
