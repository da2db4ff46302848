"""What the boot program of the benchmark (qemu/guests/bench.asm) has to do, and its disk."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from romgen.boot import pattern
from romgen.boot.disk import MIB_SECTORS, PATTERN_FIRST
from romgen.boot.guest import assemble
from romgen.boot.pattern import SECTOR
from romgen.errors import RomgenError

OPS = {"read": 0x42, "write": 0x43, "chs": 0x02, "reset": 0xFF}
RANDOM = 1
ROW = struct.Struct("<BBHIIHHI")
"""op, mode, sectors, first, span, ticks, checked, calls: struc row of bench.asm."""
PLAN_SECTOR = PATTERN_FIRST - 1
DISK_SECTORS = 64 * MIB_SECTORS
READ_FIRST, READ_SPAN = PATTERN_FIRST, 48 * MIB_SECTORS
WRITE_FIRST, WRITE_SPAN = 50 * MIB_SECTORS, 6 * MIB_SECTORS
WRITE_STEP = 7 * MIB_SECTORS
"""Between the first sectors of two rows that write."""
DISK_ID = 0x1D15CBEC
TICKS = 18
CHECKED = 4
NO_LIMIT = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Row:
    """One timed loop: `sectors` by one call, in order or at random places of `span` sectors.

    ticks: how long at most, 18.2 a second; calls: how many at most; checked: calls before the
    clock runs, of which every byte is compared
    """

    op: str
    sectors: int = 1
    first: int = READ_FIRST
    span: int = READ_SPAN
    random: bool = False
    ticks: int = TICKS
    checked: int = CHECKED
    calls: int = NO_LIMIT

    def pack(self) -> bytes:
        """The row as the program reads it."""
        mode = RANDOM if self.random else 0
        return ROW.pack(OPS[self.op], mode, self.sectors, self.first, self.span, self.ticks,
                        self.checked, self.calls)  # fmt: skip

    def written(self, calls: int) -> list[tuple[int, bytes]]:
        """(sector, contents) of what the row leaves on the disk, sector by sector."""
        if self.op != "write":
            return []
        pieces = self.span // self.sectors
        found = []
        for piece in range(min(max(calls, self.checked), pieces)):
            for index in range(self.sectors):
                lba = self.first + piece * self.sectors + index
                own = pattern.sector(lba, written=True)
                body = pattern.sector(self.first + index, written=True)
                found.append((lba, own[:4] + body[4:]))
        return found


def disk(rows: Sequence[Row]) -> bytes:
    """The whole disk. Error: too many rows."""
    plan = b"".join(row.pack() for row in rows)
    if len(plan) >= SECTOR:
        raise RomgenError("bench-plan", "plan", f"{len(rows)} rows do not fit into a sector")
    defines = {
        "DISK_ID": DISK_ID,
        "DISK_SECTORS": DISK_SECTORS,
        "PART_FIRST": PATTERN_FIRST,
        "PLAN_SECTOR": PLAN_SECTOR,
        **pattern.defines(),
    }
    program = assemble("bench", defines).ljust(PLAN_SECTOR * SECTOR, b"\0")
    data = pattern.sectors(PATTERN_FIRST, DISK_SECTORS)
    return program + plan.ljust(SECTOR, b"\0") + data


def damage(image: bytes, rows: Sequence[Row], calls: Sequence[int]) -> str:
    """What is not on the disk as the rows wrote it; "" if all is."""
    for row, count in zip(rows, calls, strict=True):
        for lba, content in row.written(count):
            if image[lba * SECTOR : (lba + 1) * SECTOR] != content:
                return f"sector {lba} is not as it was written"
    return ""
