"""The UNDI behind an adapter model, called as a client calls it: through the ROM's own client."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.machine import UNDI_CODE_SEGMENT, UNDI_DATA_SEGMENT, Machine, Result
from bench.program import Program
from construct import Struct

from models.e1000 import E1000
from romgen.formats.pxe import p_isr, p_transmit, tbd

BLOCK = 0x88


def blank(layout: Struct) -> dict[str, Any]:
    """Every field of a parameter block, zero."""
    return dict(layout.parse(bytes(layout.sizeof())))


@dataclass
class Client:
    """ROM and UNDI with one adapter."""

    machine: Machine
    nic: E1000
    undi: Program

    def __post_init__(self) -> None:
        self.machine.set("undi_cs_seg", UNDI_CODE_SEGMENT)
        self.machine.set("undi_ds_seg", UNDI_DATA_SEGMENT)
        self.machine.map(
            0x100000 + UNDI_DATA_SEGMENT * 16, self.undi.data_size
        )  # A20 is probed there
        self.machine.call("time_init")

    def open(self, **options: Any) -> Result:
        """undi_open; CF and AX in the result."""
        return self.machine.call("undi_open", bx=self.nic.bdf, **options)

    def opened(self) -> Client:
        result = self.open()
        assert not result.cf, f"undi_open: error {result.ax}"
        return self

    def call(
        self, opcode: int, layout: Struct | None = None, /, **fields: Any
    ) -> tuple[int, Mapping[str, Any]]:
        """One opcode: (status, the block afterwards). AX must agree with the status."""
        raw = layout.build({**blank(layout), **fields}) if layout else bytes(2)
        self.machine.set("undi_block", raw.ljust(BLOCK, b"\xee"))
        result = self.machine.call("undi_call", bx=opcode)
        after = self.machine.bytes_of("undi_block", BLOCK)
        assert after[len(raw) :] == b"\xee" * (BLOCK - len(raw)), "it wrote behind the block"
        status = int.from_bytes(after[:2], "little")
        assert result.cf == (status != 0)
        return status, layout.parse(after) if layout else {}

    def isr(self, function: int) -> tuple[int, bytes]:
        """UNDI_ISR: (answer, the frame that it shows or nothing)."""
        status, block = self.call(0x14, p_isr, func_flag=function)
        assert status == 0
        if block["func_flag"] != 3:
            return block["func_flag"], b""
        return 3, self.machine.read(
            block["frame_seg"] * 16 + block["frame_off"], block["buffer_length"]
        )

    def drain(self) -> list[bytes]:
        """One round of UNDI_ISR: PROCESS, then GET_NEXT until it is done; the frames."""
        frames: list[bytes] = []
        function = 2
        while True:
            answer, frame = self.isr(function)
            if answer == 0:
                return frames
            if answer == 3:
                frames.append(frame)
            function = 3

    def transmit(
        self, pieces: list[bytes], *, immediate: bytes = b"", pointer_type: int = 1, **fields: Any
    ) -> int:
        """UNDI_TRANSMIT of an immediate part and blocks; the status."""
        description = struct.pack(
            "<HHHH", len(immediate), *self._place(immediate)[::-1], len(pieces)
        )
        for piece in pieces:
            segment, offset = self._place(piece)
            description += struct.pack("<BBHHH", pointer_type, 0, len(piece), offset, segment)
        segment, offset = self._place(description.ljust(tbd.sizeof(), b"\0"))
        return self.call(0x08, p_transmit, tbd_seg=segment, tbd_off=offset, **fields)[0]

    def _place(self, content: bytes) -> tuple[int, int]:
        return self.machine.far(self.machine.buffer(max(len(content), 1), content, writable=False))

    def variable(self, name: str, size: int) -> bytes:
        """A variable of the UNDI's data segment."""
        return self.machine.read(UNDI_DATA_SEGMENT * 16 + self.undi.symbols[name], size)
