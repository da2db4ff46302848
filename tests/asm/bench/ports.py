"""I/O ports as small Python models: PIT, PCI configuration, fw_cfg, RTC, A20 gate.

The clock is virtual: each latch of PIT channel 0 moves it on, so that a wait costs instructions and
no time, and a run is the same every time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

PIT_HZ = 1193182


class Pit:
    """Channel 0 in mode 2 or 3.  ``step_us`` microseconds pass at each latch."""

    def __init__(self) -> None:
        self.mode = 2
        self.reload = 0x10000
        self.clocks = 0
        self.step_us = 50
        self._latched: list[int] = []

    @property
    def ms(self) -> int:
        return self.clocks * 1000 // PIT_HZ

    def advance_ms(self, ms: int) -> None:
        self.clocks += ms * PIT_HZ // 1000

    def _count(self) -> int:
        speed = 2 if self.mode == 3 else 1
        return (self.reload - (self.clocks * speed) % self.reload) & 0xFFFF

    def command(self, value: int) -> None:
        if value >> 6 == 3:  # read-back: status and/or count of channel 0
            self._latched = []
            if not value & 0x10:
                self._latched.append(0x30 | self.mode << 1)
            if not value & 0x20:
                self._latch()
        elif value >> 4 == 0:  # latch channel 0
            self._latched = []
            self._latch()

    def _latch(self) -> None:
        self.clocks += self.step_us * PIT_HZ // 1_000_000
        count = self._count()
        self._latched += [count & 0xFF, count >> 8]

    def data(self) -> int:
        if not self._latched:
            self._latch()
        return self._latched.pop(0)


class FwCfg:
    """QEMU's fw_cfg by selector and data port; absent unless ``present``."""

    def __init__(self) -> None:
        self.present = False
        self.files: dict[str, bytes] = {}
        self._item = b""
        self._offset = 0

    def select(self, key: int) -> None:
        self._offset = 0
        names = sorted(self.files)
        if key == 0:
            self._item = b"QEMU"
        elif key == 0x19:
            self._item = struct.pack(">I", len(names)) + b"".join(
                struct.pack(">IHH56s", len(self.files[name]), 0x20 + index, 0, name.encode())
                for index, name in enumerate(names)
            )
        elif 0x20 <= key < 0x20 + len(names):
            self._item = self.files[names[key - 0x20]]
        else:
            self._item = b""

    def data(self) -> int:
        value = self._item[self._offset] if self._offset < len(self._item) else 0
        self._offset += 1
        return value


class Ports:
    """Port reads and writes by number; an unknown port reads as all ones, as on a real bus."""

    def __init__(self) -> None:
        self.pit = Pit()
        self.fw_cfg = FwCfg()
        self.pci: dict[int, bytearray] = {}  # bus/dev/fn word -> 256 bytes of configuration space
        self.cmos = bytearray(128)
        self.a20 = 2
        self.readers: dict[int, Callable[[int], int]] = {}
        self.writers: dict[int, Callable[[int, int], None]] = {}
        self.log: list[tuple[str, int, int, int]] = []
        self._config = 0
        self._cmos_index = 0

    def read(self, port: int, size: int) -> int:
        if port in self.readers:
            return self.readers[port](size)
        if port == 0x40:
            return self.pit.data()
        if port == 0x71:
            return self.cmos[self._cmos_index]
        if port == 0x92:
            return self.a20
        if port == 0xCF8 and size == 4:
            return self._config
        if 0xCFC <= port <= 0xCFF:
            return self._config_read(port & 3, size)
        if port == 0x511 and self.fw_cfg.present:
            return self.fw_cfg.data()
        return (1 << 8 * size) - 1

    def write(self, port: int, size: int, value: int) -> None:
        self.log.append(("out", port, size, value))
        if port in self.writers:
            self.writers[port](size, value)
        elif port == 0x43:
            self.pit.command(value)
        elif port == 0x70:
            self._cmos_index = value & 0x7F
        elif port == 0x92:
            self.a20 = value & 0xFF
        elif port == 0xCF8 and size == 4:
            self._config = value
        elif 0xCFC <= port <= 0xCFF:
            self._config_write(port & 3, size, value)
        elif port == 0x510 and size == 2 and self.fw_cfg.present:
            self.fw_cfg.select(value)

    def _space(self) -> bytearray | None:
        if not self._config & 0x80000000:
            return None
        return self.pci.get(self._config >> 8 & 0xFFFF)

    def _config_read(self, byte: int, size: int) -> int:
        space = self._space()
        if space is None:
            return (1 << 8 * size) - 1
        offset = (self._config & 0xFC) + byte
        return int.from_bytes(space[offset : offset + size], "little")

    def _config_write(self, byte: int, size: int, value: int) -> None:
        space = self._space()
        if space is not None:
            offset = (self._config & 0xFC) + byte
            for at, content in enumerate(value.to_bytes(size, "little"), offset):
                # the status clears by writing ones (PCI 2.2, 6.2.3)
                space[at] = space[at] & ~content if at in (6, 7) else content
