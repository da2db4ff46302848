"""Ethernet, ARP, IPv4, ICMP and TCP packets: built for the ROM, and taken apart with every check.

Parsing is strict: what the ROM sends must be right in each field (RFC 826, 791, 792, 9293), so a
wrong checksum or length fails the test that caused it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from romgen.formats.net import arp as arp_format
from romgen.formats.net import eth as eth_format
from romgen.formats.net import ip as ip_format
from romgen.formats.net import tcp as tcp_format

IP, ARP, VLAN = 0x0800, 0x0806, 0x8100
ICMP_PROTOCOL, TCP_PROTOCOL = 1, 6
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
BROADCAST = b"\xff" * 6
DONT_FRAGMENT = 0x4000


def checksum(content: bytes) -> int:
    """The internet checksum (RFC 1071), in the plainest way; an odd byte is padded with 0."""
    padded = content + b"\0" * (len(content) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(total ^ 0xFFFF)


def pseudo_header(source: str, dest: str, length: int) -> bytes:
    """What stands in front of a TCP segment for its checksum (RFC 9293, 3.1)."""
    return (
        IPv4Address(source).packed
        + IPv4Address(dest).packed
        + struct.pack(">BBH", 0, TCP_PROTOCOL, length)
    )


@dataclass
class Segment:
    """A TCP segment; ``options`` raw, as long as they are."""

    src_port: int
    dst_port: int
    seq: int
    ack: int
    flags: int
    window: int = 65535
    options: bytes = b""
    data: bytes = b""

    @property
    def end(self) -> int:
        """Sequence number behind data, SYN and FIN."""
        return (self.seq + len(self.data) + bool(self.flags & (SYN | FIN))) & 0xFFFFFFFF

    def build(self, source: str, dest: str, *, sum_error: int = 0) -> bytes:
        options = self.options + b"\0" * (-len(self.options) % 4)
        fields = {
            "src_port": self.src_port,
            "dst_port": self.dst_port,
            "seq": self.seq & 0xFFFFFFFF,
            "ack": self.ack & 0xFFFFFFFF,
            "data_offset": (tcp_format.sizeof() + len(options)) // 4 << 4,
            "flags": self.flags,
            "window": self.window,
            "checksum": 0,
            "urgent": 0,
        }
        raw = tcp_format.build(fields) + options + self.data
        fields["checksum"] = checksum(pseudo_header(source, dest, len(raw)) + raw) ^ sum_error
        return bytes(tcp_format.build(fields) + options + self.data)

    @classmethod
    def parse(cls, raw: bytes, source: str, dest: str) -> Segment:
        assert checksum(pseudo_header(source, dest, len(raw)) + raw) == 0, "TCP checksum"
        head = tcp_format.parse(raw)
        length = head.data_offset >> 4 << 2
        assert tcp_format.sizeof() <= length <= len(raw), "TCP data offset"
        assert head.data_offset & 0x0F == 0 and head.urgent == 0
        return cls(
            head.src_port,
            head.dst_port,
            head.seq,
            head.ack,
            head.flags,
            head.window,
            raw[tcp_format.sizeof() : length],
            raw[length:],
        )


@dataclass
class Arp:
    op: int
    sender_mac: bytes
    sender_ip: str
    target_mac: bytes
    target_ip: str

    def build(self) -> bytes:
        return bytes(
            arp_format.build(
                {
                    "hw_type": 1,
                    "proto_type": IP,
                    "hw_len": 6,
                    "proto_len": 4,
                    "op": self.op,
                    "sender_mac": self.sender_mac,
                    "sender_ip": IPv4Address(self.sender_ip).packed,
                    "target_mac": self.target_mac,
                    "target_ip": IPv4Address(self.target_ip).packed,
                }
            )
        )

    @classmethod
    def parse(cls, raw: bytes) -> Arp:
        head = arp_format.parse(raw)
        kind = (head.hw_type, head.proto_type, head.hw_len, head.proto_len)
        assert kind == (1, IP, 6, 4), "ARP for another kind of net"
        return cls(
            head.op,
            head.sender_mac,
            str(IPv4Address(head.sender_ip)),
            head.target_mac,
            str(IPv4Address(head.target_ip)),
        )


@dataclass
class Packet:
    """An IPv4 packet without options."""

    source: str
    dest: str
    protocol: int
    payload: bytes
    segment: Segment | None = None

    def build(
        self,
        *,
        version_ihl: int = 0x45,
        options: bytes = b"",
        fragment: int = DONT_FRAGMENT,
        length: int | None = None,
        sum_error: int = 0,
    ) -> bytes:
        """The bytes on the wire; the keywords make it wrong on purpose."""
        total = ip_format.sizeof() + len(options) + len(self.payload)
        fields = {
            "version_ihl": version_ihl + len(options) // 4,
            "tos": 0,
            "total_length": total if length is None else length,
            "id": 0x1234,
            "fragment": fragment,
            "ttl": 64,
            "protocol": self.protocol,
            "checksum": 0,
            "source": IPv4Address(self.source).packed,
            "dest": IPv4Address(self.dest).packed,
        }
        fields["checksum"] = checksum(ip_format.build(fields) + options) ^ sum_error
        return bytes(ip_format.build(fields) + options + self.payload)

    @classmethod
    def parse(cls, raw: bytes) -> Packet:
        head = ip_format.parse(raw)
        assert head.version_ihl == 0x45 and head.fragment == DONT_FRAGMENT and head.ttl >= 32
        assert checksum(raw[: ip_format.sizeof()]) == 0, "IP checksum"
        assert head.total_length <= len(raw) <= max(head.total_length, 46), "IP length"
        source, dest = str(IPv4Address(head.source)), str(IPv4Address(head.dest))
        payload = raw[ip_format.sizeof() : head.total_length]
        segment = None
        if head.protocol == TCP_PROTOCOL:
            segment = Segment.parse(payload, source, dest)
        return cls(source, dest, head.protocol, payload, segment)


@dataclass
class Frame:
    """An Ethernet frame; ``vlan`` is the tag control word, None without a tag."""

    dest: bytes
    source: bytes
    type: int
    payload: bytes
    vlan: int | None = None
    arp: Arp | None = field(default=None)
    packet: Packet | None = field(default=None)

    @property
    def segment(self) -> Segment | None:
        return self.packet.segment if self.packet else None

    def packet_bytes(self) -> bytes:
        """The IPv4 packet without padding."""
        assert self.packet is not None
        return self.payload[: ip_format.sizeof() + len(self.packet.payload)]

    def build(self) -> bytes:
        tag = b"" if self.vlan is None else struct.pack(">HH", VLAN, self.vlan)
        head = eth_format.build({"dest": self.dest, "source": self.source, "type": self.type})
        return bytes((head[:12] + tag + head[12:] + self.payload).ljust(60, b"\0"))

    @classmethod
    def parse(cls, raw: bytes) -> Frame:
        head = eth_format.parse(raw)
        kind, payload, vlan = head.type, raw[eth_format.sizeof() :], None
        if kind == VLAN:
            vlan, kind = struct.unpack(">HH", payload[:4])
            payload = payload[4:]
        frame = cls(head.dest, head.source, kind, payload, vlan)
        if kind == ARP:
            frame.arp = Arp.parse(payload)
        else:
            assert kind == IP, f"EtherType {kind:04x}"
            frame.packet = Packet.parse(payload)
        return frame


def mss_option(size: int) -> bytes:
    """The TCP option "maximum segment size"."""
    return struct.pack(">BBH", 2, 4, size)


SACK_PERMITTED = b"\x04\x02"


SCALE = 2
"""By which the ROM shifts its windows."""


def syn_options(size: int) -> bytes:
    """The options of the ROM's SYN: its maximum segment size, SACK permitted, window scale."""
    return mss_option(size) + b"\x01\x01" + SACK_PERMITTED + b"\x01" + scale_option(SCALE)


def scale_option(shift: int) -> bytes:
    """Window scale (RFC 7323, 2.2)."""
    return bytes((3, 3, shift))
