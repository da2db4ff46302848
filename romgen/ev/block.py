"""The EV block: the stored form of the boot variables (`ev_block` of romgen/formats/option_rom.py).

Header with version, lengths and CRC-32, then the text, padded with zeros to the block's capacity.
"""

from __future__ import annotations

import binascii

from construct import ConstructError

from romgen.errors import EXIT_FINDINGS, RomgenError
from romgen.ev.parse import TEXT_MAX
from romgen.formats import NASM_CONSTANTS
from romgen.formats.option_rom import ev_block

SIGNATURE = b"RGEV"
VERSION = NASM_CONSTANTS["EV_BLOCK_VERSION"]
ALIGN = 16
"""A block in a ROM image begins on a paragraph."""


def pack(text: bytes, capacity: int) -> bytes:
    """The EV block for `text`; its room is `capacity`, or more where the text needs it."""
    if len(text) > TEXT_MAX:
        raise RomgenError("ev-text-long", "", f"{len(text)} bytes", f"at most {TEXT_MAX}")
    capacity = max(capacity, len(text))
    header = ev_block.build(
        {
            "signature": SIGNATURE,
            "version": VERSION,
            "header_length": ev_block.sizeof(),
            "length": len(text),
            "capacity": capacity,
            "crc": binascii.crc32(text),
        }
    )
    return bytes(header) + text.ljust(capacity, b"\0")


def unpack(data: bytes, where: str = "block") -> bytes:
    """The text of the block at the start of `data`; b"" where it holds none.

    Errors: whatever makes the ROM say "Invalid Configuration Data" (RG-2002).
    """
    try:
        header = ev_block.parse(data)
    except ConstructError as error:
        raise _damaged(where, f"{len(data)} bytes are too few") from error
    if header.signature != SIGNATURE:
        raise _damaged(where, "no signature RGEV")
    if header.version != VERSION:
        raise _damaged(where, f"version {header.version}, not {VERSION}")
    if header.header_length != ev_block.sizeof():
        raise _damaged(where, f"header of {header.header_length} bytes, not {ev_block.sizeof()}")
    if header.length > min(header.capacity, TEXT_MAX):
        raise _damaged(
            where, f"{header.length} bytes of text in {min(header.capacity, TEXT_MAX)}"
        )
    text = data[ev_block.sizeof() : ev_block.sizeof() + header.length]
    if len(text) != header.length or binascii.crc32(text) != header.crc:
        raise _damaged(where, "the CRC does not fit the text")
    return bytes(text)


def find(image: bytes) -> int | None:
    """Offset of the EV block in a ROM image, or None. The block itself may still be damaged."""
    for offset in range(0, len(image) - ev_block.sizeof() + 1, ALIGN):
        if image[offset : offset + len(SIGNATURE)] == SIGNATURE:
            return offset
    return None


def _damaged(where: str, what: str) -> RomgenError:
    return RomgenError(
        "ev-block", where, f"RG-2002: Invalid Configuration Data: {what}",
        "write the boot variables again", status=EXIT_FINDINGS,
    )  # fmt: skip
