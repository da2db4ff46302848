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
    work = [list(text) for text in texts]
    pairs: list[tuple[int, int]] = []
    while len(pairs) < CODES:
        counts: Counter[tuple[int, int]] = Counter()
        for text in work:
            counts.update(pairwise(text))
        if not counts:
            break
        best, count = max(counts.items(), key=lambda item: (item[1], item[0]))
        if count < WORTH:
            break
        code = FIRST_CODE + len(pairs)
        pairs.append(best)
        work = [_replace(text, best, code) for text in work]
    return Packed(tuple(pairs), tuple(bytes(text) for text in work))


def _replace(text: list[int], pair: tuple[int, int], code: int) -> list[int]:
    out: list[int] = []
    index = 0
    while index < len(text):
        if tuple(text[index : index + 2]) == pair:
            out.append(code)
            index += 2
        else:
            out.append(text[index])
            index += 1
    return out


def unpack(packed: Packed, text: bytes) -> bytes:
    """The plain text again."""
    out = bytearray()
    for byte in text:
        if byte < FIRST_CODE:
            out.append(byte)
        else:
            out += unpack(packed, bytes(packed.pairs[byte - FIRST_CODE]))
    return bytes(out)
