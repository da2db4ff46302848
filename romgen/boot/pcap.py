"""Reads a capture (libpcap's classic format) down to iSCSI PDUs.

Frames are Ethernet; layouts come from `romgen.formats`. TCP streams are put in order, repeated
segments are dropped, so that a PDU appears once however often its bytes were sent.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from romgen.errors import RomgenError
from romgen.formats import net
from romgen.formats.iscsi import CONSTANTS as ISCSI
from romgen.formats.iscsi import bhs, bhs_command

FILE_HEADER = struct.Struct("<IHHiIII")
"""magic, major, minor, zone, accuracy, snap length, link type."""
RECORD_HEADER = struct.Struct("<IIII")
"""seconds, fraction, bytes kept, bytes on the wire."""
FRACTIONS = {0xA1B2C3D4: 1e-6, 0xA1B23C4D: 1e-9}
"""Magic -> length of the fraction's unit in seconds."""
LINK_ETHERNET = 1
BHS_SIZE = bhs.sizeof()
SN_SPACE = 1 << 32
HALF_SPACE = 1 << 31

READ_OPS = (ISCSI["SCSI_READ_10"], ISCSI["SCSI_READ_16"])


def _slices(layout: Any) -> dict[str, slice]:
    """Where the fields of a construct Struct lie."""
    places: dict[str, slice] = {}
    at = 0
    for part in layout.subcons:
        size = part.sizeof()
        places[part.name] = slice(at, at + size)
        at += size
    return places


ETH, IP, TCP, ARP = (_slices(each) for each in (net.eth, net.ip, net.tcp, net.arp))
ETH_SIZE = net.eth.sizeof()
CONST = net.CONSTANTS


def _number(data: bytes, place: slice) -> int:
    return int.from_bytes(data[place], "big")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: when (seconds, as in the file), its bytes, its length on the wire."""

    index: int
    at: float
    data: bytes
    length: int

    @property
    def ethertype(self) -> int:
        """The protocol (ETHERTYPE_...)."""
        return _number(self.data, ETH["type"])

    @property
    def source(self) -> bytes:
        """MAC of the sender."""
        return self.data[ETH["source"]]

    @property
    def arp_op(self) -> int | None:
        """ARP_REQUEST, ARP_REPLY, or None where it is no ARP packet."""
        if self.ethertype != CONST["ETHERTYPE_ARP"]:
            return None
        return _number(self.data[ETH_SIZE:], ARP["op"])


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment. Addresses are (dotted IP, port)."""

    frame: Frame
    source: tuple[str, int]
    dest: tuple[str, int]
    seq: int
    ack: int
    flags: int
    window: int
    payload: bytes

    @property
    def syn(self) -> bool:
        """Opens a connection."""
        return bool(self.flags & CONST["TCP_SYN"])


@dataclass(frozen=True, slots=True)
class Pdu:
    """One iSCSI PDU: the frame in which its header was complete, its header, its data.

    to_target: sent by the initiator. connection: number of the TCP connection in the capture.
    """

    frame: Frame
    connection: int
    to_target: bool
    header: bytes
    data: bytes

    @property
    def opcode(self) -> int:
        """ISCSI_..., without the immediate bit."""
        return self.header[0] & ISCSI["ISCSI_OPCODE_MASK"]

    @property
    def fields(self) -> Any:
        """The header as construct's `bhs` sees it."""
        return bhs.parse(self.header)

    @property
    def cdb(self) -> bytes:
        """The SCSI command, where it is one."""
        if self.opcode != ISCSI["ISCSI_SCSI_COMMAND"]:
            return b""
        cdb: bytes = bhs_command.parse(self.header).cdb
        return cdb

    @property
    def read(self) -> tuple[int, int] | None:
        """(first block, count) of a SCSI READ command."""
        cdb = self.cdb
        if not cdb or cdb[0] not in READ_OPS:
            return None
        if cdb[0] == ISCSI["SCSI_READ_10"]:
            return int.from_bytes(cdb[2:6], "big"), int.from_bytes(cdb[7:9], "big")
        return int.from_bytes(cdb[2:10], "big"), int.from_bytes(cdb[10:14], "big")


def read_frames(path: Path) -> list[Frame]:
    """All frames of a capture; an incomplete record at its end (the writer was killed) is left out.

    Errors: no capture, or not of Ethernet.
    """
    raw = path.read_bytes()
    if not raw:
        return []
    if len(raw) < FILE_HEADER.size:
        raise RomgenError("pcap-format", str(path), "is no capture: too short")
    magic, *_, link = FILE_HEADER.unpack_from(raw)
    if magic not in FRACTIONS:
        raise RomgenError("pcap-format", str(path), f"is no capture: magic {magic:08x}")
    if link != LINK_ETHERNET:
        raise RomgenError("pcap-link", str(path), f"link type {link} is not Ethernet")
    frames: list[Frame] = []
    at = FILE_HEADER.size
    while at + RECORD_HEADER.size <= len(raw):
        seconds, fraction, kept, length = RECORD_HEADER.unpack_from(raw, at)
        at += RECORD_HEADER.size
        if at + kept > len(raw):
            break
        when = seconds + fraction * FRACTIONS[magic]
        frames.append(Frame(len(frames), when, raw[at : at + kept], length))
        at += kept
    return frames


def segments(frames: Iterable[Frame]) -> Iterator[Segment]:
    """The TCP segments among the frames (IPv4, not fragmented)."""
    for frame in frames:
        if frame.ethertype != CONST["ETHERTYPE_IP"]:
            continue
        packet = frame.data[ETH_SIZE:]
        if packet[IP["protocol"]] != bytes([CONST["IP_PROTO_TCP"]]):
            continue
        # A short frame has padding behind the packet.
        tcp = packet[(packet[0] & 0x0F) * 4 : _number(packet, IP["total_length"])]
        if len(tcp) < net.tcp.sizeof():
            continue
        yield Segment(
            frame,
            (_dotted(packet[IP["source"]]), _number(tcp, TCP["src_port"])),
            (_dotted(packet[IP["dest"]]), _number(tcp, TCP["dst_port"])),
            _number(tcp, TCP["seq"]),
            _number(tcp, TCP["ack"]),
            _number(tcp, TCP["flags"]),
            _number(tcp, TCP["window"]),
            tcp[(_number(tcp, TCP["data_offset"]) >> 4) * 4 :],
        )


def _dotted(address: bytes) -> str:
    return ".".join(map(str, address))


@dataclass(slots=True)
class _Stream:
    """One direction of one connection: what is in order and not yet a PDU, what came too early."""

    number: int
    to_target: bool
    next: int
    buffer: bytearray = field(default_factory=bytearray)
    early: dict[int, Segment] = field(default_factory=dict)
    digests: tuple[bool, bool] = (False, False)

    def take(self, segment: Segment) -> Iterator[Pdu]:
        """Add a segment; yields the PDUs that it completes."""
        self.early[segment.seq] = segment
        progress = True
        while progress:
            progress = False
            for seq in sorted(self.early, key=lambda s: (s - self.next) % SN_SPACE):
                each = self.early[seq]
                ahead = (seq - self.next) % SN_SPACE
                if ahead and ahead < HALF_SPACE:
                    continue
                skip = (self.next - seq) % SN_SPACE
                del self.early[seq]
                if skip < len(each.payload):
                    fresh = each.payload[skip:]
                    self.buffer += fresh
                    self.next = (self.next + len(fresh)) % SN_SPACE
                    progress = True
                    break
        yield from self._cut(segment.frame)

    def _cut(self, frame: Frame) -> Iterator[Pdu]:
        while len(self.buffer) >= BHS_SIZE:
            ahs = self.buffer[4] * 4
            length = int.from_bytes(self.buffer[5:8], "big")
            begin = BHS_SIZE + ahs + (4 if self.digests[0] else 0)
            padded = -(-length // 4) * 4
            end = begin + padded + (4 if self.digests[1] and length else 0)
            if len(self.buffer) < end:
                return
            header, data = bytes(self.buffer[:BHS_SIZE]), bytes(self.buffer[begin : begin + length])
            del self.buffer[:end]
            yield Pdu(frame, self.number, self.to_target, header, data)


def pdus(frames: Iterable[Frame], port: int) -> Iterator[Pdu]:
    """The iSCSI PDUs of all connections to a target's port, in order of completion.

    Without digests (what is read here does not negotiate them). The port is that on the wire.
    """
    streams: dict[tuple[tuple[str, int], tuple[str, int]], _Stream] = {}
    connections = 0
    for segment in segments(frames):
        if port not in (segment.source[1], segment.dest[1]):
            continue
        to_target = segment.dest[1] == port
        key = (segment.source, segment.dest)
        if segment.syn:
            if to_target and not (key in streams and streams[key].next == segment.seq + 1):
                connections += 1
            streams[key] = _Stream(connections, to_target, (segment.seq + 1) % SN_SPACE)
        elif segment.payload and key in streams:
            yield from streams[key].take(segment)
