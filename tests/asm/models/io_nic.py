"""What models of adapters with I/O ports have in common: PCI space, ports, DMA that is watched."""

from __future__ import annotations

import struct
from functools import partial

from bench.machine import Machine

PORTS = 0xC100


class ModelError(AssertionError):
    """The driver did what no driver may do."""


class IoNic:
    """One adapter, its ports at PORTS.  Subclasses bring registers and rings.

    ``stuck``: it sends nothing; ``dead``: it does not answer a reset; ``link``: there is one.
    """

    vendor = device = 0
    bar = 0  # number of the I/O BAR
    span = 0x100

    def __init__(
        self,
        machine: Machine,
        mac: bytes = bytes.fromhex("525400123456"),
        irq: int = 11,
        device: int | None = None,
    ) -> None:
        self.machine, self.mac, self.bdf = machine, mac, 0x0018
        self.stuck = self.dead = False
        self.link = True
        self.sent: list[bytes] = []
        self.dropped = self.interrupts = 0
        self.late: list[tuple[int, bytes]] = []  # in memory once a register is read
        space = bytearray(256)
        space[0:8] = struct.pack("<HHHH", self.vendor, device or self.device, 0x0103, 0)
        space[8:12] = bytes((0x10, 0, 0, 2))
        space[0x10:0x14] = struct.pack("<I", 0xFEBC0000)
        space[0x10 + 4 * self.bar : 0x14 + 4 * self.bar] = struct.pack("<I", PORTS | 1)
        space[0x3C:0x3E] = bytes((irq, 1))
        machine.ports.pci[self.bdf] = space
        for offset in range(self.span):
            machine.ports.readers[PORTS + offset] = partial(self.get, offset)
            machine.ports.writers[PORTS + offset] = partial(self.set, offset)
        self._line = False

    def get(self, offset: int, size: int) -> int:
        raise NotImplementedError

    def set(self, offset: int, size: int, value: int) -> None:
        raise NotImplementedError

    def receive(self, frame: bytes, damaged: bool = False) -> None:
        """A frame arrives from the wire (without FCS)."""
        raise NotImplementedError

    def quiet(self) -> bool:
        """Stopped, interrupts masked, no address of memory known, the address burnt in shown."""
        raise NotImplementedError

    @property
    def bus_master(self) -> bool:
        return bool(self.machine.ports.pci[self.bdf][4] & 4)

    def line(self, level: bool) -> None:
        """The interrupt line; rises are counted."""
        self.interrupts += level and not self._line
        self._line = level

    def reads(self, linear: int, size: int) -> bytes:
        self._memory(linear, size)
        return self.machine.read(linear, size)

    def writes(self, linear: int, content: bytes) -> None:
        self._memory(linear, len(content))
        self.machine.write(linear, content)

    def settle(self) -> None:
        """A register is read: what was written before is in memory."""
        for linear, content in self.late:
            self.writes(linear, content)
        self.late.clear()

    def _memory(self, linear: int, size: int) -> None:
        if not self.bus_master:
            raise ModelError("DMA without bus mastering")
        for start, length in self.machine.writable():
            if start <= linear and linear + size <= start + length:
                return
        raise ModelError(f"DMA of {size} bytes at {linear:#x}, outside the UNDI's memory")


__all__ = ["PORTS", "IoNic", "ModelError"]
