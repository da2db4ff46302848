"""iSCSI PDUs on a stream (RFC 7143, section 11), with digests."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from typing import Any

import crcmod.predefined
from construct import Bytes, Container, Struct

from romgen.formats import iscsi

crc32c = crcmod.predefined.mkPredefinedCrcFun("crc-32c")
HEADER = 48


class ProtocolError(Exception):
    """The peer broke a rule; the connection ends."""


@dataclass
class Pdu:
    """A header (48 bytes) and its data, without padding and digests."""

    header: bytes
    data: bytes = b""

    @property
    def opcode(self) -> int:
        """The six bits of the opcode."""
        return self.header[0] & 0x3F

    @property
    def immediate(self) -> bool:
        """The I bit."""
        return bool(self.header[0] & 0x40)

    @property
    def flags(self) -> int:
        """Byte 1."""
        return self.header[1]

    def parse(self, struct_: Struct) -> Container[Any]:
        """The header's fields as `struct_` names them."""
        return struct_.parse(self.header)


def build(struct_: Struct, **values: Any) -> bytes:
    """A 48-byte header; what is not given is zero."""
    content: dict[str, Any] = {}
    for sub in struct_.subcons:
        default: Any = bytes(sub.sizeof()) if isinstance(sub.subcon, Bytes) else 0
        content[sub.name] = values.pop(sub.name, default)
    if values:
        raise TypeError(f"no such fields: {', '.join(values)}")
    return bytes(struct_.build(content))


async def read_pdu(reader: asyncio.StreamReader, header_digest: bool, data_digest: bool) -> Pdu:
    """The next PDU.  Errors: ProtocolError (digest, length), IncompleteReadError (the end)."""
    header = await reader.readexactly(HEADER)
    ahs = await reader.readexactly(header[4] * 4)
    if header_digest:
        (found,) = struct.unpack("<I", await reader.readexactly(4))
        if found != crc32c(header + ahs):
            raise ProtocolError("header digest")
    length = int.from_bytes(header[5:8], "big")
    if length > 1 << 20:
        raise ProtocolError(f"data segment of {length} bytes")
    padded = await reader.readexactly(-(-length // 4) * 4)
    if data_digest and length:
        (found,) = struct.unpack("<I", await reader.readexactly(4))
        if found != crc32c(padded):
            raise ProtocolError("data digest")
    return Pdu(header, padded[:length])


def encode(
    pdu: Pdu,
    header_digest: bool,
    data_digest: bool,
    spoil_header: bool = False,
    spoil_data: bool = False,
) -> bytes:
    """The bytes of a PDU with its DataSegmentLength.  ``spoil_*``: make that digest wrong."""
    header = pdu.header[:5] + len(pdu.data).to_bytes(3, "big") + pdu.header[8:]
    out = bytearray(header)
    if header_digest:
        out += struct.pack("<I", crc32c(header) ^ (0x5A if spoil_header else 0))
    if pdu.data:
        padded = pdu.data + bytes(-len(pdu.data) % 4)
        out += padded
        if data_digest:
            out += struct.pack("<I", crc32c(padded) ^ (0x5A if spoil_data else 0))
    return bytes(out)


def parse_text(data: bytes) -> list[tuple[str, str]]:
    """Login or text keys in their order."""
    pairs = []
    for item in data.split(b"\0"):
        if not item:
            continue
        key, equals, value = item.partition(b"=")
        if not equals:
            raise ProtocolError(f"text without '=': {item[:40]!r}")
        pairs.append((key.decode("utf-8"), value.decode("utf-8")))
    return pairs


def build_text(pairs: list[tuple[str, str]]) -> bytes:
    """Keys as login text."""
    return b"".join(f"{key}={value}".encode() + b"\0" for key, value in pairs)


__all__ = [
    "Pdu",
    "ProtocolError",
    "build",
    "build_text",
    "crc32c",
    "encode",
    "iscsi",
    "parse_text",
    "read_pdu",
]
