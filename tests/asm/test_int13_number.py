"""`asm/int13/number.asm`: an attached disk gets its number at INT 19h; the BIOS cannot boot it."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from bench.machine import DATA_SEGMENT, Machine
from peer_disk import CALLER_STACK_TOP, Caller, PeerDisk, installed

BOOT, ATTACH, ONCE = 0, 1, 2
BOOTSTRAP = 0xFF80  # F000:, the BIOS's INT 19h
TRAP = 0xF3
PROGRAM = 0x600  # a booted program that calls INT 13h, as INT 60h
READ = {"al": 1, "es": 0x2000, "bx": 0, "cx": 1, "dh": 0}


def attached(machine: Machine, mode: int = ATTACH, **more: Any) -> tuple[PeerDisk, Caller]:
    """Behind the boot connection vector; INT 19h leads to a BIOS that counts in `bootstraps`."""
    machine.__dict__["bootstraps"] = 0

    def bootstrap(m: Machine) -> None:
        m.__dict__["bootstraps"] += 1

    machine.interrupts[TRAP] = bootstrap
    machine.write(0xF0000 + BOOTSTRAP, bytes([0xCD, TRAP, 0xCF]))
    machine.write(0x19 * 4, struct.pack("<HH", BOOTSTRAP, 0xF000))
    machine.allow(0x19 * 4, 4, "vector 19h")
    machine.allow(0x20000, 512, "the caller's buffer")
    machine.write(PROGRAM, bytes([0xCD, 0x13, 0xCA, 2, 0]))  # int 13h; retf 2: the flags are its
    machine.write(0x60 * 4, struct.pack("<HH", PROGRAM, 0))
    return installed(machine, boot_mode=mode, **more)


@pytest.mark.parametrize("mode", [ATTACH, ONCE])
@pytest.mark.parametrize("force", [0, 1])
@pytest.mark.parametrize("before, after", [(0, 0), (0, 2), (1, 1), (1, 3)])
def test_the_number_is_behind_all_others(
    machine: Machine, mode: int, force: int, before: int, after: int
) -> None:
    attached(machine, mode, disks_before=before, force_boot=force)
    assert machine.get("int13_drive", 1) == 0 and machine.read(0x475, 1)[0] == before
    machine.write(0x475, bytes([after]))  # the BIOS has counted its own
    machine.call_interrupt(0x19)
    assert machine.get("int13_drive", 1) == 0x80 + after
    assert machine.read(0x475, 1)[0] == after + 1
    assert machine.get("int13_last", 1) == 0
    assert machine.console == f"iSCSI disk {0x80 + after:x}h: attached, not booted\r\n"
    machine.call_interrupt(0x19)  # a system that gave up
    assert machine.get("int13_drive", 1) == 0x80 + after
    assert machine.__dict__["bootstraps"] == 2


def test_int_19h_changes_no_register_but_eax(machine: Machine) -> None:
    attached(machine)
    names = ("ebx", "ecx", "edx", "esi", "edi", "ebp", "ds", "es")
    given: dict[str, Any] = {name: number for number, name in enumerate(names, 1)}
    result = machine.call_interrupt(0x19, **given)
    assert {name: result.regs[name] for name in given} == given


def test_before_int_19h_nobody_sees_the_disk(machine: Machine) -> None:
    disk, call = attached(machine)
    call(0x00, 0x80)
    call(0x00, 0x81)
    assert disk.log == []


def test_no_number_is_left(machine: Machine) -> None:
    attached(machine)
    machine.write(0x475, b"\x7f")
    machine.call_interrupt(0x19)
    assert machine.get("int13_drive", 1) == 0 and machine.read(0x475, 1) == b"\x7f"
    assert machine.console.startswith("RG-6002 ")
    assert machine.__dict__["bootstraps"] == 1


@pytest.mark.parametrize("function", [0x02, 0x42])
def test_the_bios_cannot_read_the_disk_as_80h(machine: Machine, function: int) -> None:
    disk, call = attached(machine)
    machine.call_interrupt(0x19)
    assert call.status(function, 0x80, **READ) == 0x01
    assert disk.log == []
    assert call.status(0x00, 0x80) == 0x00


def test_a_program_can_read_the_disk_as_80h(machine: Machine) -> None:
    disk, _ = attached(machine)
    machine.call_interrupt(0x19)
    machine.allow(CALLER_STACK_TOP - 8, 1, "the program's flags on the stack")
    regs: dict[str, Any] = {"eax": 0x0201, "ecx": 1, "edx": 0x80, "ebx": 0, "es": 0x2000}
    assert not machine.call_interrupt(0x60, **regs).cf
    assert machine.read(0x20000, 512) == disk.sectors(0, 1)


@pytest.mark.parametrize("mode, disks", [(BOOT, 0), (ATTACH, 1)])
def test_the_bios_can_read_any_other(machine: Machine, mode: int, disks: int) -> None:
    disk, call = attached(machine, mode)
    machine.write(0x475, bytes([disks]))
    machine.call_interrupt(0x19)
    assert call.status(0x02, machine.get("int13_drive", 1), **READ) == 0
    assert machine.read(0x20000, 512) == disk.sectors(0, 1)


def test_booting_leaves_int_19h_alone(machine: Machine) -> None:
    attached(machine, BOOT)
    assert machine.read(0x19 * 4, 4) == struct.pack("<HH", BOOTSTRAP, 0xF000)


def test_the_parameter_table_comes_with_the_number(machine: Machine) -> None:
    attached(machine)
    machine.write(0x475, b"\1")
    before = machine.read(0x46 * 4, 4)
    machine.call_interrupt(0x19)
    ours = struct.pack("<HH", machine.address("int13_fdpt"), DATA_SEGMENT)
    assert machine.read(0x46 * 4, 4) == ours != before
