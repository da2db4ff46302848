"""INT 13h: the frame, and the functions that address by cylinder, head, sector."""

from __future__ import annotations

from typing import Any

import pytest
from bench.machine import FLAG_DF, FLAG_IF, Machine
from peer_disk import CALLER_STACK_TOP, Caller, PeerDisk, installed
from unicorn import UC_HOOK_MEM_WRITE

HEADS, SPT = 16, 63
BLOCKS = 100_000  # 99 cylinders and a rest of 208 sectors
CYLINDERS = BLOCKS // (HEADS * SPT)


def chs(lba: int) -> dict[str, Any]:
    """Registers for a sector."""
    cylinder, rest = divmod(lba, HEADS * SPT)
    head, sector = divmod(rest, SPT)
    return {"cx": (cylinder & 0xFF) << 8 | cylinder >> 2 & 0xC0 | sector + 1, "dh": head}


@pytest.fixture
def bios(machine: Machine) -> tuple[PeerDisk, Caller]:
    return installed(machine, BLOCKS)


def test_geometry_is_what_chs_calls_take(bios: tuple[PeerDisk, Caller]) -> None:
    _, call = bios
    result = call(0x08, changes="ecx edx")
    assert not result.cf and result.ax == 0
    assert result.cx == (CYLINDERS - 1 & 0xFF) << 8 | CYLINDERS - 1 >> 2 & 0xC0 | SPT
    assert result.dx == (HEADS - 1) << 8 | 1


@pytest.mark.parametrize(
    "lba, count",
    [(0, 1), (0, 128), (62, 3), (1007, 2), (50_000, 77), (CYLINDERS * HEADS * SPT - 1, 1)],
)
def test_read(bios: tuple[PeerDisk, Caller], machine: Machine, lba: int, count: int) -> None:
    disk, call = bios
    buffer = machine.buffer(count * 512)
    segment, offset = machine.far(buffer)
    result = call(0x02, al=count, es=segment, bx=offset, **chs(lba))
    assert (result.ax, result.cf) == (count, False)
    assert machine.read(buffer, count * 512) == disk.sectors(lba, count)
    assert disk.log == [("read", lba, count, buffer)]


def test_every_address_of_the_geometry(bios: tuple[PeerDisk, Caller], machine: Machine) -> None:
    disk, call = bios
    segment, offset = machine.far(machine.buffer(512))
    for lba in range(0, CYLINDERS * HEADS * SPT, 997):
        assert call.status(0x02, al=1, es=segment, bx=offset, **chs(lba)) == 0
        assert disk.log[-1][1] == lba


def test_write(bios: tuple[PeerDisk, Caller], machine: Machine) -> None:
    disk, call = bios
    content = bytes(range(256)) * 6
    segment, offset = machine.far(machine.buffer(len(content), content, writable=False))
    result = call(0x03, al=3, es=segment, bx=offset, **chs(4711))
    assert (result.ax, result.cf) == (3, False)
    assert disk.sectors(4711, 3) == content


@pytest.mark.parametrize("function", [0x02, 0x03, 0x04])
@pytest.mark.parametrize(
    "wrong",
    [
        {"al": 0},
        {"al": 129},
        {"al": 255},
        {"cx": 0x0000},
        {"cx": 0x0040},
        {"cx": SPT + 1 & 0x3F},
        {"dh": HEADS},
        {"dh": 255},
        {"cx": CYLINDERS << 8 | 1},
        {"cx": 0xFFC1},
        {"cx": 0xFFFF},
    ],
)
def test_wrong_address_moves_nothing(
    bios: tuple[PeerDisk, Caller], function: int, wrong: dict[str, Any]
) -> None:
    disk, call = bios
    result = call(function, **({"al": 1, "cx": 1, "dh": 0, "es": 0x2000, "bx": 0} | wrong))
    assert (result.ax, result.cf) == (0x0100, True)
    assert disk.log == []


@pytest.mark.parametrize("function", [0x02, 0x03, 0x04])
def test_range_that_leaves_the_disk(machine: Machine, function: int) -> None:
    disk, call = installed(machine, 2 * HEADS * SPT)
    segment, offset = machine.far(machine.buffer(2 * 512))
    last = {"es": segment, "bx": offset} | chs(2 * HEADS * SPT - 1)
    assert call.status(function, al=1, **last) == 0
    disk.log.clear()
    assert call.status(function, al=2, **last) == 0x01
    assert disk.log == []


def test_rest_behind_the_geometry_is_read_through(
    bios: tuple[PeerDisk, Caller], machine: Machine
) -> None:
    disk, call = bios
    buffer = machine.buffer(100 * 512)
    segment, offset = machine.far(buffer)
    last = CYLINDERS * HEADS * SPT - 1
    assert call.status(0x02, al=100, es=segment, bx=offset, **chs(last)) == 0
    assert machine.read(buffer, 100 * 512) == disk.sectors(last, 100)


def test_buffer_across_a_segment_end_goes_on_linearly(
    bios: tuple[PeerDisk, Caller], machine: Machine
) -> None:
    disk, call = bios
    linear = 0x2FE00
    machine.allow(linear, 4 * 512)
    assert call.status(0x02, al=4, es=0x2000, bx=0xFE00, **chs(5)) == 0
    assert machine.read(linear, 4 * 512) == disk.sectors(5, 4)


@pytest.mark.parametrize(
    "es, bx, count, status",
    [
        (0xFFFF, 0xFFFF, 1, 0x09),
        (0xFFFF, 0xFE00, 1, 0x00),
        (0xFFFF, 0xFE01, 1, 0x09),
        (0xFFFF, 0xFE00, 2, 0x09),
        (0xF000, 0xFFF0, 128, 0x00),
        (0xF000, 0xFFF1, 128, 0x09),
    ],
)
def test_buffer_must_lie_where_real_mode_reaches(
    bios: tuple[PeerDisk, Caller], machine: Machine, es: int, bx: int, count: int, status: int
) -> None:
    disk, call = bios
    machine.allow(0xFF000, 0x12000)
    assert call.status(0x02, al=count, es=es, bx=bx, cx=1, dh=0) == status
    assert len(disk.log) == (status == 0)


@pytest.mark.parametrize("function", [0x02, 0x03])
def test_failure_tells_what_was_done(
    bios: tuple[PeerDisk, Caller], machine: Machine, function: int
) -> None:
    disk, call = bios
    disk.bad[12] = 0x10
    segment, offset = machine.far(machine.buffer(8 * 512))
    result = call(function, al=8, es=segment, bx=offset, **chs(9))
    assert (result.ax, result.cf) == (0x1003, True)


def test_last_status(bios: tuple[PeerDisk, Caller]) -> None:
    _, call = bios
    assert call.status(0x02, al=0) == 0x01
    assert call.status(0x01) == 0x01
    assert call.status(0x01) == 0x01
    assert call.status(0x00) == 0
    assert call.status(0x01) == 0


@pytest.mark.parametrize("function, broken", [(0x00, 0x05), (0x0D, 0x05), (0x10, 0xAA)])
def test_reset_and_ready_ask_the_session(
    bios: tuple[PeerDisk, Caller], function: int, broken: int
) -> None:
    disk, call = bios
    assert call.status(function) == 0
    assert disk.log == [("check", 0, 0, 0)]
    disk.healthy = False
    assert call.status(function) == broken


@pytest.mark.parametrize("function", [0x09, 0x11, 0x14])
def test_functions_without_work(bios: tuple[PeerDisk, Caller], function: int) -> None:
    disk, call = bios
    assert call.status(function) == 0
    assert disk.log == []


@pytest.mark.parametrize(
    "cx, dh, status",
    [
        (0, 0, 0),
        (CYLINDERS - 1 << 8, HEADS - 1, 0),
        (CYLINDERS << 8, 0, 1),
        (0, HEADS, 1),
        (0x00C0, 0, 1),
    ],
)
def test_seek(bios: tuple[PeerDisk, Caller], cx: int, dh: int, status: int) -> None:
    assert bios[1].status(0x0C, cx=cx, dh=dh) == status


def test_verify(bios: tuple[PeerDisk, Caller]) -> None:
    disk, call = bios
    assert call(0x04, al=5, **chs(3)).ax == 5
    disk.healthy = False
    result = call(0x04, al=5, **chs(3))
    assert result.cf and result.ax & 0xFF == 0


@pytest.mark.parametrize(
    "blocks, shown",
    [(BLOCKS, BLOCKS), (0xFFFFFFFF, 0xFFFFFFFF), (1 << 32, 0xFFFFFFFF), (5 << 32, 0xFFFFFFFF)],
)
def test_type_and_size(machine: Machine, blocks: int, shown: int) -> None:
    _, call = installed(machine, blocks)
    result = call(0x15, changes="ecx edx")
    assert result.ax >> 8 == 3 and not result.cf
    assert result.cx << 16 | result.dx == shown
    assert machine.read(0x474, 1) == b"\0"


KNOWN = {*range(0x05), 0x08, 0x09, 0x0C, 0x0D, 0x10, 0x11, 0x14, 0x15, *range(0x41, 0x4A), 0x4E}


def test_unknown_functions(bios: tuple[PeerDisk, Caller]) -> None:
    disk, call = bios
    assert {call.status(function) for function in set(range(256)) - KNOWN} == {0x01}
    assert disk.log == []


@pytest.mark.parametrize("flags", [0, FLAG_IF, FLAG_IF | 1, FLAG_DF, 0x0AD5])
def test_interrupts_while_working_as_the_caller_had_them(
    bios: tuple[PeerDisk, Caller], machine: Machine, flags: int
) -> None:
    disk, call = bios
    disk.interrupts_on.clear()
    segment, offset = machine.far(machine.buffer(512))
    assert not call(0x02, al=1, es=segment, bx=offset, cx=1, dh=0, flags=flags).cf
    assert disk.interrupts_on == [bool(flags & FLAG_IF)]


def test_second_call_before_the_first_is_done(
    bios: tuple[PeerDisk, Caller], machine: Machine
) -> None:
    disk, _ = bios
    machine.set("int13_busy", 1)
    result = machine.call_interrupt(0x13, eax=0x0201, edx=0x80, ecx=1)
    assert result.cf and result.ax >> 8 == 0xAA
    assert disk.log == [] and machine.get("int13_busy") == 1


def test_callers_stack_is_hardly_used(bios: tuple[PeerDisk, Caller], machine: Machine) -> None:
    _, call = bios
    segment, offset = machine.far(machine.buffer(128 * 512))
    lowest: list[int] = []

    def on_write(uc: object, access: int, linear: int, size: int, value: int, _: object) -> None:
        if 0x6000 <= linear < 0xA000:
            lowest.append(linear)

    machine.uc.hook_add(UC_HOOK_MEM_WRITE, on_write)
    call(0x02, al=128, es=segment, bx=offset, cx=1, dh=0)
    assert CALLER_STACK_TOP - min(lowest) <= 6 + 10
