"""`asm/rom/memory.asm`: one block by PMM or from base memory, and back."""

from __future__ import annotations

import struct

import pytest
from bench.machine import ROM_SEGMENT, Machine

PCI_SLOT = 0x18

PMM = 0xF2000
PMM_ENTRY = 0xF2100
CONVENTIONAL_PERMANENT_ALIGNED = 13
CONVENTIONAL = 1
PAGE = 4096 // 16
FRAME_BUFFER = 1536
LESS = 8
"""Receive buffers that the e1000 does without in base memory: nics.toml has 16 and 8."""
GOAL = 40 * 1024


class PostMemoryManager:
    """$PMM at F200:0 whose entry is a Python function; records its calls.

    address: of permanent blocks; free: (start, size) of what it could give away for POST, in bytes;
    told_in: bytes in which it tells the size of that (16 by the specification)
    """

    def __init__(
        self, machine: Machine, address: int, free: tuple[int, int] = (0, 0), told_in: int = 16
    ) -> None:
        self.address, self.free, self.told_in = address, free, told_in
        self.calls: list[tuple[int, ...]] = []
        machine.map(0xE0000, 0x20000)
        header = b"$PMM" + bytes([1, 16, 0]) + struct.pack("<HH", PMM_ENTRY - PMM, PMM >> 4)
        header += bytes(5)
        header = header[:6] + bytes([-sum(header) & 0xFF]) + header[7:]
        machine.write(PMM, header)
        machine.write(PMM_ENTRY, b"\xcd\xf2\xcb")  # INT F2h, RETF
        machine.interrupts[0xF2] = self._call

    def _call(self, machine: Machine) -> None:
        at = machine.reg("ss") * 16 + machine.reg("sp") + 4
        function, length, handle, flags = struct.unpack("<HIIH", machine.read(at, 12))
        result = 0
        if function == 0 and flags == CONVENTIONAL:
            start, size = self.free
            if length == 0:
                result = size // self.told_in
            elif length * 16 <= size:
                result = start
        elif function == 0:
            self.calls.append((function, length, handle, flags))
            result = self.address
        else:
            self.calls.append((function, length))
        machine.set_reg("ax", result & 0xFFFF)
        machine.set_reg("dx", result >> 16)
        for register in ("ebx", "ecx"):
            machine.set_reg(register, 0xBADBAD)
        machine.set_reg("es", 0x1234)


def base_memory(machine: Machine) -> int:
    return int.from_bytes(machine.read(0x413, 2), "little")


def rounded(size: int) -> int:
    return (size + 15) // 16


def code(machine: Machine) -> int:
    """Paragraphs of the UNDI's code, with which the block begins."""
    return rounded(machine.address("undi_code_size"))


def paragraphs(machine: Machine, less: int = 0) -> int:
    """Of the block; less: receive buffers fewer."""
    data = rounded(machine.address("undi_data_size")) - less * FRAME_BUFFER // 16
    return code(machine) + machine.address("dgroup_paragraphs") + data


def pages(size: int) -> int:
    return -(-size // PAGE) * PAGE


def base_kib(machine: Machine, less: int = LESS) -> int:
    """KiB of base memory that are left: the block begins with a page."""
    return (639 + -paragraphs(machine, less) // 64) // 4 * 4


def base_segment(machine: Machine, less: int = LESS) -> int:
    """Of DGROUP in base memory."""
    return base_kib(machine, less) * 64 + code(machine)


def variable(machine: Machine, segment: int, name: str, size: int = 2) -> int:
    raw = machine.read(segment * 16 + machine.address(name), size)
    return int.from_bytes(raw, "little")


def check_layout(machine: Machine, segment: int, less: int = LESS) -> None:
    """The three areas follow one another, DGROUP is zero but for what memory.asm keeps there."""
    assert variable(machine, segment, "memory_segment") == segment
    by_pmm = variable(machine, segment, "memory_pmm", 4) != 0
    data = segment + machine.address("dgroup_paragraphs")
    assert variable(machine, segment, "undi_ds_seg") == data
    start = segment - code(machine)
    assert variable(machine, segment, "undi_cs_seg") == start
    assert start % PAGE == 0  # so code and what is often written do not share a page
    assert variable(machine, segment, "memory_rx_less") == (0 if by_pmm else less)
    content = bytearray(machine.read(segment * 16, machine.address("stack_top")))
    for name, size in (
        ("memory_segment", 2),
        ("memory_pmm", 4),
        ("memory_base_before", 2),
        ("memory_base_after", 2),
        ("undi_cs_seg", 2),
        ("undi_ds_seg", 2),
        ("memory_rx_less", 2),
    ):
        at = machine.address(name)
        content[at : at + size] = bytes(size)
    assert not any(content)


def noise(machine: Machine, linear: int) -> None:
    size = pages(paragraphs(machine)) * 16
    machine.allow(linear, size, "block")
    machine.write(linear, b"\xa5" * size)


def test_pmm_gives_permanent_conventional_memory(machine: Machine) -> None:
    pmm = PostMemoryManager(machine, 0xD8000)
    noise(machine, 0xD8000)
    result = machine.call("memory_allocate")
    segment = 0xD800 + code(machine)
    assert not result.cf and result.ax == segment
    size = pages(paragraphs(machine))
    assert pmm.calls == [(0, size, 0xFFFFFFFF, CONVENTIONAL_PERMANENT_ALIGNED)]
    assert base_memory(machine) == 639
    check_layout(machine, segment)
    assert variable(machine, segment, "memory_pmm", 4) == 0xD8000


def test_memory_of_a_pmm_without_permanence_is_not_used(machine: Machine) -> None:
    pmm = PostMemoryManager(machine, 0x50000)  # below 40:13: the system's, after POST
    kib = base_kib(machine)
    noise(machine, kib * 1024)
    result = machine.call("memory_allocate")
    assert not result.cf and result.ax == base_segment(machine)
    assert [call[:2] for call in pmm.calls] == [(0, pages(paragraphs(machine))), (2, 0x50000)]
    assert base_memory(machine) == kib
    check_layout(machine, result.ax)


@pytest.mark.parametrize("answer", [0, 0xFFFFFFFF, 0x00200000])
def test_base_memory_where_the_pmm_has_none(machine: Machine, answer: int) -> None:
    PostMemoryManager(machine, answer)
    kib = base_kib(machine)
    noise(machine, kib * 1024)
    assert machine.call("memory_allocate").ax == base_segment(machine)


@pytest.mark.parametrize("told_in", [1, 16])
@pytest.mark.parametrize("over", [0, 16])
def test_base_memory_that_the_pmm_clears_is_refused(
    machine: Machine, told_in: int, over: int
) -> None:
    kib = base_kib(machine)
    start = 0x7000
    pmm = PostMemoryManager(machine, 0, (start, kib * 1024 - start + over), told_in)
    noise(machine, kib * 1024)
    result = machine.call("memory_allocate")
    assert result.ax == (1002 if over else base_segment(machine))
    assert base_memory(machine) == (639 if over else kib)
    assert pmm.calls[-1] == (2, start)


def test_base_memory_where_there_is_no_pmm(machine: Machine) -> None:
    machine.map(0xE0000, 0x20000)
    machine.write(0xE8000, b"$PMM" + bytes([1, 16, 0x55]))  # a wrong checksum
    kib = base_kib(machine)
    noise(machine, kib * 1024)
    assert machine.call("memory_allocate").ax == base_segment(machine)


@pytest.mark.parametrize("name", ["machine", "virtio_machine"])
def test_base_memory_taken_is_what_was_promised(name: str, request: pytest.FixtureRequest) -> None:
    """40 KiB at most, with what a block that begins with a page loses below 639 KiB."""
    machine: Machine = request.getfixturevalue(name)
    assert (639 - base_kib(machine)) * 1024 <= GOAL


MODERN = bytes((0x09, 0x00, 20, 5))
COMMON = bytes((0x09, 0x50, 16, 1))
MSIX = bytes((0x11, 0x50, 0, 0))


@pytest.mark.parametrize(
    ("first", "second", "less"),
    [
        (MODERN, None, LESS),
        (COMMON, MODERN, LESS),
        (MSIX, MODERN, LESS),
        (COMMON, COMMON, 0),  # in a circle
        (None, None, 0),
    ],
)
def test_a_legacy_virtio_device_gets_all_the_room(
    virtio_machine: Machine, first: bytes | None, second: bytes | None, less: int
) -> None:
    """A queue is as long as such a device likes."""
    machine = virtio_machine
    machine.map(0xE0000, 0x20000)
    space = bytearray(256)
    space[0x34] = 0x40 if first else 0
    space[0x40:0x44], space[0x50:0x54] = first or bytes(4), second or bytes(4)
    machine.ports.pci[PCI_SLOT] = space
    machine.write(ROM_SEGMENT * 16 + machine.address("rom_bdf"), PCI_SLOT.to_bytes(2, "little"))
    noise(machine, base_kib(machine, less) * 1024)
    result = machine.call("memory_allocate", gs=ROM_SEGMENT)
    assert not result.cf
    check_layout(machine, result.ax, less)
    assert base_memory(machine) == base_kib(machine, less)


def test_no_memory_is_an_error_and_takes_nothing(machine: Machine) -> None:
    machine.map(0xE0000, 0x20000)
    machine.write(0x413, (270).to_bytes(2, "little"))
    result = machine.call("memory_allocate")
    assert result.cf and result.ax == 1002
    assert base_memory(machine) == 270


def release(machine: Machine, segment: int) -> None:
    """memory_release with DS = DGROUP, whose content goes to the bench's data segment."""
    machine.write(machine.data, machine.read(segment * 16, machine.address("stack_top")))
    machine.call("memory_release")


def test_release_returns_base_memory(machine: Machine) -> None:
    machine.map(0xE0000, 0x20000)
    noise(machine, base_kib(machine) * 1024)
    segment = machine.call("memory_allocate").ax
    release(machine, segment)
    assert base_memory(machine) == 639


def test_release_leaves_base_memory_that_somebody_else_lowered(machine: Machine) -> None:
    machine.map(0xE0000, 0x20000)
    noise(machine, base_kib(machine) * 1024)
    segment = machine.call("memory_allocate").ax
    machine.write(0x413, (500).to_bytes(2, "little"))
    release(machine, segment)
    assert base_memory(machine) == 500


def test_release_returns_memory_to_the_pmm(machine: Machine) -> None:
    pmm = PostMemoryManager(machine, 0xD8000)
    noise(machine, 0xD8000)
    release(machine, machine.call("memory_allocate").ax)
    assert pmm.calls[-1] == (2, 0xD8000)


def test_nobody_finds_a_table_in_released_memory(machine: Machine) -> None:
    machine.set("ibft_table", b"iBFT")
    machine.call("memory_release")
    assert machine.bytes_of("ibft_table", 4) != b"iBFT"
