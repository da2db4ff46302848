"""A bad wire: carries Ethernet frames between QEMU and a tap, and harms them by a seeded plan.

QEMU side: ``-netdev dgram`` on unix sockets, one frame a datagram.  Other side: a tap in a network
namespace of the test's own (the kernel's TCP is the peer).  It runs as a process of its own inside
that namespace; commands come as JSON lines on standard input, counters go out as one JSON line at
the end.  Commands: ``{"cut": SECONDS}``, ``{"plan": {...}}``, ``{"stop": true}``; the end of input
stops it too.
"""

from __future__ import annotations

import argparse
import fcntl
import heapq
import json
import os
import random
import selectors
import socket
import struct
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field, replace

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
ETHERTYPE_VLAN = b"\x81\x00"
FRAME_MAX = 65535
REORDER_SECONDS = 0.004
RETRY_SECONDS = 0.001
"""When QEMU's socket is looked for again."""
WAITING_MAX = 4096
"""Frames that wait for QEMU, as in the buffer of a switch; what comes on top is dropped."""


@dataclass(frozen=True)
class Plan:
    """What happens to frames, in both directions.  Shares from 0 to 1, times in seconds.

    ``vlan``: the QEMU side is tagged with this VLAN id, the tap is not; untagged frames and other
    ids from QEMU are dropped.  0: no tags are touched.
    """

    seed: int = 1
    loss: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    truncate: float = 0.0
    delay: float = 0.0
    vlan: int = 0


@dataclass
class Counters:
    """Frames by what became of them; ``foreign_vlans``: ids other than the plan's."""

    to_tap: int = 0
    to_qemu: int = 0
    lost: int = 0
    reordered: int = 0
    duplicated: int = 0
    corrupted: int = 0
    truncated: int = 0
    cut: int = 0
    unsendable: int = 0
    foreign_vlans: list[int] = field(default_factory=list)


@dataclass
class Wire:
    """The state between two ends.  ``send``: puts a frame on the other end."""

    plan: Plan
    counters: Counters = field(default_factory=Counters)
    cut_until: float = 0.0
    _queue: list[tuple[float, int, bool, bytes]] = field(default_factory=list)
    _order: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.plan.seed)

    def set_plan(self, plan: Plan) -> None:
        """Goes on by another plan; the random numbers start at its seed."""
        self.plan = plan
        self._random = random.Random(plan.seed)

    def strip(self, frame: bytes) -> bytes | None:
        """A frame from QEMU as the tap gets it; None where its VLAN is not ours."""
        if not self.plan.vlan:
            return frame
        if frame[12:14] != ETHERTYPE_VLAN:
            self._foreign(0)
            return None
        vid = struct.unpack(">H", frame[14:16])[0] & 0xFFF
        if vid != self.plan.vlan:
            self._foreign(vid)
            return None
        return frame[:12] + frame[16:]

    def _foreign(self, vid: int) -> None:
        if vid not in self.counters.foreign_vlans:
            self.counters.foreign_vlans.append(vid)

    def tag(self, frame: bytes) -> bytes:
        """A frame from the tap as QEMU gets it."""
        if not self.plan.vlan:
            return frame
        return frame[:12] + ETHERTYPE_VLAN + struct.pack(">H", self.plan.vlan) + frame[12:]

    def accept(self, frame: bytes, to_qemu: bool, now: float) -> None:
        """Takes a frame from one end and lays down when and how it reaches the other."""
        if now < self.cut_until:
            self.counters.cut += 1
            return
        changed = self.tag(frame) if to_qemu else self.strip(frame)
        if changed is None:
            return
        plan, chance = self.plan, self._random.random
        if chance() < plan.loss:
            self.counters.lost += 1
            return
        if chance() < plan.corrupt:
            self.counters.corrupted += 1
            place = self._random.randrange(14, max(15, len(changed)))
            spoiled = bytearray(changed)
            spoiled[min(place, len(spoiled) - 1)] ^= 1 << self._random.randrange(8)
            changed = bytes(spoiled)
        if chance() < plan.truncate:
            self.counters.truncated += 1
            changed = changed[: self._random.randrange(14, max(15, len(changed)))]
        when = now + plan.delay
        if chance() < plan.reorder:
            self.counters.reordered += 1
            when += REORDER_SECONDS
        copies = 1
        if chance() < plan.duplicate:
            self.counters.duplicated += 1
            copies = 2
        for _ in range(copies):
            heapq.heappush(self._queue, (when, self._order, to_qemu, changed))
            self._order += 1

    def due(self, now: float) -> list[tuple[bool, bytes]]:
        """Frames whose time has come: (towards QEMU, frame)."""
        ready = []
        while self._queue and self._queue[0][0] <= now:
            _, _, to_qemu, frame = heapq.heappop(self._queue)
            ready.append((to_qemu, frame))
        return ready

    def next_time(self) -> float | None:
        """When the next frame is due."""
        return self._queue[0][0] if self._queue else None


def open_tap(name: str) -> int:
    """File descriptor of a tap interface that exists already."""
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return handle


def run(wire: Wire, local: str, remote: str, tap: int) -> None:
    """Carries frames until standard input says stop."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    end.bind(local)
    end.setblocking(False)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    os.set_blocking(0, False)
    waiting: deque[bytes] = deque()
    # Others round what they wait for up to whole milliseconds.
    selector = selectors.SelectSelector()
    for source, name in ((end, "qemu"), (tap, "tap"), (0, "input")):
        selector.register(source, selectors.EVENT_READ, name)
    print("ready", flush=True)
    while True:
        upcoming = wire.next_time()
        wait = None if upcoming is None else max(0.0, upcoming - time.monotonic())
        # Once QEMU is there, its socket tells when it has room again.
        there = _connected(end, remote)
        if waiting and not there:
            wait = RETRY_SECONDS if wait is None else min(wait, RETRY_SECONDS)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if waiting and there else 0)
        if selector.get_key(end).events != events:
            selector.modify(end, events, "qemu")
        for key, ready in selector.select(wait):
            if not ready & selectors.EVENT_READ:
                continue
            if key.data == "input":
                if not _commands(wire):
                    return
                continue
            for _ in range(64):
                try:
                    frame = end.recv(FRAME_MAX) if key.data == "qemu" else os.read(tap, FRAME_MAX)
                except BlockingIOError:
                    break
                wire.accept(frame, key.data == "tap", time.monotonic())
        for to_qemu, frame in wire.due(time.monotonic()):
            if to_qemu and len(waiting) < WAITING_MAX:
                waiting.append(frame)
            elif to_qemu or not _write(tap, frame):
                wire.counters.unsendable += 1
            else:
                wire.counters.to_tap += 1
        send_waiting(wire, end, waiting)


def _connected(end: socket.socket, remote: str) -> bool:
    """Whether QEMU has bound its socket; from then on frames go there."""
    try:
        end.getpeername()
    except OSError:
        try:
            end.connect(remote)
        except OSError:
            return False
    return True


def _write(tap: int, frame: bytes) -> bool:
    """Gives the kernel a frame; False where it does not take it."""
    try:
        os.write(tap, frame)
    except OSError:
        return False
    return True


def send_waiting(wire: Wire, end: socket.socket, waiting: deque[bytes]) -> None:
    """Gives QEMU what it takes just now."""
    while waiting:
        try:
            end.send(waiting[0])
            wire.counters.to_qemu += 1
        except BlockingIOError:
            return
        except OSError:  # QEMU has not bound its socket yet, or is gone
            wire.counters.unsendable += 1
        waiting.popleft()


def _commands(wire: Wire) -> bool:
    """Obeys what stands on standard input; False to stop."""
    text = os.read(0, 65536)
    if not text:
        return False
    for line in text.decode().splitlines():
        command = json.loads(line)
        if "stop" in command:
            return False
        if "cut" in command:
            wire.cut_until = time.monotonic() + command["cut"]
        if "plan" in command:
            wire.set_plan(replace(wire.plan, **command["plan"]))
    return True


def main() -> int:
    """The process inside the namespace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--local", required=True, help="our unix datagram socket")
    parser.add_argument("--remote", required=True, help="QEMU's unix datagram socket")
    parser.add_argument("--tap", required=True, help="name of the tap interface")
    parser.add_argument("--plan", default="{}", help="fields of Plan as JSON")
    args = parser.parse_args()
    wire = Wire(Plan(**json.loads(args.plan)))
    tap = open_tap(args.tap)
    try:
        run(wire, args.local, args.remote, tap)
    finally:
        print(json.dumps(asdict(wire.counters)), flush=True)
        os.close(tap)
    return 0


if __name__ == "__main__":
    sys.exit(main())
