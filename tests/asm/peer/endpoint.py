"""A whole TCP endpoint in Python, and a wire that loses, delays, doubles and damages frames.

The endpoint listens, sends and receives a stream at the same time, acknowledges at once, resends
from its oldest byte after a fixed time-out or three duplicates: plain RFC 9293, nothing clever.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from peer.packets import ACK, PSH, RST, SYN, TCP_PROTOCOL, Frame, Packet, Segment, mss_option
from peer.stack import OWN_IP, OWN_MAC, PEER_IP, PEER_MAC, Stack

MODULUS = 1 << 32
RESEND_MS = 300
PIECE = 1440


@dataclass
class Harm:
    """What the wire does to a frame, each with its probability; delays in ms."""

    seed: int
    lose: float = 0.0
    double: float = 0.0
    delay: float = 0.0
    damage: float = 0.0
    source: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.source = random.Random(self.seed)

    def apply(self, raw: bytes) -> list[tuple[int, bytes]]:
        """(delay, frame) of everything that arrives."""
        chance = self.source.random
        copies = 0 if chance() < self.lose else 2 if chance() < self.double else 1
        out = []
        for _ in range(copies):
            content = bytearray(raw)
            if chance() < self.damage:
                content[self.source.randrange(14, len(content))] ^= 1 << self.source.randrange(8)
            out.append((self.source.randrange(40) if chance() < self.delay else 1, bytes(content)))
        return out


class Endpoint:
    """Sends ``outgoing`` to the ROM, collects its stream in ``incoming``."""

    def __init__(self, stack: Stack, harm: Harm, outgoing: bytes, isn: int, window: int) -> None:
        self.stack, self.harm = stack, harm
        self.outgoing, self.incoming = outgoing, bytearray()
        self.isn, self.window = isn, window
        self.rom_port = 0
        self.rom_isn: int | None = None
        self.early: dict[int, bytes] = {}
        self.una = self.nxt = 0  # offsets in ``outgoing``
        self.rom_window = 0
        self.duplicates = 0
        self.last = 0
        self.resets = 0
        self._inbox: list[tuple[int, int, bytes]] = []
        self._count = 0
        stack.tap = self._from_rom

    # --- wire -----------------------------------------------------------------------------------

    def _from_rom(self, raw: bytes) -> None:
        for delay, content in self.harm.apply(raw):
            self._count += 1
            self._inbox.append((self.stack.clock + delay, self._count, content))

    def _to_rom(self, frame: Frame) -> None:
        for delay, raw in self.harm.apply(frame.build()):
            self.stack.deliver(raw, self.stack.clock + delay)

    def tick(self) -> None:
        """Takes what has arrived by now, sends what may be sent."""
        due = sorted(item for item in self._inbox if item[0] <= self.stack.clock)
        self._inbox = [item for item in self._inbox if item[0] > self.stack.clock]
        for _, _, raw in due:
            try:
                frame = Frame.parse(raw)
            except (AssertionError, ValueError):
                continue  # damaged on the way: the checksums have caught it
            if frame.arp and frame.arp.op == 1 and frame.arp.target_ip == PEER_IP:
                reply = frame.arp
                reply.op, reply.target_mac, reply.target_ip = 2, reply.sender_mac, reply.sender_ip
                reply.sender_mac, reply.sender_ip = PEER_MAC, PEER_IP
                self._to_rom(Frame(OWN_MAC, PEER_MAC, 0x0806, reply.build()))
            elif frame.segment and frame.packet and frame.packet.source == OWN_IP:
                self._segment(frame.segment)
        self._send_more()

    # --- TCP ------------------------------------------------------------------------------------

    def _send(self, flags: int, offset: int, data: bytes = b"", options: bytes = b"") -> None:
        assert self.rom_isn is not None
        expected = self.rom_isn + 1 + len(self.incoming)
        seq = (self.isn + 1 + offset if not flags & SYN else self.isn) % MODULUS
        ack = expected % MODULUS
        segment = Segment(3260, self.rom_port, seq, ack, flags, self.window, options, data)
        packet = Packet(PEER_IP, OWN_IP, TCP_PROTOCOL, segment.build(PEER_IP, OWN_IP)).build()
        self._to_rom(Frame(OWN_MAC, PEER_MAC, 0x0800, packet))

    def _segment(self, segment: Segment) -> None:
        if segment.flags & RST:
            self.resets += 1
            return
        if segment.flags & SYN:
            self.rom_port, self.rom_isn = segment.src_port, segment.seq
            self._send(SYN | ACK, 0, options=mss_option(1460))
            return
        if self.rom_isn is None or segment.src_port != self.rom_port:
            return
        self.rom_window = segment.window
        acked = (segment.ack - self.isn - 1) % MODULUS
        assert acked <= self.nxt or acked == MODULUS - 1, "acknowledges what was never sent"
        if acked > self.una and acked <= self.nxt:
            self.una, self.duplicates, self.last = acked, 0, self.stack.clock
        elif acked == self.una and not segment.data and self.nxt > self.una:
            self.duplicates += 1
            if self.duplicates == 3:
                self._send(ACK, self.una, self.outgoing[self.una : self.una + PIECE])
        if segment.data:
            self._data((segment.seq - self.rom_isn - 1) % MODULUS, segment.data)

    def _data(self, offset: int, data: bytes) -> None:
        have = len(self.incoming)
        assert offset + len(data) <= have + self.window or offset > 1 << 31, "beyond our window"
        if offset <= have < offset + len(data):
            self.incoming += data[have - offset :]
            while len(self.incoming) in self.early:
                self.incoming += self.early.pop(len(self.incoming))
        elif have < offset < 1 << 31:
            self.early[offset] = data
        self._send(ACK, self.nxt)

    def _send_more(self) -> None:
        if self.rom_isn is None or not self.rom_window:
            return
        if self.nxt > self.una and self.stack.clock - self.last > RESEND_MS:
            self.last = self.stack.clock
            self._send(ACK, self.una, self.outgoing[self.una : self.una + PIECE])
        while self.nxt < len(self.outgoing) and self.nxt - self.una + PIECE <= self.rom_window:
            if self.nxt == self.una:
                self.last = self.stack.clock
            piece = self.outgoing[self.nxt : self.nxt + PIECE]
            self._send(ACK | PSH, self.nxt, piece)
            self.nxt += len(piece)
