"""The known contents of the demonstration disk (qemu/guests/pattern.inc has the same formula).

Dword i of sector L is ((L + 1) * MUL) xor key[i], key[0] = SEED, key[i+1] = key[i] * STEP + ADD,
all modulo 2^32; what the guest writes is the complement. A sector at a wrong place, a shift by a
dword and a stale sector all show.
"""

from __future__ import annotations

import struct

SECTOR = 512
DWORDS = SECTOR // 4
MUL = 0x9E3779B1
SEED = 0x01234567
STEP = 1664525
ADD = 1013904223
MASK = 0xFFFFFFFF


def _key() -> int:
    words = [SEED]
    while len(words) < DWORDS:
        words.append((words[-1] * STEP + ADD) & MASK)
    return int.from_bytes(struct.pack(f"<{DWORDS}I", *words), "little")


KEY = _key()
REPEAT = sum(1 << (32 * i) for i in range(DWORDS))
ALL_ONES = (1 << (8 * SECTOR)) - 1


def sector(lba: int, *, written: bool = False) -> bytes:
    """The 512 bytes of one sector; `written`: as the guest leaves it behind."""
    value = (((lba + 1) * MUL) & MASK) * REPEAT ^ KEY
    return (value ^ ALL_ONES if written else value).to_bytes(SECTOR, "little")


def sectors(first: int, end: int, *, written: bool = False) -> bytes:
    """The sectors from `first` to `end`, `end` not included."""
    return b"".join(sector(lba, written=written) for lba in range(first, end))


def defines() -> dict[str, int]:
    """The constants as the guest's source wants them."""
    return {
        "PATTERN_MUL": MUL,
        "PATTERN_SEED": SEED,
        "PATTERN_STEP": STEP,
        "PATTERN_ADD": ADD,
    }
