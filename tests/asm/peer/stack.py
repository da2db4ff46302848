"""The ROM's network stack on a Python wire: the UNDI, the clock and iSCSI are stand-ins.

The wire is stricter than a real adapter: a frame's memory is overwritten at the next call of the
UNDI, and every register that a contract does not keep comes back with noise.
"""

from __future__ import annotations

import functools
import heapq
import random
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

from bench.machine import Machine, Result

import romgen
from peer.packets import ARP, BROADCAST, IP, Arp, Frame, Packet, Segment
from romgen.catalog import load_errors

OWN_MAC = bytes.fromhex("525400123456")
OWN_IP = "192.0.2.10"
PEER_MAC = bytes.fromhex("02aabbccdd01")
PEER_IP = "192.0.2.1"
GATEWAY_MAC = bytes.fromhex("02aabbccddfe")
GATEWAY_IP = "192.0.2.254"
FRAME_ROOM = 2048
# struct TXREC of asm/include/net.inc: (offset, size) of the lengths and the payload's address
TX_HEADER_LEN, TX_TAIL_LEN, TX_PAYLOAD_LEN, TX_PAYLOAD = (8, 2), (10, 2), (12, 4), (16, 4)
TX_SEQ, TX_TOTAL, TX_HEADER, TX_TAIL, TX_SIZE = (0, 4), (4, 4), 20, 84, 92
CLOSED, SYN_SENT, ESTABLISHED, OWN_FIN, PEER_FIN, FIN_ACKED = 0, 1, 2, 4, 8, 16


@functools.cache
def _errors() -> dict[str, int]:
    folder = Path(romgen.__file__).parent / "tables" / "errors"
    return {entry.name: entry.number for entry in load_errors(folder)}


class Stack:
    """One ROM instance after ``net_init``.

    sent: what the ROM sent, parsed and checked, oldest first
    received: bytes that ``iscsi_rx`` was given
    listeners: called with each frame that the ROM sends, at once; tap: with its bytes
    on_poll: called whenever the ROM looks for a frame
    rx_error: what the next ``iscsi_rx`` answers (an error number), 0 = fine
    clock: milliseconds; ``step`` pass at each look at it
    """

    def __init__(
        self,
        machine: Machine,
        *,
        vlan: int = 0,
        mtu: int = 1500,
        mask: str = "255.255.255.0",
        gateway: str = "0.0.0.0",
        clock: int = 1000,
        step: int = 1,
        random_dword: int | None = None,
    ) -> None:
        self.machine = machine
        self.noise = random.Random(7)
        self.clock, self.step = clock, step
        self.vlan = vlan
        self.sent: list[Frame] = []
        self.raw: list[bytes] = []
        self.received = b""
        self.rx_calls: list[int] = []
        self.rx_error = 0
        self.rx_hook: Callable[[bytes], None] | None = None
        self.listeners: list[Callable[[Frame], None]] = []
        self.tap: Callable[[bytes], None] | None = None
        self.on_poll: Callable[[], None] | None = None
        self._random = random_dword
        self._queue: list[tuple[int, int, bytes]] = []
        self._count = 0
        self._frame = machine.buffer(FRAME_ROOM, writable=False)
        self._frame_offset = 0x10
        for name, value in (
            ("ev_initiator_ip", OWN_IP),
            ("ev_initiator_netmask", mask),
            ("ev_initiator_route", gateway),
        ):
            machine.set(name, IPv4Address(value).packed)
        machine.set("ev_vlan", vlan)
        machine.set("ev_mtu", mtu)
        machine.set("ev_io_timeout", 60)
        machine.set("net_mac", OWN_MAC)
        machine.replace("undi_receive", lambda m: self._receive())
        machine.replace("undi_transmit", lambda m: self._transmit())
        machine.replace("time_now", lambda m: self._time())
        machine.replace("random_dword", lambda m: self._dword())
        if "iscsi_rx" in machine.rom.symbols:  # a network boot ROM has none
            machine.replace("iscsi_rx", lambda m: self._iscsi_rx())
        machine.call("net_init")

    def forget(self, clock: int) -> None:
        """Nothing is under way or was seen; the ROM's own state stays. clock: the time from now."""
        self._queue.clear()
        self.sent, self.raw, self.received, self.clock = [], [], b"", clock

    # --- stand-ins ------------------------------------------------------------------------------

    def _spoil(self, *keep: str) -> None:
        for name in ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "es"):
            if name not in keep:
                bits = 16 if name == "es" else 32
                self.machine.set_reg(name, self.noise.getrandbits(bits))
        self.machine.write(self._frame, b"\xcc" * FRAME_ROOM)

    def _receive(self) -> None:
        if self.on_poll:
            self.on_poll()
        self._spoil()
        if not self._queue or self._queue[0][0] > self.clock:
            self.machine.set_cf(True)
            return
        raw = heapq.heappop(self._queue)[2]
        base = self._frame + FRAME_ROOM - len(raw)  # what lies behind it is not mapped
        self.machine.write(base, raw)
        self.machine.set_reg("es", (base - self._frame_offset) >> 4)
        self.machine.set_reg("esi", self._frame_offset + (base & 15) | 0xABCD0000)
        self.machine.set_reg("ecx", len(raw) | 0x12340000)
        self.machine.set_cf(False)

    def _transmit(self) -> None:
        length = self.machine.reg("cx")
        raw = self.machine.bytes_of("net_tx_frame", length)
        self._spoil()
        assert 14 <= length <= 1518, f"frame of {length} bytes"
        frame = Frame.parse(raw)
        assert frame.source == OWN_MAC
        assert frame.vlan == (self.vlan or None)
        self.sent.append(frame)
        self.raw.append(raw)
        self.machine.set_cf(bool(self.noise.getrandbits(1)))  # nobody may depend on it
        if self.tap:
            self.tap(raw)
        for listener in self.listeners:
            listener(frame)

    def _time(self) -> None:
        self.clock += self.step
        self.machine.set_reg("eax", self.clock & 0xFFFFFFFF)

    def _dword(self) -> None:
        value = self.noise.getrandbits(32) if self._random is None else self._random
        self.machine.set_reg("eax", value)

    def _iscsi_rx(self) -> None:
        count = self.machine.reg("cx")
        content = self.machine.read(self.machine.reg("es") * 16 + self.machine.reg("si"), count)
        assert count, "iscsi_rx called for nothing"
        self.received += content
        self.rx_calls.append(count)
        if self.rx_hook:
            self.rx_hook(content)
        frame = self.machine.read(self._frame, FRAME_ROOM)
        self._spoil()
        self.machine.write(self._frame, frame)
        self.machine.set_cf(bool(self.rx_error))
        if self.rx_error:
            self.machine.set_reg("ax", self.rx_error)

    # --- the test's side ------------------------------------------------------------------------

    def deliver(self, raw: bytes, at: int | None = None) -> None:
        """Puts a frame into the adapter's queue, to be seen from ``at`` ms on."""
        self._count += 1
        heapq.heappush(self._queue, (self.clock if at is None else at, self._count, raw))

    @property
    def pending(self) -> int:
        """Frames that wait in the adapter."""
        return len(self._queue)

    def poll(self, times: int = 1) -> None:
        for _ in range(times):
            self.machine.call("net_poll")

    def advance(self, ms: int) -> None:
        """Lets time pass, then polls once."""
        self.clock += ms
        self.poll()

    def wait(self, done: Callable[[], bool], ms: int = 60_000) -> None:
        """Polls until ``done``; time jumps on by 10 ms a poll. Fails after ``ms``."""
        end = self.clock + ms
        while not done():
            assert self.clock < end, "nothing happened in time"
            self.advance(9)

    def take(self) -> list[Frame]:
        """What the ROM has sent since the last call."""
        frames, self.sent, self.raw = self.sent, [], []
        return frames

    def segments(self) -> list[Segment]:
        """The same, TCP only."""
        return [frame.segment for frame in self.take() if frame.segment]

    def frame(
        self, kind: int, payload: bytes, mac: bytes = PEER_MAC, dest: bytes = OWN_MAC
    ) -> bytes:
        return Frame(dest, mac, kind, payload, self.vlan or None).build()

    def send_ip(self, packet: bytes, mac: bytes = PEER_MAC) -> None:
        """A packet to the ROM, in a frame from ``mac``."""
        self.deliver(self.frame(IP, packet, mac))

    def send_arp(self, arp: Arp, dest: bytes = BROADCAST, at: int | None = None) -> None:
        self.deliver(self.frame(ARP, arp.build(), arp.sender_mac, dest), at)

    def send_packet(self, protocol: int, payload: bytes, source: str = PEER_IP) -> None:
        self.send_ip(Packet(source, OWN_IP, protocol, payload).build())

    def answer_arp(self, ip: str = PEER_IP, mac: bytes = PEER_MAC, delay: int = 0) -> None:
        """From now on requests for ``ip`` are answered."""

        def listener(frame: Frame) -> None:
            arp = frame.arp
            if arp and arp.op == 1 and arp.target_ip == ip:
                reply = Arp(2, mac, ip, arp.sender_mac, arp.sender_ip)
                self.send_arp(reply, arp.sender_mac, self.clock + delay)

        self.listeners.append(listener)

    def error(self, name: str) -> int:
        """The number that ERR_<name> has."""
        return _errors()[name]

    def connect(self, ip: str = PEER_IP, port: int = 3260, timeout: int = 10_000) -> Result:
        """Calls ``tcp_connect``."""
        address = int.from_bytes(IPv4Address(ip).packed, "little")
        return self.machine.call(
            "tcp_connect", eax=address, cx=port, edx=(self.clock + timeout) & 0xFFFFFFFF
        )

    @property
    def state(self) -> int:
        return self.machine.get("tcp_state", 1)

    @property
    def tcp_error(self) -> int:
        return self.machine.get("tcp_error")

    def queue(
        self, header: bytes = b"", payload: bytes = b"", tail: bytes = b"", linear: int = 0
    ) -> None:
        """A record, as iSCSI queues it; the payload at ``linear``, else in memory of its own."""
        machine = self.machine
        result = machine.call("tcp_tx_alloc")
        assert not result.cf, "no free record"
        record = machine.data + result.di
        linear = linear or machine.buffer(max(len(payload), 1), payload, writable=False)
        for (offset, size), value in (
            (TX_HEADER_LEN, len(header)),
            (TX_TAIL_LEN, len(tail)),
            (TX_PAYLOAD_LEN, len(payload)),
            (TX_PAYLOAD, linear),
        ):
            machine.write(record + offset, value.to_bytes(size, "little"))
        machine.write(record + TX_HEADER, header)
        machine.write(record + TX_TAIL, tail)
        machine.call("tcp_tx_commit", di=result.di)

    def queue_inside(self, header: bytes) -> None:
        """A record without payload, queued while the ROM runs (in place of a call to it)."""
        machine = self.machine
        offset, end = machine.get("tx_next"), machine.get("tcp_snd_end", 4)
        record = machine.data + offset
        machine.write(record, bytes(TX_SIZE))
        for (place, size), value in (
            (TX_SEQ, end),
            (TX_TOTAL, len(header)),
            (TX_HEADER_LEN, len(header)),
        ):
            machine.write(record + place, value.to_bytes(size, "little"))
        machine.write(record + TX_HEADER, header)
        first = machine.address("tx_records")
        following = offset + TX_SIZE
        machine.set("tx_next", first if following == first + 8 * TX_SIZE else following)
        machine.set("tcp_snd_end", (end + len(header)) & 0xFFFFFFFF, 4)
        machine.set("tx_count", machine.get("tx_count", 1) + 1, 1)

    @property
    def idle(self) -> bool:
        """Is all that was queued acknowledged?"""
        return self.machine.call("tcp_tx_idle").zf
