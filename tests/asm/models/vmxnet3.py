"""VMware's vmxnet3 as QEMU has it: two windows of registers, rings with generation bits.

Strict about widths, alignment, what QEMU asserts (MTU), buffers and entries of the wrong round.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from unicorn import Uc

from models.adapter import Adapter, ModelError
from romgen.formats.nic import vmxnet3_desc, vmxnet3_done, vmxnet3_queue, vmxnet3_shared

PT, VD = 0xFEBF0000, 0xFEBE0000
VRRS, UVRS, DSAL, DSAH, CMD, MACL, MACH, ICR = 0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38
IMR, TXPROD, RXPROD = 0x000, 0x600, 0x800
ACTIVATE, QUIESCE, RESET, RX_MODE, MAC_FILTERS = (0xCAFE0000 + n for n in range(5))
GET_LINK, GET_MACL, GET_MACH = 0xF00D0002, 0xF00D0003, 0xF00D0004
GEN = 1 << 31


@dataclass
class Ring:
    """A ring as the device walks through it."""

    base: int
    count: int
    index: int = 0
    round: int = 1

    def step(self) -> None:
        self.index += 1
        if self.index == self.count:
            self.index, self.round = 0, self.round ^ 1


@dataclass
class Vmxnet3(Adapter):
    """``versions``: what VRRS and UVRS show; ``refuse``: ACTIVATE fails."""

    versions: int = 1
    refuse: bool = False
    wants_producer: bool = False
    active: bool = False
    masked: bool = True
    cause: bool = False
    regs: dict[int, int] = field(default_factory=dict)
    rings: dict[str, Ring] = field(default_factory=dict)
    produced: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.plug(0x15AD, 0x07B0, 1, [PT, VD, 0xFEBD0000])
        self.shown = self.mac
        self.rx_mode = 0
        self.groups: list[bytes] = []
        for base, read, write in (
            (PT, self._pt_get, self._pt_put),
            (VD, self._vd_get, self._vd_put),
        ):
            self.machine._allowed.append((base, 0x1000, "registers"))
            self.machine.uc.mmio_map(
                base, 0x1000, self._guarded(read), None, self._guarded(write), None
            )

    def _guarded(self, act: Any) -> Any:
        def checked(offset: int, size: int, *value: Any) -> Any:
            if size != 4 or offset & 3:
                raise ModelError(f"register {offset:#x} is accessed with {size} bytes")
            self.accesses += 1
            return act(offset, *value)

        def call(uc: Uc, offset: int, size: int, *value: Any) -> int:
            # Unicorn passes the user's data last
            answer = self.machine._guard(lambda: checked(offset, size, *value[:-1]))
            return answer if isinstance(answer, int) else 0

        return call

    # --- registers ------------------------------------------------------------------------------

    def _pt_get(self, offset: int) -> int:
        raise ModelError(f"PT {offset:#x} is read")

    def _pt_put(self, offset: int, value: int) -> None:
        if offset == IMR:
            self.masked = bool(value)
            self._update()
        elif offset == TXPROD:
            self.look()
        elif offset == RXPROD:
            self.produced.append(value)
        else:
            raise ModelError(f"PT {offset:#x} is written")

    def _vd_get(self, offset: int) -> int:
        if offset in (VRRS, UVRS):
            return self.versions
        if offset == ICR:
            cause, self.cause = self.cause, False
            self._update()
            return int(cause)
        if offset != CMD:
            raise ModelError(f"VD {offset:#x} is read")
        low, high = struct.unpack("<IH", self.mac)
        answers: dict[int, int] = {GET_LINK: 0x03E80000 | self.link, GET_MACL: low, GET_MACH: high}
        answers[ACTIVATE] = int(not self.active)
        return answers.get(self.regs.get(CMD, 0), 0)

    def _vd_put(self, offset: int, value: int) -> None:
        self.regs[offset] = value
        if offset in (VRRS, UVRS) and value != 1:
            raise ModelError(f"version {value}")
        if offset in (MACL, MACH):
            self.shown = struct.pack("<IH", self.regs.get(MACL, 0), self.regs.get(MACH, 0) & 0xFFFF)
        if offset == CMD:
            self._command(value)

    def _command(self, command: int) -> None:
        if command in (QUIESCE, RESET):
            self.active = False
            self.cause = False
        elif command == ACTIVATE and not self.refuse:
            self._activate()
        elif command in (RX_MODE, MAC_FILTERS):
            self._filters()

    def _shared(self) -> Any:
        if not self.regs.get(DSAL) or self.regs.get(DSAH):
            raise ModelError("no shared area")
        return vmxnet3_shared.parse(self.fetch(self.regs[DSAL], vmxnet3_shared.sizeof()))

    def _activate(self) -> None:
        shared = self._shared()
        if shared.magic != 0xBABEFEE1 or not 60 <= shared.mtu <= 8999:
            raise ModelError(f"magic {shared.magic:#x}, MTU {shared.mtu}")
        if (shared.tx_queues, shared.rx_queues, shared.queues_length) != (1, 1, 0x200):
            raise ModelError("one queue each is what this model has")
        if shared.versions != 1 or shared.upt_versions != 1 or shared.irq_count != 1:
            raise ModelError("versions or interrupts")
        if shared.queues % 128:
            raise ModelError(f"queue descriptors at {shared.queues:#x}")
        for number, name in enumerate(("tx", "rx")):
            size = vmxnet3_queue.sizeof()
            queue = vmxnet3_queue.parse(self.fetch(shared.queues + number * size, size))
            for part, base, count in (
                (name, queue.ring, queue.ring_count),
                (f"{name}_done", queue.done, queue.done_count),
            ):
                if base % 512 or count % 32 or not count:
                    raise ModelError(f"ring {part} at {base:#x} with {count} entries")
                self.memory(base, count * 16)
                self.rings[part] = Ring(base, count)
            if queue.irq:
                raise ModelError("interrupt index")
        if self.wants_producer:
            self.store(shared.queues + vmxnet3_queue.sizeof(), b"\1")
        self.active = True
        self.shown = self.mac
        self._filters()

    def _filters(self) -> None:
        shared = self._shared()
        self.rx_mode = shared.rx_mode
        raw = self.fetch(shared.mcast, shared.mcast_length) if shared.mcast_length else b""
        self.groups = [raw[n : n + 6] for n in range(0, len(raw), 6)]

    def _update(self) -> None:
        self.set_line(self.cause and not self.masked)

    # --- rings ----------------------------------------------------------------------------------

    def _complete(self, name: str, index: int, length: int) -> None:
        ring = self.rings[name]
        content = {"index": index, "_hash": 0, "length": length, "flags": ring.round << 31}
        self.store(ring.base + 16 * ring.index, vmxnet3_done.build(content))
        ring.step()
        self.cause = True
        self._update()

    def look(self) -> None:
        """Send what is offered."""
        while self.active and not self.stuck:
            ring = self.rings["tx"]
            raw = self.fetch(ring.base + 16 * ring.index, 16)
            desc = vmxnet3_desc.parse(raw)
            if desc.length >> 14 & 1 != ring.round:
                return
            if desc.flags != 3 << 12:
                raise ModelError(f"transmit flags {desc.flags:#x}")
            self.sent.append(self.fetch(desc.address, desc.length & 0x3FFF))
            index = ring.index
            ring.step()
            self._complete("tx_done", index, 0)

    def accepts(self, frame: bytes) -> bool:
        """Would the filters let it in?"""
        if self.rx_mode & 0x10:
            return True
        if frame[:6] == b"\xff" * 6:
            return bool(self.rx_mode & 4)
        if frame[0] & 1:
            return bool(self.rx_mode & 8) or bool(self.rx_mode & 2 and frame[:6] in self.groups)
        return bool(self.rx_mode & 1) and frame[:6] == self.shown

    def receive(self, frame: bytes, pieces: int = 1) -> None:
        """A frame arrives; dropped where no buffer is, cut with an error where it is short."""
        if not self.active or not self.link or not self.accepts(frame):
            self.dropped += 1
            return
        ring = self.rings["rx"]
        desc = vmxnet3_desc.parse(self.fetch(ring.base + 16 * ring.index, 16))
        if desc.length >> 31 != ring.round:
            self.dropped += 1
            return
        room = desc.length & 0x3FFF
        frame = frame.ljust(60, b"\0")
        error = 1 << 14 if len(frame) > room else 0
        self.store(desc.address, frame[:room])
        index = ring.index
        ring.step()
        last = 1 << 14 if pieces == 1 else 0
        self._complete("rx_done", index | 1 << 15 | last | 1 << 30, min(len(frame), room) | error)

    def assert_quiet(self) -> None:
        """Nothing of our memory is known to it, nothing is raised."""
        assert not self.active and not self.regs[DSAL] and not self.regs[DSAH]
        assert not self.bus_master and not self.cause
        assert self.shown == self.mac
