"""An Am79C970A in both port modes, structures of 32 bits.  A full ring drops."""

from __future__ import annotations

import struct

from models.io_nic import IoNic, ModelError

INIT, STRT, STOP, TDMD, IENA = 1, 2, 4, 8, 0x40
IDON, TINT, RINT, MISS = 1 << 8, 1 << 9, 1 << 10, 1 << 12
OWN, STP, ENP = 1 << 31, 1 << 25, 1 << 24


class Pcnet(IoNic):
    vendor, device = 0x1022, 0x2000
    span = 0x20

    def __init__(self, *args: object, dwords: bool = False, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.dwords = dwords
        self.csr = dict.fromkeys(range(128), 0)
        self.bcr = dict.fromkeys(range(32), 0)
        self.selected = 0
        self.deaf = False  # never reads its init block
        self.station = self.mac
        self._reset()

    def _reset(self) -> None:
        self.csr[0] = STOP
        self.csr[112] = 0
        self.running = False

    def get(self, offset: int, size: int) -> int:
        self.settle()
        if self.dead or size != (4 if self.dwords else 2):
            return (1 << 8 * size) - 1  # the other mode's: nobody listens
        if offset < 6:
            return int.from_bytes(self.mac.ljust(8, b"\0")[offset : offset + size], "little")
        if offset == (0x18 if self.dwords else 0x14):
            self._reset()
            return 0
        if offset == 0x10:
            return self.csr[self.selected]
        if offset == (0x1C if self.dwords else 0x16):
            if self.selected == 4:
                return 0x80C0 if self.link else 0x00C0
            return self.bcr[self.selected]
        raise ModelError(f"port {offset:#x} is read")

    def set(self, offset: int, size: int, value: int) -> None:
        if size == 4 and offset == 0x10:
            self.dwords = True
        if size != (4 if self.dwords else 2):
            return
        if offset == (0x14 if self.dwords else 0x12):
            self.selected = value
        elif offset == 0x10:
            self._csr(self.selected, value)
        elif offset == (0x1C if self.dwords else 0x16):
            self.bcr[self.selected] = value
        else:
            raise ModelError(f"port {offset:#x} is written")
        self._irq()

    def _irq(self) -> None:
        pending = self.csr[0] & 0x5F00 & ~self.csr[3]
        self.line(bool(pending and self.csr[0] & IENA))

    def _csr(self, number: int, value: int) -> None:
        if number:
            if self.running and number != 4:  # Am79C972, CSR4: accessible always
                raise ModelError(f"CSR{number} is written while the chip runs")
            self.csr[number] = value
            if 12 <= number <= 14:
                raw = bytearray(self.station)
                raw[2 * (number - 12) : 2 * (number - 11)] = value.to_bytes(2, "little")
                self.station = bytes(raw)
            return
        self.csr[0] = self.csr[0] & ~(value & 0x7F00) & ~IENA | value & IENA
        if value & STOP:
            self.csr[0] = STOP
            self.running = False
        elif value & INIT and not self.deaf:
            self._init()
        elif value & STRT:
            self.csr[0] = self.csr[0] & ~STOP | STRT
            self.running = True
        if value & TDMD:
            self._transmit()

    def _init(self) -> None:
        if self.bcr[20] & 0xFF != 2:
            raise ModelError(f"style {self.bcr[20]:#x}")
        block = self.reads(self.csr[1] | self.csr[2] << 16, 28)
        self.mode, rx, tx, self.station, groups, self.rx, self.tx = struct.unpack(
            "<HBB6s2xQII", block
        )
        self.groups = groups
        if self.rx & 15 or self.tx & 15:
            raise ModelError("a ring is not on a paragraph")
        self.rx_count, self.tx_count = 1 << (rx >> 4), 1 << (tx >> 4)
        self.rx_at = self.tx_at = 0
        for number, address in ((24, self.rx), (30, self.tx)):
            self.csr[number], self.csr[number + 1] = address & 0xFFFF, address >> 16
        self.csr[0] = self.csr[0] & ~STOP | INIT | IDON

    def _transmit(self) -> None:
        while self.running and not self.stuck:
            at = self.tx + 16 * self.tx_at
            address, status = struct.unpack("<II", self.reads(at, 8))
            if not status & OWN:
                return
            if status >> 12 & 0xF != 0xF or status & (STP | ENP) != STP | ENP:
                raise ModelError(f"transmit status {status:#x}")
            self.sent.append(self.reads(address, 0x1000 - (status & 0xFFF)))
            self.writes(at + 4, struct.pack("<I", status & ~OWN))
            self.tx_at = (self.tx_at + 1) % self.tx_count
            self.csr[0] |= TINT

    def accepts(self, frame: bytes) -> bool:
        if self.mode >> 15:
            return True
        if frame[:6] == b"\xff" * 6:
            return not self.mode >> 14 & 1
        return bool(self.groups) if frame[0] & 1 else frame[:6] == self.station

    def receive(self, frame: bytes, damaged: bool = False) -> None:
        frame = frame.ljust(60, b"\0") + b"\xfc" * 4
        if not self.running or not self.accepts(frame):
            self.dropped += 1
            return
        first = STP
        while frame:
            at = self.rx + 16 * self.rx_at
            address, status = struct.unpack("<II", self.reads(at, 8))
            if not status & OWN:
                self.csr[0] |= MISS
                self.csr[112] += 1
                self.dropped += 1
                break
            room = 0x1000 - (status & 0xFFF)
            piece, frame = frame[:room], frame[room:]
            self.writes(address, piece)
            status = status & 0xFFFF | first
            self.writes(at + 4, struct.pack("<I", status))  # as QEMU's does it: too early
            status |= (0 if frame else ENP) | damaged << 30
            self.late.append((at + 4, struct.pack("<II", status, len(piece))))
            self.rx_at = (self.rx_at + 1) % self.rx_count
            first = 0
            self.csr[0] |= RINT
        self._irq()

    def quiet(self) -> bool:
        known = [self.csr[n] for n in (1, 2, 24, 25, 30, 31)]
        return not self.running and not any(known) and self.station == self.mac


__all__ = ["Pcnet"]
