"""A virtio network device: legacy ports, modern registers through the PCI window, split rings.

As QEMU's: promiscuous, frames are not padded, 256 entries that a legacy driver cannot change, no
notification wanted while there are receive buffers.  Strict about the order of the initialisation,
widths of accesses, alignment of rings, headers, buffers that are offered twice.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from models.adapter import Adapter, ModelError

IO = 0xC040
WINDOW = 0x84
ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK = 1, 2, 4, 8
MAC, STATUS = 1 << 5, 1 << 16
OFFERED = 0x79BF8064
NEXT, WRITE = 1, 2
COMMON, NOTIFY, ISR, DEVICE = 1, 2, 3, 4
REGIONS = {
    COMMON: (0x40, 0x0000),
    ISR: (0x50, 0x1000),
    DEVICE: (0x60, 0x2000),
    NOTIFY: (0x70, 0x3000),
}
# offset -> (name, width)
LEGACY = {0: ("features", 4), 4: ("accepted", 4), 8: ("page", 4), 0xC: ("size", 2)}
LEGACY |= {0xE: ("select", 2), 0x10: ("notify", 2), 0x12: ("status", 1), 0x13: ("isr", 1)}
LEGACY |= {0x14 + n: (f"mac{n}", 1) for n in range(6)} | {0x1A: ("link", 2)}
MODERN = {0: ("feature_select", 4), 4: ("features", 4), 8: ("accept_select", 4)}
MODERN |= {0xC: ("accepted", 4), 0x14: ("status", 1), 0x16: ("select", 2), 0x18: ("size", 2)}
MODERN |= {0x1C: ("enable", 2), 0x1E: ("place", 2)}
MODERN |= {0x20: ("desc", 4), 0x28: ("avail", 4), 0x30: ("used", 4)}


@dataclass
class Queue:
    """A split ring as the driver has set it."""

    size: int
    enabled: bool = False
    desc: int = 0
    avail: int = 0
    used: int = 0
    seen: int = 0
    done: int = 0


@dataclass
class Virtio(Adapter):
    """``modern``, ``legacy``: the interfaces that it has."""

    modern: bool = True
    legacy: bool = True
    queue_size: int = 256
    tx_queue_size: int = 0
    link_feature: bool = True
    version_1: bool = True
    refuse_features: bool = False
    reset_hangs: bool = False
    lazy: bool = False  # wants no notification for what it sends; it looks by itself
    status: int = 0
    isr: int = 0
    queues: list[Queue] = field(default_factory=list)
    resets: int = 0
    notified: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        bars = [IO | 1 if self.legacy else 0, 0xFEBD1000, 0, 0, 0xE000000C, 0x00000008]
        space = self.plug(0x1AF4, 0x1000 if self.legacy else 0x1041, 0, bars)
        self.permanent = self.mac
        self.values: dict[str, int] = {}
        self._reset()
        self.resets = 0
        ports = self.machine.ports
        if self.modern:
            self._capabilities(space)
        ports.readers[0xCFC] = self._config_get
        ports.writers[0xCFC] = self._config_put
        if self.legacy:
            for port in range(IO, IO + 0x20):
                ports.readers[port] = self._legacy_reader(port - IO)
                ports.writers[port] = self._legacy_writer(port - IO)

    def _capabilities(self, space: bytearray) -> None:
        space[6] |= 0x10
        space[0x34] = 0x98
        space[0x98:0x9A] = bytes((0x11, WINDOW))  # MSI-X
        at = WINDOW
        struct.pack_into("<BBBBB3xII", space, at, 9, 0x70, 20, 5, 0, 0, 0)
        for following, kind in ((0x60, NOTIFY), (0x50, DEVICE), (0x40, ISR), (0x3C, COMMON)):
            at, offset = REGIONS[kind]
            last = 0 if kind == COMMON else following
            struct.pack_into("<BBBBB3xII", space, at, 9, last, 16, kind, 4, offset, 0x1000)
        struct.pack_into("<I", space, REGIONS[NOTIFY][0] + 16, 4)

    # --- registers ------------------------------------------------------------------------------

    def _reset(self) -> None:
        self.resets += 1
        self.status = self.isr = 0
        self.mac = self.permanent
        tx = self.tx_queue_size or self.queue_size
        self.queues = [Queue(self.queue_size), Queue(tx), Queue(64)]
        self.values = {"select": 0, "feature_select": 0, "accept_select": 0}
        self.values |= {"accepted0": 0, "accepted1": 0}
        self._update()

    def _update(self) -> None:
        self.set_line(bool(self.isr))

    def _legacy_reader(self, offset: int) -> Callable[[int], int]:
        return lambda size: self._get(LEGACY, offset, size)

    def _legacy_writer(self, offset: int) -> Callable[[int, int], None]:
        return lambda size, value: self._put(LEGACY, offset, size, value)

    def _config_get(self, size: int) -> int:
        ports = self.machine.ports
        if self._window() and size == 4:
            width, table, offset = self._shown()
            return (
                0xA5A50000 | self._get(table, offset, width)
                if width < 4
                else self._get(table, offset, width)
            )
        return ports._config_read(0, size)

    def _config_put(self, size: int, value: int) -> None:
        ports = self.machine.ports
        if self._window():
            width, table, offset = self._shown()
            self._put(table, offset, width, value & ((1 << 8 * width) - 1))
            return
        ports._config_write(0, size, value)
        self._update()

    def _window(self) -> bool:
        config = self.machine.ports._config
        return self.modern and config >> 8 & 0xFFFF == self.bdf and config & 0xFC == WINDOW + 16

    def _shown(self) -> tuple[int, dict[int, tuple[str, int]], int]:
        """What the window shows: width, table of registers, offset."""
        bar, offset, width = struct.unpack_from("<B3xII", self.space, WINDOW + 4)
        if bar != 4 or width not in (1, 2, 4) or offset % width:
            raise ModelError(f"the window shows {width} bytes at {offset:#x} of BAR {bar}")
        if offset >= 0x3000:
            return width, {n * 4: ("notify", 2) for n in range(3)}, offset - 0x3000
        if offset >= 0x2000:
            device = {n: (f"mac{n}", 1) for n in range(6)} | {6: ("link", 2)}
            return width, device, offset - 0x2000
        if offset >= 0x1000:
            return width, {0: ("isr", 1)}, offset - 0x1000
        return width, MODERN, offset

    def _register(self, table: dict[int, tuple[str, int]], offset: int, size: int) -> str:
        self.accesses += 1
        if offset not in table or table[offset][1] != size:
            raise ModelError(f"register {offset:#x} is accessed with {size} bytes")
        return table[offset][0]

    def _queue(self) -> Queue:
        return self.queues[self.values["select"]]

    def _get(self, table: dict[int, tuple[str, int]], offset: int, size: int) -> int:
        name = self._register(table, offset, size)
        high = self.values["feature_select"] == 1
        if name == "features":
            if high:
                return int(self.version_1) | 1 << 8
            return OFFERED & ~(0 if self.link_feature else STATUS)
        if name == "size":
            return self._queue().size
        if name == "status":
            return self.status
        if name == "isr":
            isr, self.isr = self.isr, 0
            self._update()
            return isr
        if name == "link":
            return int(self.link)
        if name == "place":
            return self.values["select"]
        if name.startswith("mac"):
            return self.mac[int(name[3:])]
        raise ModelError(f"register {name} is read")

    def _put(self, table: dict[int, tuple[str, int]], offset: int, size: int, value: int) -> None:
        name = self._register(table, offset, size)
        if name == "status":
            self._set_status(value)
        elif name in ("select", "feature_select", "accept_select"):
            self.values[name] = value
        elif name == "accepted":
            if self.status & 0xF != ACKNOWLEDGE | DRIVER:
                raise ModelError(f"features are accepted in status {self.status:#x}")
            number = self.values["accept_select"]
            offered = int(self.version_1) if number else OFFERED
            if value & ~offered:
                raise ModelError(f"features {value:#x} were not offered")
            self.values[f"accepted{number}"] = value
        elif name == "notify":
            number = value if table is LEGACY else offset // 4
            if value != number or number > 1:
                raise ModelError(f"queue {value} is notified at {offset:#x}")
            self.notified.append(number)
            self.look()
        elif name == "size":
            if value > self._queue().size or value & value - 1:
                raise ModelError(f"{value} entries in a queue of {self._queue().size}")
            self._queue().size = value
        elif name == "page":
            queue = self._queue()
            queue.desc = value << 12
            queue.avail = queue.desc + 16 * queue.size
            queue.used = (queue.avail + 6 + 2 * queue.size + 4095) & ~4095
            queue.enabled = True
        elif name in ("desc", "avail", "used"):
            if value % {"desc": 16, "avail": 2, "used": 4}[name]:
                raise ModelError(f"{name} at {value:#x}")
            setattr(self._queue(), name, value)
        elif name == "enable":
            if not self.status & FEATURES_OK:
                raise ModelError("a queue is enabled without FEATURES_OK")
            self._queue().enabled = bool(value)
        elif name.startswith("mac") and table is LEGACY:
            mac = bytearray(self.mac)
            mac[int(name[3:])] = value
            self.mac = bytes(mac)
        else:
            raise ModelError(f"register {name} is written")

    def _set_status(self, value: int) -> None:
        if value == 0:
            if not self.reset_hangs:
                self._reset()
            return
        if value & self.status != self.status:
            raise ModelError(f"status {value:#x} takes bits of {self.status:#x} away")
        if value & FEATURES_OK and self.refuse_features:
            value &= ~FEATURES_OK
        if value & DRIVER_OK and not self.status & DRIVER_OK:
            if not all(queue.enabled for queue in self.queues[:2]):
                raise ModelError("DRIVER_OK without queues")
            if self.legacy_run and value & FEATURES_OK:
                raise ModelError("a legacy device has no FEATURES_OK")
        self.status = value
        self.look()

    @property
    def legacy_run(self) -> bool:
        return not self.values["accepted1"] & 1

    @property
    def running(self) -> bool:
        return bool(self.status & DRIVER_OK)

    # --- rings ----------------------------------------------------------------------------------

    def _chain(self, queue: Queue, head: int) -> list[tuple[int, int, bool]]:
        """(address, length, written by the device) of each descriptor of a chain."""
        found: list[tuple[int, int, bool]] = []
        while True:
            if head >= queue.size or len(found) > queue.size:
                raise ModelError(f"descriptor {head} of {queue.size}")
            raw = self.fetch(queue.desc + 16 * head, 16)
            address, length, flags, following = struct.unpack("<QIHH", raw)
            self.memory(address, length)
            found.append((address, length, bool(flags & WRITE)))
            if not flags & NEXT:
                return found
            head = following

    def _next(self, queue: Queue) -> int | None:
        """The next chain that the driver offers."""
        (idx,) = struct.unpack("<H", self.fetch(queue.avail + 2, 2))
        if idx - queue.seen & 0xFFFF > queue.size:
            raise ModelError(f"{idx - queue.seen} chains in a queue of {queue.size}")
        if idx == queue.seen:
            return None
        slot = queue.seen % queue.size
        queue.seen = queue.seen + 1 & 0xFFFF
        head: int = struct.unpack("<H", self.fetch(queue.avail + 4 + 2 * slot, 2))[0]
        return head

    def _done(self, queue: Queue, head: int, length: int) -> None:
        slot = queue.done % queue.size
        self.store(queue.used + 4 + 8 * slot, struct.pack("<II", head, length))
        queue.done = queue.done + 1 & 0xFFFF
        self.store(queue.used + 2, struct.pack("<H", queue.done))
        if not self.fetch(queue.avail, 1)[0] & 1:
            self.isr |= 1
            self._update()

    def look(self) -> None:
        """Send what is offered, deliver what waits."""
        if not self.running:
            return
        rx, tx = self.queues[:2]
        header = 10 if self.legacy_run else 12
        self.store(tx.used, struct.pack("<H", int(self.lazy)))
        while not self.stuck and (head := self._next(tx)) is not None:
            parts = self._chain(tx, head)
            if any(written for _, _, written in parts) or len(parts) < 2:
                raise ModelError("a frame to send that the device may write, or without a header")
            content = b"".join(self.fetch(address, length) for address, length, _ in parts)
            if parts[0][1] != header or any(content[:header]):
                raise ModelError(f"header {content[:header].hex()}")
            self.sent.append(content[header:])
            self._done(tx, head, 0)
        while self.waiting and self.link and (head := self._next(rx)) is not None:
            parts = self._chain(rx, head)
            content = bytes(header - 2) + b"\1\0" + self.waiting.popleft()
            if parts[0][1] != header or sum(length for _, length, _ in parts) < header + 1514:
                raise ModelError(f"receive buffer {parts}")
            rest = content
            for address, length, written in parts:
                if not written:
                    raise ModelError("a receive buffer that the device must not write")
                self.store(address, rest[:length])
                rest = rest[length:]
            self._done(rx, head, len(content))
        (idx,) = struct.unpack("<H", self.fetch(rx.avail + 2, 2))
        self.store(rx.used, struct.pack("<H", int(idx != rx.seen)))

    def receive(self, frame: bytes) -> None:
        """A frame arrives from the wire; longer ones than a buffer are dropped."""
        if len(frame) > 1536:
            self.dropped += 1
            return
        self.waiting.append(frame)
        self.look()

    def set_link(self, up: bool) -> None:
        """The cable; the device says so by an interrupt."""
        self.link = up
        self.isr |= 2
        self._update()

    def assert_quiet(self) -> None:
        """Nothing of our memory is known to it, nothing is raised."""
        assert self.status == 0 and not any(queue.enabled for queue in self.queues)
        assert not self.bus_master and not self.isr
        assert self.mac == self.permanent
