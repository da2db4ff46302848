"""`asm/rom/int15.asm`: the memory map no longer gives our base memory away."""

from __future__ import annotations

import struct

import pytest
from bench.machine import DATA_SEGMENT, FLAG_CF, Machine

SMAP = 0x534D4150
RAM, RESERVED = 1, 2
TOP_KIB = 600
TOP = TOP_KIB * 1024
BUFFER = 0x3000
Entry = tuple[int, int, int]


class Bios:
    """INT 15h AX=E820h over `entries`; anything else is unknown to it."""

    def __init__(self, machine: Machine, entries: list[Entry]) -> None:
        self.entries = entries
        machine.interrupts[0xF3] = self._call
        machine.map(0xFF000, 0x1000)
        machine.write(0xFF800, b"\xcd\xf3\xca\x02\x00")  # INT F3h, RETF 2: CF goes back
        machine.write(0x15 * 4, struct.pack("<HH", 0xF800, 0xF000))
        self.seen: list[tuple[int, int]] = []

    def _call(self, machine: Machine) -> None:
        self.seen.append((machine.reg("ax"), machine.reg("ds")))
        index = machine.reg("ebx")
        if machine.reg("ax") != 0xE820 or index >= len(self.entries):
            machine.set_reg("ah", 0x86)
            machine.set_cf(True)
            return
        at = machine.reg("es") * 16 + machine.reg("di")
        machine.write(at, struct.pack("<QQI", *self.entries[index]))
        machine.set_reg("eax", SMAP)
        machine.set_reg("ecx", 20)
        machine.set_reg("ebx", (index + 1) % len(self.entries))
        machine.set_cf(False)


def hook(machine: Machine, entries: list[Entry], top_kib: int = TOP_KIB) -> Bios:
    bios = Bios(machine, entries)
    machine.allow(0x15 * 4, 4, "vector 15h")
    machine.allow(BUFFER, 20)
    machine.write(0x413, struct.pack("<H", top_kib))
    machine.set("memory_pmm", 0, 4)
    machine.call("int15_install")
    return bios


def ask(machine: Machine, index: int) -> tuple[Entry, bool]:
    result = machine.call_interrupt(
        0x15, eax=0xE820, edx=SMAP, ebx=index, ecx=20, es=BUFFER >> 4, edi=0
    )
    base, length, kind = struct.unpack("<QQI", machine.read(BUFFER, 20))
    return (base, length, kind), result.cf


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((0, 0x9FC00, RAM), (0, TOP, RAM)),
        ((0, TOP, RAM), (0, TOP, RAM)),
        ((0, TOP - 1, RAM), (0, TOP - 1, RAM)),
        ((0x1000, 0x9EC00, RAM), (0x1000, TOP - 0x1000, RAM)),
        ((TOP, 0x400, RAM), (TOP, 0x400, RESERVED)),
        ((0x9FC00, 0x400, RAM), (0x9FC00, 0x400, RESERVED)),
        ((0x9FC00, 0x400, RESERVED), (0x9FC00, 0x400, RESERVED)),
        ((0x100000, 0x3EE0000, RAM), (0x100000, 0x3EE0000, RAM)),
        ((0x100000000, 0x9FC00, RAM), (0x100000000, 0x9FC00, RAM)),
    ],
)
def test_entries_end_where_base_memory_ends(machine: Machine, before: Entry, after: Entry) -> None:
    hook(machine, [before])
    assert ask(machine, 0) == (after, False)


def test_the_end_of_the_list_is_the_bioss(machine: Machine) -> None:
    hook(machine, [(0, 0x9FC00, RAM)])
    assert ask(machine, 1)[1]


def test_other_functions_reach_the_bios_with_everything_as_it_was(machine: Machine) -> None:
    bios = hook(machine, [])
    result = machine.call_interrupt(0x15, eax=0x12348800, edx=SMAP, ds=0x2345, ebp=0x89ABCDEF)
    assert bios.seen == [(0x8800, 0x2345)]
    assert result.cf and result.regs["ah"] == 0x86
    assert result.regs["ds"] == 0x2345 and result.regs["ebp"] == 0x89ABCDEF


def test_e820_keeps_the_callers_registers_and_flags(machine: Machine) -> None:
    hook(machine, [(0, 0x9FC00, RAM), (0x100000, 0x100000, RAM)])
    flags = 0x0ED5  # all arithmetic flags, IF, DF and OF
    result = machine.call_interrupt(
        0x15,
        eax=0xE820,
        edx=SMAP,
        ebx=0,
        ecx=20,
        es=BUFFER >> 4,
        edi=0,
        ds=0x2345,
        ebp=7,
        esi=0x55667788,
        flags=flags,
    )
    assert result.regs["eax"] == SMAP and result.regs["ebx"] == 1 and result.regs["ecx"] == 20
    assert result.regs["ds"] == 0x2345 and result.regs["ebp"] == 7
    assert result.regs["esi"] == 0x55667788
    assert result.flags & 0x0ED5 == flags & ~FLAG_CF


def test_memory_of_the_pmm_needs_no_hook(machine: Machine) -> None:
    machine.set("memory_pmm", 0xD0000, 4)
    before = machine.read(0x15 * 4, 4)
    machine.call("int15_install")
    assert machine.read(0x15 * 4, 4) == before


def test_the_vector_leads_to_the_stub(machine: Machine) -> None:
    hook(machine, [])
    vector = struct.unpack("<HH", machine.read(0x15 * 4, 4))
    assert vector == (machine.address("stub_int15"), DATA_SEGMENT)
