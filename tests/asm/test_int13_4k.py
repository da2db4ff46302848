"""INT 13h on a medium of 4096-byte blocks: shown as such, or as sectors of 512 bytes."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

import pytest
from bench.contract import Contract
from bench.coverage import Coverage
from bench.machine import Machine
from bench.program import Program
from hypothesis import given, settings
from hypothesis import strategies as st
from peer_disk import Caller, PeerDisk, installed
from test_int13_edd import linear, packet, place

BLOCKS = 20_000  # of 4096 bytes
SECTORS = BLOCKS * 8


@pytest.fixture(scope="session")
def new_machine(
    rom_program: Program, contracts: dict[str, Contract], asm_coverage: Coverage
) -> Callable[[], Machine]:
    """Makes a machine for each example of a property."""
    return lambda: Machine(rom_program, contracts, coverage=asm_coverage)


@pytest.fixture
def emulated(machine: Machine) -> tuple[PeerDisk, Caller]:
    return installed(machine, BLOCKS, 4096, sector_size=1)


@pytest.fixture
def native(machine: Machine) -> tuple[PeerDisk, Caller]:
    return installed(machine, BLOCKS, 4096)


def steps(lba: int, count: int) -> list[tuple[str, int, int]]:
    """Reads of the medium that a read of sectors needs: parts of blocks, and whole ones at once."""
    result = []
    while count:
        start = lba % 8
        whole = count // 8 if not start else 0
        result.append(("read", lba // 8, whole or 1))
        step = whole * 8 or min(8 - start, count)
        lba, count = lba + step, count - step
    return result


@settings(max_examples=80, deadline=None)
@given(lba=st.integers(0, SECTORS - 1), count=st.integers(1, 128))
def test_read(new_machine: Callable[[], Machine], lba: int, count: int) -> None:
    machine = new_machine()
    disk, call = installed(machine, BLOCKS, 4096, sector_size=1)
    count = min(count, SECTORS - lba)
    buffer = machine.buffer(count * 512)
    assert call.status(0x42, **place(machine, packet(lba, count, buffer))) == 0
    assert machine.read(buffer, count * 512) == disk.sectors(lba, count)
    assert [entry[:3] for entry in disk.log] == steps(lba, count)


@settings(max_examples=80, deadline=None)
@given(lba=st.integers(0, SECTORS - 1), count=st.integers(1, 60), seed=st.integers(0, 99))
def test_write_changes_those_sectors_alone(
    new_machine: Callable[[], Machine], lba: int, count: int, seed: int
) -> None:
    machine = new_machine()
    disk, call = installed(machine, BLOCKS, 4096, sector_size=1)
    count = min(count, SECTORS - lba)
    first, behind = lba & ~7, min(SECTORS, (lba + count + 7) & ~7)
    before = disk.sectors(first, behind - first)
    content = random.Random(seed).randbytes(count * 512)
    buffer = machine.buffer(len(content), content, writable=False)
    assert call.status(0x43, **place(machine, packet(lba, count, buffer))) == 0
    start = (lba - first) * 512
    expected = before[:start] + content + before[start + len(content) :]
    assert disk.sectors(first, behind - first) == expected


def test_emulated_sizes(emulated: tuple[PeerDisk, Caller], machine: Machine) -> None:
    _, call = emulated
    regs = place(machine, struct.pack("<H", 0x1A) + bytes(0x18))
    assert call.status(0x48, **regs) == 0
    assert struct.unpack("<HHIIIQH", machine.read(linear(regs), 0x1A)) == (
        0x1A,
        3,
        SECTORS // (16 * 63),
        16,
        63,
        SECTORS,
        512,
    )
    kind = call(0x15, changes="ecx edx")
    assert kind.cx << 16 | kind.dx == SECTORS
    assert call.status(0x42, **place(machine, packet(SECTORS - 1, 2, 0))) == 0x01


def test_emulated_chs(emulated: tuple[PeerDisk, Caller], machine: Machine) -> None:
    disk, call = emulated
    buffer = machine.buffer(9 * 512)
    segment, offset = machine.far(buffer)
    assert call.status(0x02, al=9, es=segment, bx=offset, cx=0x0002, dh=1) == 0
    assert machine.read(buffer, 9 * 512) == disk.sectors(64, 9)


@pytest.mark.parametrize("bad, done", [(0, 0), (1, 5), (2, 5), (3, 21), (4, 29)])
def test_emulated_failure_counts_sectors(
    emulated: tuple[PeerDisk, Caller], machine: Machine, bad: int, done: int
) -> None:
    """Sectors 3 to 35: a part of block 0, blocks 1 to 3 whole, a part of block 4."""
    disk, call = emulated
    disk.bad[bad] = 0x10
    regs = place(machine, packet(3, 33, machine.buffer(33 * 512)))
    assert call.status(0x42, **regs) == 0x10
    expected = {0: 0, 1: 5, 2: 13, 3: 21, 4: 29}[bad]
    assert struct.unpack("<H", machine.read(linear(regs) + 2, 2)) == (expected,)


def test_emulated_flat_address_that_cannot_be_copied(
    emulated: tuple[PeerDisk, Caller], machine: Machine
) -> None:
    _, call = emulated

    def refuse(m: Machine) -> None:
        m.set_reg("ax", 1999)
        m.set_cf(True)

    machine.replace("copy_to_linear", refuse)
    regs = place(machine, packet(1, 1, 0, 0x18, flat=0x200000, far=(0xFFFF, 0xFFFF)))
    assert call.status(0x42, **regs) == 0x09


@pytest.mark.parametrize("lba, count", [(0, 1), (BLOCKS - 1, 1), (17, 30)])
def test_native_edd(
    native: tuple[PeerDisk, Caller], machine: Machine, lba: int, count: int
) -> None:
    disk, call = native
    buffer = machine.buffer(count * 4096)
    assert call.status(0x42, **place(machine, packet(lba, count, buffer))) == 0
    assert machine.read(buffer, count * 4096) == disk.sectors(lba * 8, count * 8)
    assert disk.log == [("read", lba, count, buffer)]


def test_native_parameters(native: tuple[PeerDisk, Caller], machine: Machine) -> None:
    _, call = native
    regs = place(machine, struct.pack("<H", 0x1A) + bytes(0x18))
    assert call.status(0x48, **regs) == 0
    answer = struct.unpack("<HHIIIQH", machine.read(linear(regs), 0x1A))
    assert (answer[1], *answer[5:]) == (0x0001, BLOCKS, 4096)


def test_native_buffer_is_checked_in_blocks(
    native: tuple[PeerDisk, Caller], machine: Machine
) -> None:
    disk, call = native
    regs = place(machine, packet(0, 16, 0, far=(0xFFFF, 0x0010)))
    assert call.status(0x42, **regs) == 0x09
    assert disk.log == []


def test_native_boot_sector_can_be_loaded(
    native: tuple[PeerDisk, Caller], machine: Machine
) -> None:
    disk, call = native
    buffer = machine.buffer(512)
    segment, offset = machine.far(buffer)
    assert call(0x02, al=1, es=segment, bx=offset, cx=1, dh=0).ax == 1
    assert machine.read(buffer, 512) == disk.sectors(0, 1)


@pytest.mark.parametrize(
    "function, al, cx, dh",
    [
        (0x03, 1, 1, 0),
        (0x04, 1, 1, 0),
        (0x02, 2, 1, 0),
        (0x02, 1, 2, 0),
        (0x02, 1, 1, 1),
        (0x02, 1, 0x0101, 0),
        (0x08, 0, 0, 0),
    ],
)
def test_native_has_no_other_chs(
    native: tuple[PeerDisk, Caller], function: int, al: int, cx: int, dh: int
) -> None:
    disk, call = native
    assert call.status(function, al=al, cx=cx, dh=dh, es=0x2000, bx=0) == 0x01
    assert disk.log == []


def test_buffer_is_taken_from_base_memory(machine: Machine) -> None:
    installed(machine, BLOCKS, 4096)
    assert struct.unpack("<H", machine.read(0x413, 2)) == (635,)
    assert machine.get("int13_bounce") == 635 * 64


def test_no_base_memory(machine: Machine) -> None:
    PeerDisk(machine, BLOCKS, 4096)
    machine.write(0x413, struct.pack("<H", 127))
    result = machine.call("int13_install")
    assert (result.cf, result.ax, machine.get("error_detail", 4)) == (True, 6003, 127)
    assert machine.read(0x413, 2) == struct.pack("<H", 127)


def test_failure_gives_the_memory_back(machine: Machine) -> None:
    disk = PeerDisk(machine, BLOCKS, 4096)
    disk.bad[0] = 0x10
    assert machine.call("int13_install").cf
    assert struct.unpack("<H", machine.read(0x413, 2)) == (639,)
