"""An Intel 8255x: command blocks, descriptors of frames, EEPROM, PHY.  A full ring drops."""

from __future__ import annotations

import struct

from models.io_nic import IoNic, ModelError

CX, FR, CNA, RNR = 0x80, 0x40, 0x20, 0x10
EL, SF, C, OK = 1 << 15, 1 << 3, 1 << 15, 1 << 13


class Eepro100(IoNic):
    vendor, device = 0x8086, 0x1209
    bar = 1
    span = 0x40

    def __init__(self, *args: object, address_bits: int = 6, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.address_bits = address_bits
        self.eeprom_dead = self.phy_dead = self.busy = False
        self.station = self.mac
        self.eeprom_in: list[int] = []
        self.eeprom_out: list[int] = []
        self.eeprom_bit, self.clock = 1, 0
        self.mdi = 0
        self._reset()

    def _reset(self) -> None:
        self.ru = self.pointer = self.ack = self.mask = 0
        self.rx = self.bases = 0
        self.config = bytes(22)
        self.mac = self.station  # QEMU's takes it for the one burnt in

    def get(self, offset: int, size: int) -> int:
        self.settle()
        if (offset, size) == (0, 1):
            return self.ru << 2 | (0x80 if self.stuck and self.sent_block else 0)
        if (offset, size) == (1, 1):
            return self.ack
        if (offset, size) == (2, 1):
            return 0x10 if self.dead or self.busy else 0
        if (offset, size) == (0x0E, 2):
            return self.eeprom_bit << 3
        if (offset, size) == (0x10, 4):
            return self.mdi
        raise ModelError(f"register {offset:#x} is read with {size} bytes")

    sent_block = False

    def set(self, offset: int, size: int, value: int) -> None:
        if (offset, size) == (1, 1):
            self.ack &= ~value
        elif (offset, size) == (2, 1):
            self._command(value)
        elif (offset, size) == (3, 1):
            self.mask = value & 1
        elif (offset, size) == (4, 4):
            self.pointer = value
        elif (offset, size) == (8, 4):
            if value not in (0, 2):
                raise ModelError(f"PORT = {value:#x}")
            self.ru, self.sent_block = 0, False
            if value == 0:
                self._reset()
        elif (offset, size) == (0x0E, 2):
            self._eeprom(value)
        elif (offset, size) == (0x10, 4):
            if value >> 16 != 2 << 10 | 1 << 5 | 1:
                raise ModelError(f"MDI = {value:#x}")
            self.mdi = 0 if self.phy_dead else 1 << 28 | (0x782D if self.link else 0x7829)
        else:
            raise ModelError(f"register {offset:#x} is written with {size} bytes")
        self._irq()

    def _irq(self) -> None:
        self.line(bool(self.ack and not self.mask))

    # --- EEPROM: 93C46 and larger -----------------------------------------------------------------

    def _eeprom(self, value: int) -> None:
        if not value & 2:
            self.eeprom_in, self.eeprom_out, self.eeprom_bit = [], [], 1
        elif value & 1 and not self.clock:
            if self.eeprom_out:
                self.eeprom_bit = self.eeprom_out.pop(0)
            elif not self.eeprom_dead:
                self.eeprom_in.append(value >> 2 & 1)
                if len(self.eeprom_in) == 3 and self.eeprom_in != [1, 1, 0]:
                    raise ModelError(f"EEPROM command {self.eeprom_in}")
                if len(self.eeprom_in) == 3 + self.address_bits:
                    word = int("".join(map(str, self.eeprom_in[3:])), 2)
                    data = struct.unpack_from("<H", self.mac, 2 * word)[0]
                    self.eeprom_out = [data >> bit & 1 for bit in range(15, -1, -1)]
                    self.eeprom_bit = 0
        self.clock = value & 1

    # --- units ------------------------------------------------------------------------------------

    def _command(self, value: int) -> None:
        if self.dead or self.busy:
            raise ModelError("a command before the last one was taken")
        if value in (0x60, 6):
            if self.pointer:
                raise ModelError("a base that is not 0")
            self.bases |= value
        elif value == 0x10:
            self._block(self.pointer)
        elif value == 1:
            if self.ru == 4:
                raise ModelError("the receiver runs already")
            self.rx, self.ru = self.pointer, 4
        else:
            raise ModelError(f"command {value:#x}")

    def _block(self, at: int) -> None:
        if self.bases != 0x66 or (self.sent_block and self.stuck):
            raise ModelError("the command unit is not ready")
        status, command = struct.unpack("<HH", self.reads(at, 4))
        if status or not command & EL:
            raise ModelError(f"block with status {status:#x}, command {command:#x}")
        operation = command & 7
        if operation == 1:
            self.station = self.reads(at + 8, 6)
        elif operation == 2:
            self.config = self.reads(at + 8, self.reads(at + 8, 1)[0] & 0x3F)
        elif operation == 4:
            self.sent_block = True
            if self.stuck:
                return
            pieces, own, _, count = struct.unpack("<IHBB", self.reads(at + 8, 8))
            if not command & SF or own or count != 1 or not self.config[6] & 0x10:
                raise ModelError("transmit is not in flexible mode")
            address, length = struct.unpack("<II", self.reads(pieces, 8))
            self.sent.append(self.reads(address, length & 0x3FFF))
        else:
            raise ModelError(f"operation {operation}")
        self.writes(at, struct.pack("<H", C | OK))
        self.ack |= CNA

    def accepts(self, frame: bytes) -> bool:
        if self.config[15] & 1:
            return True
        if frame[:6] == b"\xff" * 6:
            return not self.config[15] & 2
        return bool(self.config[21] & 8) if frame[0] & 1 else frame[:6] == self.station

    def receive(self, frame: bytes, damaged: bool = False) -> None:
        frame = frame.ljust(60, b"\0")
        if self.ru != 4 or not self.accepts(frame):
            self.dropped += 1
            return
        status, command, link, pieces, _, size = struct.unpack("<HHIIHH", self.reads(self.rx, 16))
        if status or pieces != 0xFFFFFFFF:
            raise ModelError(f"descriptor with status {status:#x}, pieces {pieces:#x}")
        frame = frame[:size]
        # As QEMU's does it: told of too early.
        self.writes(self.rx, struct.pack("<H", C | (0 if damaged else OK)))
        self.late.append((self.rx + 12, struct.pack("<H", 0xC000 | len(frame))))
        self.late.append((self.rx + 16, frame))
        self.rx = link
        self.ack |= FR
        if command & EL:
            self.ru = 2
            self.ack |= RNR
        self._irq()

    def quiet(self) -> bool:
        return not self.ru and bool(self.mask) and self.pointer == 0


__all__ = ["Eepro100"]
