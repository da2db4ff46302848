"""The disk behind a scripted target, and the SCSI commands that it understands (SPC-3, SBC-2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

READS = {0x28, 0x88, 0xA8, 0x08}
WRITES = {0x2A, 0x8A, 0xAA, 0x0A}

ILLEGAL_OPCODE = (5, 0x20, 0)
LBA_OUT_OF_RANGE = (5, 0x21, 0)
INVALID_FIELD = (5, 0x24, 0)
LUN_NOT_SUPPORTED = (5, 0x25, 0)
WRITE_PROTECTED = (7, 0x27, 0)


class SenseError(Exception):
    """CHECK CONDITION; ``sense`` is (key, ASC, ASCQ)."""

    def __init__(self, sense: tuple[int, int, int]) -> None:
        super().__init__("/".join(f"{part:02X}" for part in sense))
        self.sense = sense


def lun_bytes(number: int) -> bytes:
    """A plain number as the 8-byte LUN: peripheral addressing below 256, flat above (SAM-2)."""
    if number < 256:
        return bytes([0, number]) + bytes(6)
    return struct.pack(">H", 0x4000 | number) + bytes(6)


@dataclass
class Disk:
    """One logical unit over a file.  ``blocks`` may exceed the file: what is beyond it reads as
    zeros and can be written only within a sparse file."""

    path: Path
    lun: bytes = field(default_factory=lambda: lun_bytes(1))
    block_size: int = 512
    blocks: int = 0
    read_only: bool = False
    device_type: int = 0

    def __post_init__(self) -> None:
        if not self.blocks:
            self.blocks = self.path.stat().st_size // self.block_size

    def range_of(self, cdb: bytes) -> tuple[int, int]:
        """(first block, count) of a READ or WRITE; out of range raises SenseError."""
        kind = cdb[0] >> 5
        if kind == 0:
            lba, count = int.from_bytes(cdb[1:4], "big") & 0x1FFFFF, cdb[4] or 256
        elif kind == 1:
            lba, count = struct.unpack(">xxIxH", cdb[:9])
        elif kind == 5:
            lba, count = struct.unpack(">xxII", cdb[:10])
        else:
            lba, count = struct.unpack(">xxQI", cdb[:14])
        if lba + count > self.blocks:
            raise SenseError(LBA_OUT_OF_RANGE)
        return int(lba), int(count)

    def read(self, cdb: bytes) -> bytes:
        """The blocks that a READ asks for."""
        lba, count = self.range_of(cdb)
        with self.path.open("rb") as stream:
            stream.seek(lba * self.block_size)
            return stream.read(count * self.block_size).ljust(count * self.block_size, b"\0")

    def check_write(self, cdb: bytes) -> int:
        """Bytes that this WRITE carries; SenseError where it is not allowed."""
        if self.read_only:
            raise SenseError(WRITE_PROTECTED)
        return self.range_of(cdb)[1] * self.block_size

    def write(self, cdb: bytes, data: bytes) -> None:
        """Stores the blocks of a WRITE."""
        lba, _ = self.range_of(cdb)
        with self.path.open("r+b") as stream:
            stream.seek(lba * self.block_size)
            stream.write(data)

    def command(self, cdb: bytes, known: bool) -> bytes:
        """Data of a command that reads something other than blocks.  ``known``: the LUN exists."""
        opcode = cdb[0]
        if opcode == 0x12:
            return self._inquiry(cdb, known)
        if opcode == 0xA0:
            return (struct.pack(">I4x", 8) + self.lun)[: struct.unpack(">I", cdb[6:10])[0]]
        if not known:
            raise SenseError(LUN_NOT_SUPPORTED)
        if opcode in (0x00, 0x35, 0x91, 0x1B):
            if self.device_type == 0x1F:
                raise SenseError(LUN_NOT_SUPPORTED)
            return b""
        if opcode == 0x25:
            last = min(self.blocks - 1, 0xFFFFFFFF) & 0xFFFFFFFF
            return struct.pack(">II", last, self.block_size)
        if opcode == 0x9E and cdb[1] & 0x1F == 0x10:
            data = struct.pack(">QI20x", (self.blocks - 1) & (1 << 64) - 1, self.block_size)
            return data[: struct.unpack(">I", cdb[10:14])[0]]
        if opcode in (0x1A, 0x5A):
            protect = 0x80 if self.read_only else 0
            short, long = bytes([3, 0, protect, 0]), bytes([0, 6, 0, protect, 0, 0, 0, 0])
            data = short if opcode == 0x1A else long
            limit = cdb[4] if opcode == 0x1A else struct.unpack(">H", cdb[7:9])[0]
            return data[:limit]
        raise SenseError(ILLEGAL_OPCODE)

    def _inquiry(self, cdb: bytes, known: bool) -> bytes:
        limit = struct.unpack(">H", cdb[3:5])[0]
        kind = self.device_type if known else 0x7F
        if cdb[1] & 1:
            pages = {
                0x00: bytes([0x00, 0x80, 0x83]),
                0x80: b"0001",
                0x83: bytes([2, 1, 0, 8]) + b"ROMGEN01",
            }
            if cdb[2] not in pages:
                raise SenseError(INVALID_FIELD)
            body = pages[cdb[2]]
            return (bytes([kind, cdb[2]]) + struct.pack(">H", len(body)) + body)[:limit]
        data = bytes([kind, 0, 5, 0x12, 31, 0, 0, 2]) + b"ROMGEN  SCRIPTED DISK   0001"
        return data[:limit]
