"""asm/net/undi.asm over another vendor's UNDI: its loader, frames in pieces, its buffers, V86."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from bench.contract import Contract
from bench.coverage import Coverage
from bench.machine import ROM_SEGMENT, Machine
from bench.program import Program
from conftest import ROOT
from models.undi_client import blank

from romgen.boot.foreign import IPXE_ROMS, foreign_build
from romgen.build import Built
from romgen.formats.pxe import CONSTANTS, p_information, p_isr, p_start
from romgen.project import Project
from romgen.undi_blob import read_blob

DONE, TRANSMIT, RECEIVE = 0, 2, 3
OPEN = 4
FRAME_MAX = 1518
BLOB = IPXE_ROMS["e1000"]


@pytest.fixture(scope="session")
def blob_built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return foreign_build(Project(ROOT), tmp_path_factory.mktemp("blob"), "e1000", BLOB)


@pytest.fixture
def machine(
    blob_built: Built, contracts: dict[str, Contract], asm_coverage: Coverage
) -> Machine:
    return Machine(Program.load(blob_built.elf), contracts, coverage=asm_coverage)


@dataclass
class Vendor:
    """Somebody's UNDI_ISR: answers in turn, a piece of a frame as (all of its bytes, piece)."""

    machine: Machine
    answers: Iterator[int | tuple[int, bytes]]
    asked: list[int] = field(default_factory=list)

    def install(self) -> None:
        self.machine.set("undi_level", OPEN, 1)
        self.machine.set("undi_function", 2, 2)
        self.machine.replace("undi_call", self.call)

    def call(self, machine: Machine) -> None:
        block = p_isr.parse(machine.bytes_of("undi_block", p_isr.sizeof()))
        self.asked.append(block["func_flag"])
        answer = next(self.answers, DONE)
        if isinstance(answer, tuple):
            whole, piece = answer
            segment, offset = machine.far(machine.buffer(len(piece), piece, writable=False))
            fields = dict(block) | {
                "func_flag": RECEIVE, "buffer_length": len(piece), "frame_length": whole,
                "frame_off": offset, "frame_seg": segment,
            }  # fmt: skip
        else:
            fields = dict(block) | {"func_flag": answer}
        machine.set("undi_block", p_isr.build(fields))
        machine.set_reg("eflags", machine.reg("eflags") & ~1)


def receive(machine: Machine, *answers: int | tuple[int, bytes]) -> tuple[list[bytes], Vendor]:
    """The frames of two rounds."""
    vendor = Vendor(machine, iter(answers))
    vendor.install()
    frames: list[bytes] = []
    ends = 0
    while ends < 2:
        result = machine.call("undi_receive")
        if result.cf:
            ends += 1
        else:
            frames.append(machine.read(result.es * 16 + result.si, result.cx))
    return frames, vendor


def pieces(frame: bytes, *sizes: int) -> list[tuple[int, bytes]]:
    ends = list(itertools.accumulate(sizes, initial=0))
    return [(len(frame), frame[start:end]) for start, end in itertools.pairwise(ends)]


def content(size: int) -> bytes:
    return bytes(index * 7 % 251 for index in range(size))


@pytest.mark.parametrize("sizes", [(60,), (1, 59), (40, 20, 40), (1500, 18), (1, 1, 1, 57)])
def test_pieces_make_a_frame(machine: Machine, sizes: tuple[int, ...]) -> None:
    frame = content(sum(sizes))
    frames, vendor = receive(machine, *pieces(frame, *sizes))
    assert frames == [frame]
    assert vendor.asked[: len(sizes)] == [2, *[3] * (len(sizes) - 1)]


def test_a_completion_between_pieces(machine: Machine) -> None:
    frame = content(100)
    first, second = pieces(frame, 64, 36)
    assert receive(machine, first, TRANSMIT, second)[0] == [frame]


def test_a_frame_goes_on_in_the_next_round(machine: Machine) -> None:
    frame = content(100)
    first, second = pieces(frame, 64, 36)
    assert receive(machine, first, DONE, second)[0] == [frame]


def test_a_whole_frame_ends_what_was_begun(machine: Machine) -> None:
    one, two = content(100), content(80)[::-1]
    frames, _ = receive(machine, pieces(one, 64)[0], (80, two), *pieces(one, 50, 50))
    assert frames == [two, one]


@pytest.mark.parametrize(
    "bad",
    [
        [(FRAME_MAX + 1, content(1000)), (FRAME_MAX + 1, content(519))],
        [(100, content(60)), (100, content(60))],
        [(100, content(60)), (100, content(1500))],
        [(0xFFFF, content(1)), (0xFFFF, b"x" * 0x1000)],
        [(10, content(4)), (10, content(6))],
        [(0, b"")],
    ],
)
def test_what_cannot_be_a_frame_is_dropped(
    machine: Machine, bad: list[tuple[int, bytes]]
) -> None:
    frame = content(99)
    assert receive(machine, *bad, *pieces(frame, 40, 59))[0] == [frame]


def test_the_vendors_rom_stands_whole_behind_ours(machine: Machine, blob_built: Built) -> None:
    rom, blob = blob_built.rom.read_bytes(), read_blob(BLOB)
    (paragraphs,) = struct.unpack_from("<H", rom, machine.rom.symbols["undi_blob_place"])
    assert rom[paragraphs * 16 :].startswith(blob.data)
    ours = read_blob(blob_built.rom)
    assert (ours.code_size, ours.data_size) == (blob.code_size, blob.data_size)


def test_the_vendors_loader_is_entered_in_his_rom(machine: Machine) -> None:
    """His loader finds his ROM by CS, and the stack as the client has left it."""
    at = read_blob(BLOB).loader
    code = bytes.fromhex("8cc8 cb")  # mov ax, cs; retf
    linear = machine.buffer(at + 0x100, bytes(at) + code)
    linear -= linear % 16
    machine.write(linear + at, code)
    machine.rom_writable()
    paragraphs = (linear // 16 - ROM_SEGMENT) & 0xFFFF
    place = ROM_SEGMENT * 16 + machine.rom.symbols["undi_blob_place"]
    machine.write(place, struct.pack("<H", paragraphs))
    result = machine.call_far("undi_blob_loader")
    assert result.ax == linear // 16


@dataclass
class Opening:
    """A vendor's UNDI that succeeds at everything; what START_UNDI was given."""

    buffers: int
    start: bytes = b""

    def call(self, machine: Machine) -> None:
        opcode = machine.reg("bx")
        if opcode == CONSTANTS["OP_START_UNDI"]:
            self.start = machine.bytes_of("undi_block", p_start.sizeof())
        elif opcode == CONSTANTS["OP_GET_INFORMATION"]:
            fields = blank(p_information) | {"hw_addr_len": 6, "rx_buf_count": self.buffers}
            machine.set("undi_block", p_information.build(fields))
        machine.set_reg("eflags", machine.reg("eflags") & ~1)

    def open(self, machine: Machine, bios: bytes) -> None:
        machine.map(0xF0000, 0x10000)
        machine.write(0xF0000, bios)
        for name in ("undi_load", "undi_masked"):
            machine.replace(name, self.nothing)
        machine.replace("undi_call", self.call)
        machine.call("time_init")
        assert not machine.call("undi_open", bx=0x18).cf

    def nothing(self, machine: Machine) -> None:
        machine.set_reg("eflags", machine.reg("eflags") & ~1)


@pytest.mark.parametrize(("told", "used"), [(0, 1), (1, 1), (5, 5), (14, 14), (0xFFFF, 14)])
def test_the_window_is_what_the_vendor_has_buffers_for(
    machine: Machine, told: int, used: int
) -> None:
    Opening(told).open(machine, bytes(0x10000))
    assert machine.get("undi_window", 4) == used


@pytest.mark.parametrize("at", [None, 0, 0x6060, 0xFFF0])
def test_the_vendor_is_told_of_the_bios(machine: Machine, at: int | None) -> None:
    bios = bytearray(0x10000)
    if at is not None:
        bios[at : at + 4] = b"$PnP"
    vendor = Opening(1)
    vendor.open(machine, bytes(bios))
    block = p_start.parse(vendor.start)
    wanted = (0, 0) if at is None else (0xF000, at)
    assert (block["es"], block["di"], block["ax"]) == (*wanted, 0x18)
