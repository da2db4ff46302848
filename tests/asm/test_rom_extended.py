"""`memory_extended`: memory for the read-ahead, unless it is the system's; flat limits."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from bench.machine import ROM_SEGMENT, Machine
from test_rom_memory import PostMemoryManager

ADDRESS = 0x3F20000
PARAGRAPHS = 0x20000 // 16
EXTENDED_PERMANENT_ALIGNED = 2 | 4 | 8
SMAP = 0x534D4150
RAM, RESERVED = 1, 2
LOW = (0, 0x9FC00, RAM)
Entry = tuple[int, int, int]


def memory_map(entries: list[Entry]) -> Callable[[Machine], None]:
    """INT 15h AX=E820h."""

    def call(machine: Machine) -> None:
        index = machine.reg("ebx")
        assert machine.reg("eax") == 0xE820 and machine.reg("edx") == SMAP
        machine.set_cf(not entries)
        if not entries:
            return
        at = machine.reg("es") * 16 + machine.reg("di")
        machine.write(at, struct.pack("<QQI", *entries[index]))
        machine.set_reg("eax", SMAP)
        machine.set_reg("ebx", (index + 1) % len(entries))

    return call


def ask(machine: Machine, entries: list[Entry], address: int = ADDRESS) -> tuple[int, list[int]]:
    """What memory_extended gives, and the functions of the PMM that it called."""
    pmm = PostMemoryManager(machine, address)
    machine.interrupts[0x15] = memory_map(entries)
    got = machine.call("memory_extended", eax=PARAGRAPHS).eax
    assert pmm.calls[0] == (0, PARAGRAPHS, 0xFFFFFFFF, EXTENDED_PERMANENT_ALIGNED)
    return got, [call[0] for call in pmm.calls]


@pytest.mark.parametrize(
    "entries",
    [
        [LOW, (0x100000, ADDRESS - 0x100000, RAM), (ADDRESS, 0x100000, RESERVED)],
        [LOW, (0x100000, ADDRESS - 0x100000, RAM), (ADDRESS + 0x20000, 0x100000, RAM)],
        [LOW, (1 << 32, 1 << 32, RAM)],
    ],
)
def test_what_the_map_does_not_call_usable_is_ours(machine: Machine, entries: list[Entry]) -> None:
    assert ask(machine, entries) == (ADDRESS, [0])


@pytest.mark.parametrize("entries", [[], [LOW, (0x100000, 0x3F00000, RAM)], [(ADDRESS, 1, RAM)]])
def test_what_the_system_gets_is_given_back(machine: Machine, entries: list[Entry]) -> None:
    assert ask(machine, entries) == (0, [0, 2])


@pytest.mark.parametrize("answer", [0, 0xFFFFFFFF])
def test_the_pmm_has_none(machine: Machine, answer: int) -> None:
    assert ask(machine, [LOW], answer) == (0, [0])


def test_no_pmm(machine: Machine) -> None:
    machine.map(0xE0000, 0x20000)
    assert machine.call("memory_extended", eax=PARAGRAPHS).eax == 0


def test_a_lost_limit_is_made_again(machine: Machine) -> None:
    """Exception 13: every register as before but the segments, which are flat."""
    vector = struct.pack("<HH", machine.address("flat_fault"), ROM_SEGMENT)
    machine.write(13 * 4, vector)
    result = machine.call_interrupt(13, eax=0x12345678, ebx=0x9ABCDEF0, ds=0x1234, es=0x2345)
    assert (result.eax, result.ebx) == (0x12345678, 0x9ABCDEF0)
    assert [machine.reg(name) for name in ("ds", "es", "fs")] == [0, 0, 0]


def test_the_vector_is_given_back(machine: Machine) -> None:
    machine.write(13 * 4, b"\x11\x22\x33\x44")
    machine.allow(0x100000, 0x1000)  # the A20 gate is tried there
    machine.allow(0x300000, 0x2000)
    machine.write(0x300000, bytes(range(256)) * 12)
    to = machine.buffer(3001)
    assert not machine.call("copy_linear", esi=0x300000, edi=to, ecx=3001).cf
    assert machine.read(to, 3001) == (bytes(range(256)) * 12)[:3001]
    assert machine.read(13 * 4, 4) == b"\x11\x22\x33\x44"
