"""A Realtek RTL8139: a ring of bytes, four transmit descriptors.  A full ring drops."""

from __future__ import annotations

from models.io_nic import IoNic, ModelError

TSD, TSAD, RBSTART, CR, CAPR, IMR, ISR = 0x10, 0x20, 0x30, 0x37, 0x38, 0x3C, 0x3E
TCR, RCR, MPC, CR9346, CONFIG1, MSR = 0x40, 0x44, 0x4C, 0x50, 0x52, 0x58
OWN = 1 << 13


class Rtl8139(IoNic):
    vendor, device = 0x10EC, 0x8139

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.rcr = self.start = self.missed = self.config = self.imr = 0
        self.station = self.mac
        self.addresses = [0] * 4
        self._reset()

    def _reset(self) -> None:
        self.command = self.isr = self.imr = 0
        self.tsd = [OWN] * 4
        self.slot = self.read = self.write = 0
        self.station = self.mac

    @property
    def ring(self) -> int:
        return 0x2000 << (self.rcr >> 11 & 3)

    def get(self, offset: int, size: int) -> int:
        if offset in (0, 4) and size == 4:
            return int.from_bytes(self.station.ljust(8, b"\0")[offset : offset + 4], "little")
        if TSD <= offset < TSAD and size == 4:
            return self.tsd[(offset - TSD) // 4]
        if offset == CR and size == 1:
            return self.command | (self.read == self.write)
        if offset == ISR and size == 2:
            return self.isr
        if offset == MPC and size == 4:
            return self.missed
        if offset == MSR and size == 1:
            return 0 if self.link else 4
        raise ModelError(f"register {offset:#x} is read with {size} bytes")

    def set(self, offset: int, size: int, value: int) -> None:
        if offset == CR and size == 1:
            if value & 0x10:
                self._reset()
                self.command = 0x10 if self.dead else 0
            else:
                if value & 8 and not self.command & 8:
                    self.read = self.write = 0
                self.command = value & 0x0C
        elif offset in (0, 4) and size == 4:
            if self.config != 0xC0:
                raise ModelError("the address is locked")
            raw = bytearray(self.station.ljust(8, b"\0"))
            raw[offset : offset + 4] = value.to_bytes(4, "little")
            self.station = bytes(raw[:6])
        elif TSD <= offset < TSAD and size == 4:
            self._transmit((offset - TSD) // 4, value)
        elif TSAD <= offset < RBSTART and size == 4:
            self.addresses[(offset - TSAD) // 4] = value
        elif offset == RBSTART and size == 4:
            if value & 3 or self.command & 8:
                raise ModelError(f"ring at {value:#x}, receiver {self.command:#x}")
            self.start = value
        elif offset == CAPR and size == 2:
            self.read = (value + 16) % self.ring
        elif offset == IMR and size == 2:
            self.imr = value
        elif offset == ISR and size == 2:
            self.isr &= ~value
        elif offset == RCR and size == 4:
            if self.command & 0x0C:  # locked else
                self.rcr, self.read, self.write = value, 0, 0
            elif value == 0:
                self.rcr = 0
        elif offset == MPC and size == 4:
            self.missed = 0
        elif offset == CR9346 and size == 1:
            self.config = value
        elif offset == CONFIG1 and size == 1:
            if self.config != 0xC0 or value:
                raise ModelError(f"CONFIG1 = {value:#x}")
        elif not (offset == TCR and size == 4) and not (0x08 <= offset < TSD and size == 4):
            raise ModelError(f"register {offset:#x} is written with {size} bytes")
        self.line(bool(self.isr & self.imr))

    def _transmit(self, slot: int, value: int) -> None:
        if slot != self.slot or not self.tsd[slot] & OWN:
            raise ModelError(f"descriptor {slot} is not the next")
        self.tsd[slot] = value & ~OWN
        if self.stuck:
            return
        self.sent.append(self.reads(self.addresses[slot], value & 0x1FFF))
        self.tsd[slot] |= OWN | 1 << 15
        self.slot = (slot + 1) % 4
        self.isr |= 4

    def accepts(self, frame: bytes) -> bool:
        if self.rcr & 1 and not frame[0] & 1:
            return True
        if frame[:6] == b"\xff" * 6:
            return bool(self.rcr & 8)
        return bool(self.rcr & 4) if frame[0] & 1 else frame[:6] == self.station

    def receive(self, frame: bytes, damaged: bool = False) -> None:
        frame = frame.ljust(60, b"\0")
        if not self.command & 8 or not self.accepts(frame):
            self.dropped += 1
            return
        total = (len(frame) + 4 + 4 + 3) & ~3
        room = (self.read - self.write) % self.ring or self.ring
        if total >= room:
            self.missed += 1
            self.dropped += 1
            self.isr |= 0x10
        else:
            status = 0 if damaged else 1
            record = status.to_bytes(2, "little") + (len(frame) + 4).to_bytes(2, "little")
            record = (record + frame + b"\xfc" * 4).ljust(total, b"\xee")
            first = min(total, self.ring - self.write)
            self.writes(self.start + self.write, record[:first])
            if record[first:]:
                self.writes(self.start, record[first:])
            self.write = (self.write + total) % self.ring
            self.isr |= 1
        self.line(bool(self.isr & self.imr))

    def quiet(self) -> bool:
        known = [self.start, *self.addresses, self.imr, self.command, self.rcr]
        return not any(known) and self.station == self.mac


__all__ = ["Rtl8139"]
