"""`asm/lib`: PCI configuration, linear copies, random numbers."""

from __future__ import annotations

import pytest
from bench.machine import Machine

MIB = 0x100000


def test_pci_reads_and_writes_every_width(machine: Machine) -> None:
    space = machine.ports.pci[0x0318] = bytearray(range(256))
    assert machine.call("pci_read8", bx=0x0318, di=0x3D).regs["cl"] == 0x3D
    assert machine.call("pci_read16", bx=0x0318, di=0x2E).regs["cx"] == 0x2F2E
    assert machine.call("pci_read32", bx=0x0318, di=0x10).regs["ecx"] == 0x13121110
    machine.call("pci_write8", bx=0x0318, di=0x3D, cl=0xAA)
    machine.call("pci_write16", bx=0x0318, di=0x46, cx=0xBBCC)
    machine.call("pci_write32", bx=0x0318, di=0x10, ecx=0x11223344)
    assert space[0x3C:0x3F] == bytes([0x3C, 0xAA, 0x3E])
    assert space[0x44:0x4A] == bytes([0x44, 0x45, 0xCC, 0xBB, 0x48, 0x49])
    assert space[0x10:0x14] == bytes.fromhex("44332211")


def test_pci_reads_ones_where_nothing_is(machine: Machine) -> None:
    assert machine.call("pci_read32", bx=0x00F8, di=0).regs["ecx"] == 0xFFFFFFFF


@pytest.mark.parametrize("linear", [0, 15, 0x7C00, 0xFFFFF])
def test_lin_to_far_is_the_same_address(machine: Machine, linear: int) -> None:
    result = machine.call("lin_to_far", eax=linear)
    assert result.regs["di"] < 16
    assert result.regs["es"] * 16 + result.regs["di"] == linear


@pytest.mark.parametrize("size", [0, 1, 3, 4, 512, 2047, 2048, 2049, 9001])
def test_copies_below_one_mib_both_ways(machine: Machine, size: int) -> None:
    content = bytes(i * 7 & 0xFF for i in range(size))
    source = machine.buffer(size, content) if size else 0x3000
    target = machine.buffer(size + 1) if size else 0x3000
    segment, offset = machine.far(source)
    there = machine.call("copy_to_linear", es=segment - 3, si=offset + 48, edi=target, ecx=size)
    assert not there.cf
    assert machine.read(target, size + 1)[:size] == content if size else True
    if size:
        back = machine.buffer(size)
        segment, offset = machine.far(back)
        machine.call("copy_from_linear", esi=target, es=segment, di=offset, ecx=size)
        assert machine.read(back, size) == content


@pytest.mark.parametrize("where", [MIB, MIB - 700, 3 * MIB + 1])
def test_copies_above_one_mib(machine: Machine, where: int) -> None:
    content = bytes(i * 11 & 0xFF for i in range(4999))
    machine.allow(MIB, 0x1000, "A20 probe")
    machine.allow(where, len(content))
    machine.write(where, bytes(len(content)))
    segment, offset = machine.far(machine.buffer(len(content), content))
    result = machine.call("copy_to_linear", es=segment, si=offset, edi=where, ecx=len(content))
    assert not result.cf
    assert machine.read(where, len(content)) == content
    back = machine.buffer(len(content))
    segment, offset = machine.far(back)
    result = machine.call("copy_from_linear", esi=where, es=segment, di=offset, ecx=len(content))
    assert not result.cf
    assert machine.read(back, len(content)) == content


def test_random_numbers_differ(machine: Machine) -> None:
    machine.ports.pit.step_us = 1
    numbers = [machine.call("random_dword").eax for _ in range(200)]
    assert len(set(numbers)) == 200
    ones = sum(bin(number).count("1") for number in numbers)
    assert 0.45 < ones / (32 * 200) < 0.55


@pytest.mark.parametrize("what", ["mac", "clock", "ticks", "timer"])
def test_random_numbers_depend_on_each_source(machine: Machine, what: str) -> None:
    def one(changed: bool) -> int:
        machine.ports.pit.step_us = 0
        machine.ports.pit.clocks = 3 if changed and what == "timer" else 0
        machine.set("random_state", 0, 4)
        machine.set("net_mac", b"\x52\x54\0\0\0" + bytes([changed and what == "mac"]))
        machine.ports.cmos[0] = 0x59 if changed and what == "clock" else 0x30
        machine.write(0x46C, bytes([changed and what == "ticks", 0, 0, 0]))
        machine.call("time_init")
        # the cycle counter runs on its own: in protected mode's shadow it is left alone
        machine.replace("random_cycles", lambda machine: machine.set_reg("eax", 0))
        return int(machine.call("random_dword").eax)

    assert one(False) == one(False)
    assert one(False) != one(True)
