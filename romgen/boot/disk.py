"""Disk images of our own: the demonstration disk and the disk that looks at the machine.

Each has a boot record with a partition table, the rest of the program behind it on the first
track, and the pattern from `PATTERN_FIRST` to its end.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from romgen.boot import pattern
from romgen.boot.guest import assemble
from romgen.boot.pattern import SECTOR
from romgen.errors import RomgenError

MIB_SECTORS = 2048
PATTERN_FIRST = 64
"""Behind the first track, which holds the program."""
SUM_STEP = 33
TICKS_PER_SECOND = 1193182 / 65536
"""Of the BIOS's clock at 40:6C."""
CHECK_SECTORS = 8 * MIB_SECTORS
FACTS_SECTORS = MIB_SECTORS
CHECK_SECTORS_MIN = 2048
"""Room for what the demonstration disk writes."""
CYLINDER = 16 * 63
"""Sectors of a cylinder of a small disk."""
MBR_DISK_ID = slice(0x1B8, 0x1BC)


@dataclass(frozen=True, slots=True)
class CheckDisk:
    """The demonstration disk: size in sectors, signature in the boot record."""

    sectors: int = CHECK_SECTORS
    disk_id: int = 0x1D15C001

    @property
    def chs_write(self) -> tuple[int, int]:
        """(first, end) of what the program writes with AH=03h."""
        first = self.sectors // 4
        return first, first + 331

    @property
    def edd_write(self) -> tuple[int, int]:
        """(first, end) of what the program writes with AH=43h: up to the last sector."""
        return self.sectors - 463, self.sectors

    @property
    def marks(self) -> tuple[int, int]:
        """The sectors that are read before and behind the AH=00h calls."""
        return self.sectors // 3, self.sectors // 2

    def defines(self) -> dict[str, int]:
        """The numbers for check.asm."""
        return {
            "DISK_ID": self.disk_id,
            "DISK_SECTORS": self.sectors,
            "PART_FIRST": PATTERN_FIRST,
            "PATTERN_FIRST": PATTERN_FIRST,
            "CHS_WRITE_FIRST": self.chs_write[0],
            "CHS_WRITE_END": self.chs_write[1],
            "EDD_WRITE_FIRST": self.edd_write[0],
            "EDD_WRITE_END": self.edd_write[1],
            "MARK_A": self.marks[0],
            "MARK_B": self.marks[1],
            **pattern.defines(),
        }

    def image(self) -> bytes:
        """The whole disk as it is before the boot. Error: too small."""
        if self.sectors < CHECK_SECTORS_MIN:
            raise RomgenError(
                "disk-small",
                "demonstration disk",
                f"{self.sectors} sectors are too few",
                f"at least {CHECK_SECTORS_MIN}",
            )
        return _image("check", self.defines(), self.sectors)

    def image_after(self) -> bytes:
        """The whole disk as its program leaves it."""
        image = bytearray(self.image())
        for first, end in (self.chs_write, self.edd_write):
            image[first * SECTOR : end * SECTOR] = pattern.sectors(first, end, written=True)
        return bytes(image)


@dataclass(frozen=True, slots=True)
class FactsDisk:
    """The disk whose program reports on the machine and on every disk: size in sectors, id."""

    sectors: int = FACTS_SECTORS
    disk_id: int = 0x1D15C0FA

    def image(self) -> bytes:
        """The whole disk."""
        defines = {
            "DISK_ID": self.disk_id,
            "DISK_SECTORS": self.sectors,
            "PART_FIRST": PATTERN_FIRST,
            "SUM_STEP": SUM_STEP,
        }
        return _image("facts", defines, self.sectors)


@dataclass(frozen=True, slots=True)
class LossDisk:
    """The disk whose program keeps reading while its target goes and comes back.

    quiet, limit: seconds after which it ends without any failure, and in any case
    """

    sectors: int = FACTS_SECTORS
    disk_id: int = 0x1D15C055
    quiet: int = 8
    limit: int = 60

    def image(self) -> bytes:
        """The whole disk."""
        defines = {
            "DISK_ID": self.disk_id,
            "DISK_SECTORS": self.sectors,
            "PART_FIRST": PATTERN_FIRST,
            "PATTERN_FIRST": PATTERN_FIRST,
            "QUIET_TICKS": int(self.quiet * TICKS_PER_SECOND),
            "LIMIT_TICKS": int(self.limit * TICKS_PER_SECOND),
            **pattern.defines(),
        }
        return _image("loss", defines, self.sectors)


@dataclass(frozen=True, slots=True)
class SequentialDisk:
    """The disk whose program reads all of it in order and compares every byte."""

    sectors: int = 64 * MIB_SECTORS
    disk_id: int = 0x1D15C5E9

    def image(self) -> bytes:
        """The whole disk."""
        defines = {
            "DISK_ID": self.disk_id,
            "DISK_SECTORS": self.sectors,
            "PART_FIRST": PATTERN_FIRST,
            "PATTERN_FIRST": PATTERN_FIRST,
            **pattern.defines(),
        }
        return _image("sequential", defines, self.sectors)


@dataclass(frozen=True, slots=True)
class DosDisk:
    """The disk whose program uses it as DOS does, in real and in virtual-8086 mode."""

    sectors: int = CHECK_SECTORS_MIN
    disk_id: int = 0x1D15CD05

    @property
    def write(self) -> tuple[int, int]:
        """(first, end) of what it writes in real mode."""
        return self.sectors // 8, self.sectors // 8 + 100

    @property
    def copy(self) -> tuple[int, int, int]:
        """(from, to, count) of the file that it copies in virtual-8086 mode."""
        return self.sectors // 4, self.sectors // 4 * 3, self.sectors // 4

    def image(self) -> bytes:
        """The whole disk as it is before the boot."""
        defines = {
            "DISK_ID": self.disk_id,
            "DISK_SECTORS": self.sectors,
            "PART_FIRST": PATTERN_FIRST,
            "PATTERN_FIRST": PATTERN_FIRST,
            **dict(zip(("WRITE_FIRST", "WRITE_END"), self.write, strict=True)),
            **dict(zip(("COPY_FROM", "COPY_TO", "COPY_COUNT"), self.copy, strict=True)),
            **pattern.defines(),
        }
        return _image("dos", defines, self.sectors)

    def image_after(self, *, copied: bool) -> bytes:
        """The disk as its program leaves it; copied: virtual-8086 mode reached the adapter."""
        image = bytearray(self.image())
        first, end = self.write
        image[first * SECTOR : end * SECTOR] = pattern.sectors(first, end, written=True)
        if copied:
            source, to, count = (number * SECTOR for number in self.copy)
            image[to : to + count] = image[source : source + count]
        return bytes(image)

    def refused(self) -> int:
        """How many of its calls it makes wrong on purpose: each 16th sector's first one."""
        cylinders = self.sectors // CYLINDER * CYLINDER
        read, back = range(PATTERN_FIRST, cylinders), range(*self.write)
        return sum(lba % 16 == 0 for part in (read, back, back, back) for lba in part)


def _image(program: str, defines: dict[str, int], size: int) -> bytes:
    code = assemble(program, defines)
    return code.ljust(PATTERN_FIRST * SECTOR, b"\0") + pattern.sectors(PATTERN_FIRST, size)


def disk_sum(image: bytes) -> int:
    """The sum that facts.asm makes of a disk: per sector the sum of its dwords, then
    sum = sum * SUM_STEP + sector's, modulo 2^32."""
    total = 0
    for at in range(0, len(image), SECTOR):
        words = struct.unpack_from(f"<{SECTOR // 4}I", image, at)
        total = (total * SUM_STEP + sum(words)) & 0xFFFFFFFF
    return total


def disk_id(image: bytes) -> int:
    """The signature in the boot record."""
    return int.from_bytes(image[MBR_DISK_ID], "little")


def differences(path: Path, expected: bytes, limit: int = 8) -> list[str]:
    """Sectors in which a file is not what it should be, as text; empty if byte for byte equal."""
    found = path.read_bytes()
    if found == expected:
        return []
    lines = []
    if len(found) != len(expected):
        lines.append(f"size is {len(found)} bytes, should be {len(expected)}")
    for at in range(0, min(len(found), len(expected)), SECTOR):
        if found[at : at + SECTOR] != expected[at : at + SECTOR]:
            lines.append(f"sector {at // SECTOR} differs")
            if len(lines) >= limit:
                break
    return lines
