"""An Intel 8254x behind Unicorn's MMIO: registers, descriptor rings, DMA, as QEMU's e1000 has them.

Strict where a driver could go wrong unnoticed: a register access that is not 32 bits wide, DMA
without bus mastering or outside the memory that the test allows, a descriptor that the driver still
owns, a ring that is not aligned: each fails the test.  ``real_reset`` chooses what CTRL.RST does:
QEMU's only clears the bit, the chip forgets everything but its address.  ``window``: the port of an
I/O window (address, then data) in BAR2, as the 82574 has it; memory may not be touched then.
``large``: the EEPROM's register as the 82574 has it.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field

from bench.machine import Machine
from unicorn import Uc

BAR0 = 0xFEBC0000
BAR_SIZE = 0x20000
CTRL, STATUS, EERD, ICR, IMS, IMC = 0x0, 0x8, 0x14, 0xC0, 0xD0, 0xD8
RCTL, TCTL = 0x100, 0x400
RDBAL, RDBAH, RDLEN, RDH, RDT = 0x2800, 0x2804, 0x2808, 0x2810, 0x2818
TDBAL, TDBAH, TDLEN, TDH, TDT = 0x3800, 0x3804, 0x3808, 0x3810, 0x3818
CRCERRS, MPC, MTA, RAL0, RAH0, RA_END = 0x4000, 0x4010, 0x5200, 0x5400, 0x5404, 0x5480
CTRL_SLU, CTRL_RST = 1 << 6, 1 << 26
RCTL_EN, RCTL_UPE, RCTL_MPE, RCTL_BAM, RCTL_SECRC = 2, 8, 16, 1 << 15, 1 << 26
RAH_AV = 1 << 31
INT_TXDW, INT_RXT0 = 1, 0x80
CLEAR_ON_READ = (ICR, CRCERRS, MPC)
LONGEST = 1522


class ModelError(AssertionError):
    """The driver did what no driver may do."""


@dataclass
class E1000:
    """One adapter at BAR0 of bus/dev/fn ``bdf``."""

    machine: Machine
    mac: bytes = bytes.fromhex("525400123456")
    bdf: int = 0x0018
    device: int = 0x100E
    bar: int = BAR0
    bar_bits: int = 0
    window: int = 0
    large: bool = False
    irq: int = 11
    real_reset: bool = False
    link: bool = True
    stuck: bool = False  # transmits nothing, as without a link partner
    eeprom_dead: bool = False
    regs: dict[int, int] = field(default_factory=dict)
    sent: list[bytes] = field(default_factory=list)
    waiting: deque[bytes] = field(default_factory=deque)
    dropped: int = 0
    reads: list[int] = field(default_factory=list)
    writes: list[tuple[int, int]] = field(default_factory=list)
    interrupts: int = 0
    _address: int = 0

    def __post_init__(self) -> None:
        space = bytearray(256)
        space[0:4] = struct.pack("<HH", 0x8086, self.device)
        space[4:8] = struct.pack("<HH", 0x0103, 0)
        space[8:12] = bytes((3, 0, 0, 2))
        space[0x10:0x14] = struct.pack("<I", self.bar | self.bar_bits)
        if self.window:
            space[0x18:0x1C] = struct.pack("<I", self.window | 1)
            readers, writers = self.machine.ports.readers, self.machine.ports.writers
            readers[self.window] = lambda size: self._address
            writers[self.window] = self._select
            readers[self.window + 4] = lambda size: self._get(self._address, size)
            writers[self.window + 4] = lambda size, value: self._set(self._address, size, value)
        space[0x3C:0x3E] = bytes((self.irq, 1))
        self.machine.ports.pci[self.bdf] = space
        self._show_mac()
        self.regs[CTRL] = 0x140240
        self.machine._allowed.append((BAR0, BAR_SIZE, "registers"))
        self.machine.uc.mmio_map(BAR0, BAR_SIZE, self._read, None, self._write, None)

    # --- registers ------------------------------------------------------------------------------

    @property
    def bus_master(self) -> bool:
        return bool(self.machine.ports.pci[self.bdf][4] & 4)

    def _show_mac(self) -> None:
        low, high = struct.unpack("<IH", self.mac)
        self.regs[RAL0], self.regs[RAH0] = low, high | RAH_AV

    def hide_mac(self) -> None:
        """As a card whose EEPROM was not loaded into the receive address."""
        self.regs[RAL0], self.regs[RAH0] = 0, 0

    def _select(self, size: int, value: int) -> None:
        if size != 4:
            raise ModelError(f"the window's address is written with {size} bytes")
        self._address = value

    def _check(self, offset: int, size: int) -> None:
        if size != 4 or offset & 3:
            raise ModelError(f"register {offset:#x} is accessed with {size} bytes")

    def _read(self, uc: Uc, offset: int, size: int, _: object) -> int:
        value = self.machine._guard(lambda: self._by_memory(offset, size))
        return value if isinstance(value, int) else 0

    def _write(self, uc: Uc, offset: int, size: int, value: int, _: object) -> None:
        self.machine._guard(lambda: self._by_memory(offset, size, value))

    def _by_memory(self, offset: int, size: int, value: int | None = None) -> int | None:
        if self.window:
            raise ModelError(f"register {offset:#x} is accessed in memory in spite of the window")
        if value is None:
            return self._get(offset, size)
        self._set(offset, size, value)
        return None

    def _get(self, offset: int, size: int) -> int:
        self._check(offset, size)
        self.reads.append(offset)
        if offset == STATUS:
            return 0x80080781 | (2 if self.link and self.regs[CTRL] & CTRL_SLU else 0)
        value = self.regs.get(offset, 0)
        if offset in CLEAR_ON_READ:
            self.regs[offset] = 0
        return value

    def _set(self, offset: int, size: int, value: int) -> None:
        self._check(offset, size)
        self.writes.append((offset, value))
        if offset == CTRL and value & CTRL_RST:
            self._reset(value)
            return
        if offset == EERD:
            shift, done = (2, 1) if self.large else (8, 4)
            word = value >> shift & 0xFF
            if value & 1 and not self.eeprom_dead:
                data = struct.unpack_from("<H", self.mac, word * 2)[0] if word < 3 else 0xFFFF
                value = data << 16 | word << shift | 1 << done
        elif offset == IMS:
            value |= self.regs.get(IMS, 0)
        elif offset == IMC:
            self.regs[IMS] = self.regs.get(IMS, 0) & ~value
            return
        elif offset in (RDBAL, TDBAL) and value & 15:
            raise ModelError(f"ring at {value:#x} is not on a paragraph")
        elif offset in (RDLEN, TDLEN) and value & 127:
            raise ModelError(f"ring of {value} bytes: not a multiple of 128")
        self.regs[offset] = value & 0xFFFFFFFF
        if offset == IMS:
            self._raise(0)
        elif offset in (TDT, TCTL):
            self._transmit()
        elif offset in (RDT, RCTL):
            self._deliver()

    def _reset(self, value: int) -> None:
        if self.real_reset:
            self.regs = {CTRL: 0}
            self._show_mac()
        else:
            self.regs[CTRL] = value & ~CTRL_RST

    def _raise(self, cause: int) -> None:
        self.regs[ICR] = self.regs.get(ICR, 0) | cause
        if self.regs[ICR] & self.regs.get(IMS, 0):
            self.interrupts += 1

    # --- DMA ------------------------------------------------------------------------------------

    def _memory(self, linear: int, size: int) -> None:
        if not self.bus_master:
            raise ModelError("DMA without bus mastering")
        for start, length in self.machine.writable():
            if start <= linear and linear + size <= start + length:
                return
        raise ModelError(f"DMA of {size} bytes at {linear:#x}, outside the UNDI's memory")

    def _fetch(self, linear: int, size: int) -> bytes:
        self._memory(linear, size)
        return self.machine.read(linear, size)

    def _transmit(self) -> None:
        if not self.regs.get(TCTL, 0) & 2 or self.stuck:
            return
        count = self.regs.get(TDLEN, 0) // 16
        while count and self.regs.get(TDH, 0) != self.regs.get(TDT, 0):
            at = self.regs[TDBAL] + self.regs.get(TDH, 0) * 16
            address, length, _, command, status = struct.unpack_from("<QHBBB", self._fetch(at, 16))
            if command & 0x2B != 0x0B:
                raise ModelError(f"transmit command {command:#x}")
            self.sent.append(self._fetch(address, length))
            self.machine.write(at + 12, bytes((status | 1,)))
            self.regs[TDH] = (self.regs.get(TDH, 0) + 1) % count
            self._raise(INT_TXDW)

    def accepts(self, frame: bytes) -> bool:
        """Would the filters let it in?"""
        control = self.regs.get(RCTL, 0)
        if frame[0] & 1:
            if control & RCTL_MPE or (frame[:6] == b"\xff" * 6 and control & RCTL_BAM):
                return True
            number = (frame[5] << 8 | frame[4]) >> 4
            return bool(self.regs.get(MTA + (number >> 5) * 4, 0) >> (number & 31) & 1)
        if control & RCTL_UPE:
            return True
        for pair in range(RAL0, RA_END, 8):
            high = self.regs.get(pair + 4, 0)
            if high & RAH_AV and frame[:6] == struct.pack(
                "<IH", self.regs.get(pair, 0), high & 0xFFFF
            ):
                return True
        return False

    @property
    def accesses(self) -> int:
        """How many registers were touched so far."""
        return len(self.reads) + len(self.writes)

    def set_link(self, up: bool) -> None:
        """The cable."""
        self.link = up
        self._deliver()

    def look(self) -> None:
        """Send and deliver what there is."""
        self._transmit()
        self._deliver()

    def assert_quiet(self) -> None:
        """Nothing of our memory is known to it, nothing is raised."""
        assert not self.regs[RCTL] and not self.regs[TCTL] and not self.regs.get(IMS, 0)
        assert not any(self.regs[n] for n in (RDBAL, RDLEN, TDBAL, TDLEN))
        assert not self.bus_master
        assert self.regs[RAL0].to_bytes(4, "little") == self.mac[:4]

    def receive(self, frame: bytes, errors: int = 0, end: bool = True) -> None:
        """A frame arrives from the wire (without FCS); it waits while there is no buffer."""
        if len(frame) > LONGEST:
            self.dropped += 1
            return
        self.waiting.append(frame.ljust(60, b"\0") + bytes((errors, 3 if end else 1)))
        self._deliver()

    def _deliver(self) -> None:
        while self.waiting and self.regs.get(RCTL, 0) & RCTL_EN and self.link:
            count = self.regs.get(RDLEN, 0) // 16
            if not count or self.regs.get(RDH, 0) == self.regs.get(RDT, 0):
                return
            entry = self.waiting.popleft()
            frame, errors, status = entry[:-2], entry[-2], entry[-1]
            if not self.accepts(frame):
                self.dropped += 1
                continue
            at = self.regs[RDBAL] + self.regs.get(RDH, 0) * 16
            address, _, _, old = struct.unpack_from("<QHHB", self._fetch(at, 16))
            if old:
                raise ModelError(
                    f"descriptor {self.regs.get(RDH, 0)} is given back with status {old:#x}"
                )
            self._memory(address, len(frame))
            self.machine.write(address, frame)
            self.machine.write(at + 8, struct.pack("<HHBBH", len(frame), 0, status, errors, 0))
            self.regs[RDH] = (self.regs.get(RDH, 0) + 1) % count
            self._raise(INT_RXT0)
