"""An RTL8029: memory of its own behind a port of two words.  A full ring stops it, as a DP8390."""

from __future__ import annotations

import struct

from models.io_nic import IoNic, ModelError

STOP, START, TXP, READ, WRITE, IDLE = 1, 2, 4, 8, 0x10, 0x20
PRX, PTX, OVW, RDC, RST = 1, 2, 0x10, 0x40, 0x80


class Ne2k(IoNic):
    vendor, device = 0x10EC, 0x8029
    span = 0x20

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.memory = bytearray(0xC000)
        self.memory[0:12] = bytes(byte for byte in self.mac for _ in range(2))
        self.memory[0x1C:0x20] = b"WWWW"
        self.page0 = bytearray(16)
        self.page1 = bytearray(16)
        self.silent = False  # the data port never ends
        self.crc = self.missed = 0
        self.isr, self.overflowed, self.command = 0, False, STOP

    def _word(self, low: int) -> int:
        return self.page0[low] | self.page0[low + 1] << 8

    def get(self, offset: int, size: int) -> int:
        if offset == 0x10 and size == 4:
            return int.from_bytes(self._data(READ) + self._data(READ), "little")
        if size != 1:
            raise ModelError(f"register {offset:#x} is read with {size} bytes")
        if offset == 0x1F:
            self.command, self.overflowed = STOP | IDLE, False
            self.isr = 0 if self.dead else RST
            return 0
        if offset == 0:
            return self.command
        if self.command >> 6 == 1:
            return self.page1[offset]
        if offset == 7:
            return self.isr
        if offset == 0x0E:
            self.crc, count = 0, self.crc
            return count
        if offset == 0x0F:
            self.missed, count = 0, self.missed
            return count
        raise ModelError(f"register {offset:#x} of page 0 is read")

    def set(self, offset: int, size: int, value: int) -> None:
        if offset == 0x10 and size == 4:
            for word in (value & 0xFFFF, value >> 16):
                place = self._word(8)
                self._data(WRITE)
                if not 0x4000 <= place < 0xC000:
                    raise ModelError(f"the data port writes at {place:#x}")
                self.memory[place : place + 2] = word.to_bytes(2, "little")
        elif size != 1:
            raise ModelError(f"register {offset:#x} is written with {size} bytes")
        elif offset == 0:
            self.command = value
            if value & TXP:
                self._transmit()
        elif offset == 0x1F:
            pass
        elif self.command >> 6 == 1:
            self.page1[offset] = value
        elif offset == 7:
            self.isr &= ~value
        else:
            self.page0[offset] = value
        self.line(bool(self.isr & self.page0[0x0F]))

    def _data(self, direction: int) -> bytes:
        left, place = self._word(0x0A), self._word(8)
        if not self.command & direction or not self.command & START or left < 2:
            raise ModelError(f"data port: command {self.command:#x}, {left} bytes left")
        content = bytes(self.memory[place : place + 2])
        place += 2
        if place == self.page0[2] << 8:
            place = self.page0[1] << 8
        self.page0[8:12] = struct.pack("<HH", place, left - 2)
        if left == 2 and not self.silent:
            self.isr |= RDC
        return content

    def _transmit(self) -> None:
        if self.stuck:
            return
        place = self.page0[4] << 8
        self.sent.append(bytes(self.memory[place : place + self._word(5)]))
        self.command &= ~TXP
        self.isr |= PTX

    def accepts(self, frame: bytes) -> bool:
        """As QEMU's: the address burnt in, not PAR."""
        control = self.page0[0x0C]
        if frame[:6] == b"\xff" * 6:
            return bool(control & 4)
        if frame[0] & 1:
            return bool(control & 8) and any(self.page1[8:16])
        return bool(control & 0x10) or frame[:6] == self.mac

    def receive(self, frame: bytes, damaged: bool = False) -> None:
        frame = frame.ljust(60, b"\0")
        first, end, last = self.page0[1], self.page0[2], self.page0[3]
        control = self.page0[0x0C]
        if self.command & STOP or self.overflowed or control & 0x20 or not self.accepts(frame):
            self.dropped += 1
            return
        pages = (len(frame) + 4 + 255) // 256
        here = self.page1[7]
        if pages > (last - here) % (end - first):
            self.isr |= OVW
            self.overflowed = True
            self.missed += 1
            self.dropped += 1
        else:
            following = first + (here - first + pages) % (end - first)
            record = struct.pack("<BBH", 0 if damaged else 1, following, len(frame) + 4) + frame
            for number, byte in enumerate(record):
                page = first + (here - first + number // 256) % (end - first)
                self.memory[page * 256 + number % 256] = byte
            self.page1[7] = following
            self.isr |= PRX
        self.line(bool(self.isr & self.page0[0x0F]))

    def quiet(self) -> bool:
        return bool(self.command & STOP) and not self.page0[0x0F]


__all__ = ["Ne2k"]
