"""What adapter models share: PCI configuration, bus mastering, DMA only where it is allowed."""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field

from bench.machine import Machine

OWN_MAC = bytes.fromhex("525400123456")
COMMAND, NO_INTX = 4, 1 << 10


class ModelError(AssertionError):
    """The driver did what no driver may do."""


@dataclass
class Adapter:
    """One adapter at bus/dev/fn ``bdf``.

    ``sent``: frames that went out; ``waiting``: frames for which there was no buffer yet;
    ``stuck``: transmits nothing, as without a link partner; ``interrupts``: rising edges.
    """

    machine: Machine
    mac: bytes = OWN_MAC
    bdf: int = 0x0018
    irq: int = 11
    link: bool = True
    stuck: bool = False
    sent: list[bytes] = field(default_factory=list)
    waiting: deque[bytes] = field(default_factory=deque)
    dropped: int = 0
    interrupts: int = 0
    accesses: int = 0
    _line: bool = False

    def plug(self, vendor: int, device: int, revision: int, bars: list[int]) -> bytearray:
        """Put the adapter into configuration space, as the BIOS leaves it; returns the space."""
        space = bytearray(256)
        struct.pack_into("<HHHH", space, 0, vendor, device, 0x0103, 0)
        space[8:12] = bytes((revision, 0, 0, 2))
        struct.pack_into(f"<{len(bars)}I", space, 0x10, *bars)
        space[0x3C:0x3E] = bytes((self.irq, 1))
        self.machine.ports.pci[self.bdf] = space
        return space

    @property
    def space(self) -> bytearray:
        return self.machine.ports.pci[self.bdf]

    @property
    def command(self) -> int:
        return int.from_bytes(self.space[COMMAND : COMMAND + 2], "little")

    @property
    def bus_master(self) -> bool:
        return bool(self.command & 4)

    def memory(self, linear: int, size: int) -> None:
        """Fails where the adapter may not reach by DMA."""
        if not self.bus_master:
            raise ModelError("DMA without bus mastering")
        for start, length in self.machine.writable():
            if start <= linear and linear + size <= start + length:
                return
        raise ModelError(f"DMA of {size} bytes at {linear:#x}, outside the UNDI's memory")

    def fetch(self, linear: int, size: int) -> bytes:
        self.memory(linear, size)
        return self.machine.read(linear, size)

    def store(self, linear: int, content: bytes) -> None:
        self.memory(linear, len(content))
        self.machine.write(linear, content)

    def set_link(self, up: bool) -> None:
        """The cable."""
        self.link = up

    def set_line(self, raised: bool) -> None:
        """The interrupt pin, before PCI's mask."""
        now = raised and not self.command & NO_INTX
        self.interrupts += now and not self._line
        self._line = now
