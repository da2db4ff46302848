"""DHCP and TFTP servers on the ROM's Python wire (RFC 768, 2131, 2132, 1350, 2347-2349)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from peer.packets import BROADCAST, IP, Frame, Packet, checksum
from peer.stack import OWN_MAC, PEER_IP, PEER_MAC, Stack

UDP = 17
EVERYBODY = "255.255.255.255"
MAGIC = bytes([99, 130, 83, 99])
DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
RRQ, DATA, TFTP_ACK, ERROR, OACK = 1, 3, 4, 5, 6
Options = Mapping[int, bytes]


def ip(text: str) -> bytes:
    return IPv4Address(text).packed


@dataclass
class Datagram:
    """UDP over IPv4."""

    source: str
    src_port: int
    dest: str
    dst_port: int
    data: bytes

    def build(self, *, sum_error: int = 0, no_sum: bool = False, length: int = 0) -> bytes:
        """The IP packet; the keywords make it unusual on purpose."""
        size = 8 + len(self.data)
        head = struct.pack(">HHHH", self.src_port, self.dst_port, length or size, 0)
        pseudo = ip(self.source) + ip(self.dest) + struct.pack(">BBH", 0, UDP, size)
        total = 0 if no_sum else (checksum(pseudo + head + self.data) or 0xFFFF) ^ sum_error
        payload = head[:6] + struct.pack(">H", total) + self.data
        return Packet(self.source, self.dest, UDP, payload).build()

    @classmethod
    def of(cls, frame: Frame) -> Datagram | None:
        packet = frame.packet
        if packet is None or packet.protocol != UDP:
            return None
        src_port, dst_port, length, total = struct.unpack(">HHHH", packet.payload[:8])
        assert length == len(packet.payload)
        pseudo = ip(packet.source) + ip(packet.dest) + struct.pack(">BBH", 0, UDP, length)
        assert total and checksum(pseudo + packet.payload) == 0, "UDP checksum"
        return cls(packet.source, src_port, packet.dest, dst_port, packet.payload[8:])


class Net:
    """What the ROM sends by UDP goes to those who listen; ``sent`` keeps it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.sent: list[Datagram] = []
        self.listeners: list[Callable[[Datagram], None]] = []
        stack.listeners.append(self._frame)

    def _frame(self, frame: Frame) -> None:
        datagram = Datagram.of(frame)
        if datagram is None:
            return
        assert (frame.dest == BROADCAST) == (datagram.dest == EVERYBODY)
        self.sent.append(datagram)
        for listener in self.listeners:
            listener(datagram)

    def deliver(
        self, datagram: Datagram, delay: int = 0, mac: bytes = PEER_MAC, to: bytes = OWN_MAC
    ) -> None:
        self.raw(datagram.build(), delay, mac, to)

    def raw(
        self, packet: bytes, delay: int = 0, mac: bytes = PEER_MAC, to: bytes = OWN_MAC
    ) -> None:
        frame = self.stack.frame(IP, packet, mac, to)
        self.stack.deliver(frame, self.stack.clock + delay)


@dataclass
class Dhcp:
    """A DHCP packet; ``options`` in order."""

    op: int
    xid: bytes
    mac: bytes
    kind: int
    options: dict[int, bytes] = field(default_factory=dict)
    yiaddr: str = "0.0.0.0"
    siaddr: str = "0.0.0.0"
    ciaddr: str = "0.0.0.0"
    file: bytes = b""
    sname: bytes = b""
    secs: int = 0

    @staticmethod
    def pack(options: Options) -> bytes:
        return b"".join(bytes([code, len(value)]) + value for code, value in options.items())

    def build(self) -> bytes:
        head = struct.pack(">BBBB4sHH", self.op, 1, 6, 0, self.xid, self.secs, 0)
        head += ip(self.ciaddr) + ip(self.yiaddr) + ip(self.siaddr) + bytes(4)
        head += self.mac.ljust(16, b"\0") + self.sname.ljust(64, b"\0")
        head += self.file.ljust(128, b"\0") + MAGIC
        return head + self.pack({53: bytes([self.kind]), **self.options}) + b"\xff"

    @classmethod
    def parse(cls, raw: bytes) -> Dhcp:
        op, htype, hlen, _, xid, secs, flags = struct.unpack(">BBBB4sHH", raw[:12])
        assert (htype, hlen, flags) == (1, 6, 0) and raw[236:240] == MAGIC and len(raw) >= 300
        options: dict[int, bytes] = {}
        at = 240
        while raw[at] != 255:
            options[raw[at]] = raw[at + 2 : at + 2 + raw[at + 1]]
            at += 2 + raw[at + 1]
        assert not raw[at + 1 :].strip(b"\0")
        ciaddr = str(IPv4Address(raw[12:16]))
        kind = options.pop(53)[0]
        return cls(op, xid, raw[28:34], kind, options, ciaddr=ciaddr, secs=secs)

    def reply(self, kind: int, **fields: object) -> Dhcp:
        return Dhcp(2, self.xid, self.mac, kind, **fields)  # type: ignore[arg-type]


class DhcpServer:
    """Answers DISCOVER and REQUEST; ``offer`` and ``ack`` are fields of ``Dhcp``.

    deaf: requests that are not heard, by number from 0; seen: what came
    """

    def __init__(
        self,
        net: Net,
        address: str = "192.0.2.10",
        *,
        offer: Mapping[str, object] | None = None,
        ack: Mapping[str, object] | None = None,
        server: str = PEER_IP,
        deaf: tuple[int, ...] = (),
        nak: bool = False,
        broadcast: bool = True,
        delay: int = 0,
    ) -> None:
        self.net, self.server, self.deaf, self.nak = net, server, deaf, nak
        self.broadcast, self.delay = broadcast, delay
        common = {"yiaddr": address, "siaddr": server, "file": b"boot.0"}
        self.offer = {**common, "options": self.options(), **(offer or {})}
        self.ack = {**self.offer, **(ack or {})}
        self.seen: list[Dhcp] = []
        net.listeners.append(self._hear)

    def options(self, **more: bytes) -> dict[int, bytes]:
        return {
            54: ip(self.server), 51: bytes(4), 1: ip("255.255.255.0"), 3: ip("192.0.2.254"),
        }  # fmt: skip

    def _hear(self, datagram: Datagram) -> None:
        if datagram.dst_port != 67:
            return
        assert (datagram.source, datagram.dest) == ("0.0.0.0", EVERYBODY)
        request = Dhcp.parse(datagram.data)
        self.seen.append(request)
        if len(self.seen) - 1 in self.deaf:
            return
        if request.kind == DISCOVER:
            self.send(request.reply(OFFER, **self.offer))
        elif request.options[54] == ip(self.server):
            if self.nak:
                self.send(request.reply(NAK, options={54: ip(self.server)}))
            else:
                self.send(request.reply(ACK, **self.ack))

    def send(self, packet: Dhcp, data: bytes | None = None) -> None:
        to = EVERYBODY if self.broadcast else packet.yiaddr
        mac = BROADCAST if self.broadcast else OWN_MAC
        raw = packet.build() if data is None else data
        self.net.deliver(Datagram(self.server, 67, to, 68, raw), self.delay, to=mac)


class TftpServer:
    """Serves ``files``.

    options: names that it knows; lose: which of its packets get lost, by number from 0;
    twice: every packet comes twice; quiet_from: packets from that number on are not sent
    """

    def __init__(
        self,
        net: Net,
        files: Mapping[str, bytes],
        *,
        options: tuple[str, ...] = ("blksize", "tsize"),
        lose: tuple[int, ...] = (),
        twice: bool = False,
        quiet_from: int = 1 << 30,
        most: int = 1468,
        address: str = PEER_IP,
        error: tuple[int, str] | None = None,
        refuse_options: bool = False,
    ) -> None:
        self.net, self.files, self.options, self.address = net, files, options, address
        self.lose, self.twice, self.quiet_from, self.most = lose, twice, quiet_from, most
        self.error, self.refuse_options = error, refuse_options
        self.port = 40000
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.acks: list[int] = []
        self.errors: list[int] = []
        self.count = 0
        self.block_size = 512
        self.content = b""
        net.listeners.append(self._hear)

    def _hear(self, datagram: Datagram) -> None:
        if datagram.dest != self.address or datagram.dst_port not in (69, self.port):
            return
        (code,) = struct.unpack(">H", datagram.data[:2])
        if code == RRQ:
            assert datagram.dst_port == 69
            self._request(datagram)
        elif code == TFTP_ACK:
            assert datagram.dst_port == self.port
            (block,) = struct.unpack(">H", datagram.data[2:])
            self.acks.append(block)
            self.block(datagram, block + 1)
        else:
            assert code == ERROR
            self.errors.append(struct.unpack(">H", datagram.data[2:4])[0])

    def _request(self, datagram: Datagram) -> None:
        name, mode, *rest = datagram.data[2:].split(b"\0")[:-1]
        assert mode == b"octet" and len(rest) % 2 == 0
        texts = [text.decode() for text in rest]
        wanted = dict(zip(texts[::2], texts[1::2], strict=True))
        self.requests.append((name.decode(), wanted))
        self.port += 1
        if self.error is not None or name.decode() not in self.files:
            number, text = self.error or (1, "no such file")
            self.send(datagram, struct.pack(">HH", ERROR, number) + text.encode() + b"\0")
            return
        if self.refuse_options and wanted:
            self.send(datagram, struct.pack(">HH", ERROR, 8) + b"options\0")
            return
        self.content = self.files[name.decode()]
        answer = {}
        self.block_size = 512
        if "blksize" in wanted and "blksize" in self.options:
            self.block_size = min(int(wanted["blksize"]), self.most)
            answer["BlkSize"] = str(self.block_size)
        if "tsize" in wanted and "tsize" in self.options:
            answer["tsize"] = str(len(self.content))
        if answer:
            text = "\0".join(part for pair in answer.items() for part in pair) + "\0"
            self.send(datagram, struct.pack(">H", OACK) + text.encode())
        else:
            self.block(datagram, 1)

    def block(self, datagram: Datagram, number: int) -> None:
        """Send a block; its number counts on beyond 16 bits with the transfer."""
        start = self.block_size * (self._whole(number) - 1)
        if start <= len(self.content):
            data = self.content[start : start + self.block_size]
            self.send(datagram, struct.pack(">HH", DATA, number & 0xFFFF) + data)

    def _whole(self, number: int) -> int:
        """The block's number without its wrapping at 16 bits."""
        return number + 0x10000 * sum(1 for ack in self.acks if ack == 0xFFFF and number < 0xFFFF)

    def send(self, request: Datagram, data: bytes, port: int = 0) -> None:
        number, self.count = self.count, self.count + 1
        if number in self.lose or number >= self.quiet_from:
            return
        answer = Datagram(self.address, port or self.port, request.source, request.src_port, data)
        for _ in range(1 + self.twice):
            self.net.deliver(answer)
