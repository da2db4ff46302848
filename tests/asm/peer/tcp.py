"""A TCP peer that the test steers segment by segment (RFC 9293, the passive side)."""

from __future__ import annotations

from peer.packets import ACK, PSH, SYN, TCP_PROTOCOL, Frame, Packet, Segment, mss_option
from peer.stack import OWN_IP, PEER_IP, PEER_MAC, Stack

MODULUS = 1 << 32


class TcpPeer:
    """Listens on ``port`` and answers the ROM's SYN; everything else is the test's to send.

    isn: its initial sequence number
    seq: its next one; ack: what it has seen of the ROM, kept up by ``send`` callers
    """

    def __init__(
        self,
        stack: Stack,
        *,
        ip: str = PEER_IP,
        port: int = 3260,
        isn: int = 1_000_000,
        options: bytes = mss_option(1460),
        window: int = 65535,
        accept: bool = True,
        mac: bytes = PEER_MAC,
    ) -> None:
        self.stack, self.ip, self.port, self.mac = stack, ip, port, mac
        self.seq, self.isn = isn, isn
        self.ack = 0
        self.window, self.options = window, options
        self.rom_port = 0
        self.syns: list[Segment] = []
        self.accept = accept
        stack.listeners.append(self._listen)

    def _listen(self, frame: Frame) -> None:
        segment = frame.segment
        if segment is None or not segment.flags & SYN or segment.dst_port != self.port:
            return
        self.syns.append(segment)
        self.rom_port, self.ack = segment.src_port, segment.end
        if self.accept:
            self.send(flags=SYN | ACK, seq=self.isn, options=self.options)
            self.seq = (self.isn + 1) % MODULUS

    def segment(
        self,
        data: bytes = b"",
        *,
        flags: int = ACK,
        seq: int | None = None,
        ack: int | None = None,
        window: int | None = None,
        options: bytes = b"",
    ) -> Segment:
        return Segment(
            self.port,
            self.rom_port,
            (self.seq if seq is None else seq) % MODULUS,
            (self.ack if ack is None else ack) % MODULUS,
            flags,
            self.window if window is None else window,
            options,
            data,
        )

    def send(
        self,
        data: bytes = b"",
        *,
        flags: int = ACK,
        seq: int | None = None,
        ack: int | None = None,
        window: int | None = None,
        options: bytes = b"",
        at: int | None = None,
    ) -> None:
        """Queues a segment; ``seq`` does not move (see ``write``)."""
        segment = self.segment(data, flags=flags, seq=seq, ack=ack, window=window, options=options)
        self.send_segment(segment, at)

    def send_segment(self, segment: Segment, at: int | None = None) -> None:
        raw = segment.build(self.ip, OWN_IP)
        packet = Packet(self.ip, OWN_IP, TCP_PROTOCOL, raw).build()
        self.stack.deliver(self.stack.frame(0x0800, packet, self.mac), at)

    def write(self, data: bytes, *, flags: int = ACK | PSH) -> None:
        """Data in order: ``seq`` moves on."""
        segment = self.segment(data, flags=flags)
        self.send_segment(segment)
        self.seq = segment.end

    def read(self) -> bytes:
        """New data of the ROM, in order; ``ack`` moves on. Does not answer."""
        content = b""
        for segment in self.stack.segments():
            skip = (self.ack - segment.seq) % MODULUS
            if segment.dst_port == self.port and skip < len(segment.data):
                content += segment.data[skip:]
                self.ack = segment.end
        return content


def command_started(stack: Stack) -> None:
    """What command_start and, before it, the login's segments leave to tcp_remind."""
    stack.machine.set("cmd_active", 1, 1)
    stack.machine.set("tcp_patience", stack.machine.get("tcp_rto", 4) | 1)
    stack.machine.set("tcp_quiet_at", stack.machine.get("net_now"))


def connected(stack: Stack, **options: object) -> TcpPeer:
    """A connection behind its login, all frames of its beginning taken, a command under way."""
    stack.answer_arp()
    peer = TcpPeer(stack, **options)  # type: ignore[arg-type]
    result = stack.connect()
    assert not result.cf, f"connect failed: {result.ax}"
    stack.take()
    stack.machine.call("tcp_slots_all")
    command_started(stack)
    return peer
