"""INT 13h: the Enhanced Disk Drive functions."""

from __future__ import annotations

import struct

import pytest
from bench.machine import Machine
from peer_disk import Caller, PeerDisk, installed

BLOCKS = 0x3_0000_0010  # more than 32 bits can count
LUN = bytes([0x40, 0x05, 0, 0, 0, 0, 0, 0])


def packet(
    lba: int,
    count: int,
    buffer: int,
    size: int = 0x10,
    *,
    flat: int = 0,
    long_count: int = 0,
    far: tuple[int, int] | None = None,
) -> bytes:
    """A disk address packet; ``far`` is (segment, offset)."""
    segment, offset = far or (buffer >> 4, buffer & 15)
    return struct.pack("<BBHHHQQII", size, 0, count, offset, segment, lba, flat, long_count, 0)[
        : max(size, 2)
    ]


@pytest.fixture
def bios(machine: Machine) -> tuple[PeerDisk, Caller]:
    machine.set("session_lun", LUN)
    machine.set("boot_bdf", 0x0312)
    return installed(machine, BLOCKS)


def place(machine: Machine, content: bytes) -> dict[str, int]:
    """The registers that point to a packet with nothing behind it; its address is DS:SI."""
    segment, offset = machine.far(machine.buffer(len(content), content))
    return {"ds": segment, "si": offset}


def linear(regs: dict[str, int]) -> int:
    return regs["ds"] * 16 + regs["si"]


def test_check(bios: tuple[PeerDisk, Caller]) -> None:
    _, call = bios
    result = call(0x41, bx=0x55AA, changes="ebx ecx")
    assert (result.cf, result.ax, result.bx, result.cx) == (False, 0x3000, 0xAA55, 0x000D)
    assert call.status(0x41, bx=0x55AB) == 0x01


@pytest.mark.parametrize(
    "lba, count",
    [
        (0, 1),
        (0xFFFFFFFF, 2),
        (BLOCKS - 1, 1),
        (BLOCKS - 16, 16),
        (1 << 33, 127),
        (5, 128),
        (6, 0x140),
    ],
)
@pytest.mark.parametrize("size", [0x10, 0x18, 0x20, 0x28])
def test_read(
    bios: tuple[PeerDisk, Caller], machine: Machine, lba: int, count: int, size: int
) -> None:
    disk, call = bios
    buffer = machine.buffer(count * 512)
    regs = place(machine, packet(lba, count, buffer, size))
    assert call.status(0x42, **regs) == 0
    assert machine.read(buffer, count * 512) == disk.sectors(lba, count)
    assert disk.log == [("read", lba, count, buffer)]


def test_write(bios: tuple[PeerDisk, Caller], machine: Machine) -> None:
    disk, call = bios
    content = bytes(range(256)) * 10
    buffer = machine.buffer(len(content), content, writable=False)
    assert call.status(0x43, al=2, **place(machine, packet(1 << 32, 5, buffer))) == 0
    assert disk.sectors(1 << 32, 5) == content


@pytest.mark.parametrize("function", [0x42, 0x43, 0x44])
@pytest.mark.parametrize(
    "lba, count",
    [
        (BLOCKS, 1),
        (BLOCKS - 1, 2),
        (BLOCKS - 127, 128),
        (1 << 63, 1),
        ((1 << 64) - 1, 1),
        ((1 << 64) - 1, 2),
        ((1 << 64) - 0x7F, 0x7F),
        (BLOCKS + (1 << 34), 1),
    ],
)
def test_range_that_leaves_the_disk(
    bios: tuple[PeerDisk, Caller], machine: Machine, function: int, lba: int, count: int
) -> None:
    disk, call = bios
    regs = place(machine, packet(lba, count, machine.buffer(512)))
    assert call.status(function, **regs) == 0x01
    assert disk.log == []
    assert machine.read(linear(regs) + 2, 2) == b"\0\0"


@pytest.mark.parametrize("function", [0x42, 0x43, 0x44])
@pytest.mark.parametrize("lba", [0, BLOCKS + 5])
def test_count_of_zero_succeeds(
    bios: tuple[PeerDisk, Caller], machine: Machine, function: int, lba: int
) -> None:
    disk, call = bios
    assert call.status(function, **place(machine, packet(lba, 0, 0))) == 0
    assert [entry for entry in disk.log if entry[0] != "check"] == []


@pytest.mark.parametrize("function", [0x42, 0x43, 0x44, 0x47])
@pytest.mark.parametrize("size", [0, 2, 0x0F])
def test_short_packet_is_refused_and_left_alone(
    bios: tuple[PeerDisk, Caller], machine: Machine, function: int, size: int
) -> None:
    disk, call = bios
    content = packet(0, 1, 0x20000, 0x10)
    content = bytes([size]) + content[1:]
    regs = place(machine, content)
    assert call.status(function, **regs) == 0x01
    assert machine.read(linear(regs), 0x10) == content
    assert disk.log == []


@pytest.mark.parametrize("function", [0x42, 0x43])
def test_failure_writes_what_was_done(
    bios: tuple[PeerDisk, Caller], machine: Machine, function: int
) -> None:
    disk, call = bios
    disk.bad[107] = 0x10
    regs = place(machine, packet(100, 20, machine.buffer(20 * 512)))
    assert call.status(function, **regs) == 0x10
    assert machine.read(linear(regs) + 2, 2) == b"\7\0"


def test_long_count(bios: tuple[PeerDisk, Caller], machine: Machine) -> None:
    disk, call = bios
    buffer = machine.buffer(300 * 512)
    regs = place(
        machine, packet(9, 0xFF, 0, 0x20, flat=buffer, long_count=300, far=(0xFFFF, 0xFFFF))
    )
    assert call.status(0x42, **regs) == 0
    assert machine.read(buffer, 300 * 512) == disk.sectors(9, 300)
    disk.bad[250] = 0x80
    assert call.status(0x42, **regs) == 0x80
    assert struct.unpack("<I", machine.read(linear(regs) + 0x18, 4)) == (241,)
    assert machine.read(linear(regs) + 2, 2) == b"\xff\0"


def test_255_blocks_without_room_for_a_long_count(
    bios: tuple[PeerDisk, Caller], machine: Machine
) -> None:
    disk, call = bios
    buffer = machine.buffer(255 * 512)
    assert call.status(0x42, **place(machine, packet(3, 0xFF, buffer, 0x18))) == 0
    assert disk.log == [("read", 3, 255, buffer)]


@pytest.mark.parametrize(
    "flat, count, status",
    [
        (0x12345678, 3, 0),
        (0xFFFFFFFF - 512, 1, 0),
        (0xFFFFFFFF - 511, 1, 0x09),
        (1 << 32, 1, 0x09),
        (0xFFFFFFFFFFFFFE00, 1, 0x09),
        (0xFFFF0000, 0x80, 0x09),
    ],
)
def test_flat_address(
    bios: tuple[PeerDisk, Caller], machine: Machine, flat: int, count: int, status: int
) -> None:
    disk, call = bios
    if not status:
        machine.allow(flat, count * 512)
    regs = place(machine, packet(7, count, 0, 0x18, flat=flat, far=(0xFFFF, 0xFFFF)))
    assert call.status(0x42, **regs) == status
    assert disk.log == ([] if status else [("read", 7, count, flat)])


def test_transfer_of_more_than_32_bits_of_bytes(
    bios: tuple[PeerDisk, Caller], machine: Machine
) -> None:
    disk, call = bios
    regs = place(
        machine,
        packet(0, 0xFF, 0, 0x20, flat=0x100000, long_count=0x00800000, far=(0xFFFF, 0xFFFF)),
    )
    assert call.status(0x42, **regs) == 0x09
    assert disk.log == []


def test_no_flat_address_in_a_short_packet(bios: tuple[PeerDisk, Caller], machine: Machine) -> None:
    disk, call = bios
    regs = place(machine, packet(7, 1, 0, 0x10, far=(0xFFFF, 0xFFFF)))
    assert call.status(0x42, **regs) == 0x09
    assert disk.log == []


def test_packet_across_the_end_of_its_segment(
    bios: tuple[PeerDisk, Caller], machine: Machine
) -> None:
    disk, call = bios
    content = packet(77, 1, machine.buffer(512))
    machine.allow(0x50000, 0x10000)
    machine.write(0x5FFF8, content[:8])
    machine.write(0x50000, content[8:])
    assert call.status(0x42, ds=0x5000, si=0xFFF8) == 0
    assert disk.log[0][1] == 77


def test_verify_asks_the_session(bios: tuple[PeerDisk, Caller], machine: Machine) -> None:
    disk, call = bios
    regs = place(machine, packet(5, 3, 0))
    assert call.status(0x44, **regs) == 0
    disk.healthy = False
    assert call.status(0x44, **regs) == 0x05
    assert machine.read(linear(regs) + 2, 2) == b"\0\0"
    assert {entry[0] for entry in disk.log} == {"check"}


@pytest.mark.parametrize(
    "lba, count, status",
    [(0, 0, 0), (BLOCKS - 1, 9, 0), (BLOCKS, 0, 1), (BLOCKS, 1, 1), ((1 << 64) - 1, 0, 1)],
)
def test_seek(
    bios: tuple[PeerDisk, Caller], machine: Machine, lba: int, count: int, status: int
) -> None:
    disk, call = bios
    assert call.status(0x47, **place(machine, packet(lba, count, 0))) == status
    assert disk.log == []


@pytest.mark.parametrize("al, status", [(0, 0), (1, 0), (2, 0), (3, 1), (255, 1)])
def test_lock(bios: tuple[PeerDisk, Caller], al: int, status: int) -> None:
    _, call = bios
    result = call(0x45, al=al)
    assert result.ax == (0 if not status else status << 8 | al)


def test_eject_and_media_change(bios: tuple[PeerDisk, Caller]) -> None:
    _, call = bios
    assert call.status(0x46, al=0) == 0xB2
    assert call.status(0x49) == 0


def test_configuration(bios: tuple[PeerDisk, Caller]) -> None:
    _, call = bios
    assert {al for al in range(256) if call.status(0x4E, al=al) == 0} == {1, 3, 4, 6}


@pytest.mark.parametrize(
    "size, given",
    [
        (0, 0),
        (0x19, 0),
        (0x1A, 0x1A),
        (0x1D, 0x1A),
        (0x1E, 0x1E),
        (0x41, 0x1E),
        (0x42, 0x42),
        (0x49, 0x42),
        (0x4A, 0x4A),
        (0x4B, 0x4A),
        (0xFFFF, 0x4A),
    ],
)
def test_parameters(bios: tuple[PeerDisk, Caller], machine: Machine, size: int, given: int) -> None:
    _, call = bios
    content = struct.pack("<H", size) + b"\xee" * 0x60
    regs = place(machine, content)
    assert call.status(0x48, **regs) == (0 if given else 0x01)
    answer = machine.read(linear(regs), len(content))
    assert answer[max(given, 2) :] == content[max(given, 2) :]
    if not given:
        assert answer == content
        return
    length, flags, cylinders, heads, sectors, total, sector = struct.unpack_from("<HHIIIQH", answer)
    assert (length, flags, total, sector) == (given, 0x0001, BLOCKS, 512)
    assert (cylinders, heads, sectors) == (0x3FFF, 255, 63)
    if given >= 0x1E:
        assert answer[0x1A:0x1E] == b"\xff" * 4
    if given > 0x1E:
        assert answer[0x1E:0x38] == (
            b"\xdd\xbe"
            + bytes([given - 0x1E, 0, 0, 0])
            + b"PCI SCSI    "
            + bytes([3, 2, 2, 0, 0, 0, 0, 0])
        )
        assert sum(answer[0x1E:given]) & 0xFF == 0
        phoenix = bytes([5]) + bytes(8)
        t13 = struct.pack("<HQ", 0, 0x4005) + bytes(7)
        assert answer[0x38 : given - 1] == (phoenix if given == 0x42 else t13)


@pytest.mark.parametrize("target", [0, 1])
def test_parameters_name_the_unit_in_use(
    bios: tuple[PeerDisk, Caller], machine: Machine, target: int
) -> None:
    """After a fail-over it is the second target's; the first one's LUN counts no more."""
    _, call = bios
    machine.set("ev_lun", bytes([0, 9, 0, 0, 0, 0, 0, 0]))
    machine.set("session_target", target, 1)
    machine.set("session_lun", bytes([0, 3, 0, 0, 0, 0, 0, 0]))
    regs = place(machine, struct.pack("<H", 0x4A) + bytes(0x48))
    assert call.status(0x48, **regs) == 0
    answer = machine.read(linear(regs), 0x4A)
    assert struct.unpack_from("<HQ", answer, 0x38) == (target, 3)
    assert sum(answer[0x1E:]) & 0xFF == 0


def test_parameters_of_a_disk_that_chs_reaches(machine: Machine) -> None:
    _, call = installed(machine, 100_000)
    regs = place(machine, struct.pack("<H", 0x1A) + bytes(0x18))
    assert call.status(0x48, **regs) == 0
    assert struct.unpack("<HHIIIQH", machine.read(linear(regs), 0x1A)) == (
        0x1A,
        0x0003,
        99,
        16,
        63,
        100_000,
        512,
    )
    result = call(0x08, changes="ecx edx")
    assert (result.cx >> 8 | (result.cx & 0xC0) << 2, result.cx & 0x3F, result.dx >> 8) == (
        98,
        63,
        15,
    )
