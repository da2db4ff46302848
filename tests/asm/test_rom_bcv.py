"""`asm/rom/bcv.asm`, `message.asm`: the way to the hooked disk, and back from each failure."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from bench.machine import DATA_SEGMENT, ROM_SEGMENT, Machine
from test_rom_init import OURS, adapter, byte_sum, pci_bios
from test_rom_memory import PostMemoryManager

from romgen import __version__

STEPS = ("ev_load", "undi_open", "net_init", "iscsi_open", "int13_install", "int15_install",
         "ibft_write")  # fmt: skip
UNDONE_BY = {"undi_open": "undi_close", "iscsi_open": "iscsi_close"}
NO_TARGET = 3012


class World:
    """Stand-ins for everything below the BCV: `fails` names the step that fails."""

    def __init__(
        self,
        machine: Machine,
        fails: str = "",
        error: int = NO_TARGET,
        stuck: bool = False,
        drive: int = 0x80,
    ) -> None:
        self.trace: list[str] = []
        self.drive = drive
        self.stuck = stuck  # the UNDI cannot be stopped
        for name in (*STEPS, "undi_close", "iscsi_close", "memory_release"):
            machine.replace(name, self._step(name, name == fails, error))
        machine.replace("memory_allocate", self._memory)
        adapter(machine, OURS)
        machine.write(machine.data, bytes(machine.address("stack_top")))
        machine.rom_writable()
        machine.map(0xC0000, 0x40000)  # where other option ROMs and the PMM would be
        machine.call_far("rom_init", ax=OURS)

    def _step(self, name: str, fails: bool, error: int) -> Callable[[Machine], None]:
        def step(machine: Machine) -> None:
            self.trace.append(name)
            if name in ("undi_close", "iscsi_close", "memory_release"):
                machine.set_reg("eax", 0xDEAD)
                machine.set_cf(name != "undi_close" or self.stuck)
                return
            if name == "undi_open":
                assert machine.reg("bx") == OURS
                machine.set("net_mac", bytes.fromhex("525400123456"))
            if name == "net_init":
                machine.set("net_ip", bytes([10, 0, 2, 15]))
                machine.set("net_mask", bytes([255, 255, 255, 0]))
            if name == "iscsi_open":
                machine.set("disk_blocks", 0x300000001, 8)
                machine.set("disk_block_size", 512, 4)
            if name == "int13_install":
                machine.set("int13_drive", self.drive, 1)
            machine.set_reg("ax", error)
            machine.set_cf(fails)

        return step

    def _memory(self, machine: Machine) -> None:
        self.trace.append("memory_allocate")
        machine.set_reg("ax", DATA_SEGMENT)
        machine.set_cf(False)


def settings(machine: Machine) -> None:
    machine.set("ev_target_ip", bytes([10, 0, 2, 2]))
    machine.set("ev_target_port", 3261)
    machine.set("ev_target_name", b"iqn.2007-09.org.example:disk\0")
    machine.set("ev_lun", bytes([0, 1, 0, 0, 0, 0, 0, 0]))
    machine.set("net_gateway", bytes([10, 0, 2, 1]))


def run(machine: Machine) -> None:
    """The BCV on the BIOS's stack; every register must come back."""
    machine.call_far("rom_bcv", ax=0, bx=0xFFFF, dx=0xFFFF)


def test_all_goes_well(machine: Machine) -> None:
    world = World(machine)
    settings(machine)
    run(machine)
    assert world.trace == ["memory_allocate", *STEPS]
    banner, *lines = machine.console.splitlines()
    assert banner == f"romgen iSCSI e1000 {__version__}, adapter 00:03.0"
    assert lines == [
        "  MAC 52:54:00:12:34:56, link up",
        "  Initiator 10.0.2.15, mask 255.255.255.0",
        "  Gateway 10.0.2.1",
        "  Target 10.0.2.2:3261 iqn.2007-09.org.example:disk, LUN 1",
        f"  Disk 80h: {0x300000001 // 2048} MiB, {0x300000001} blocks of 512 bytes",
    ]


@pytest.mark.parametrize("fails", ["ev_load", "undi_open", "iscsi_open", "int13_install"])
def test_a_failure_is_printed_and_undone_in_reverse_order(machine: Machine, fails: str) -> None:
    world = World(machine, fails)
    settings(machine)
    run(machine)
    done = list(STEPS[: STEPS.index(fails) + 1])
    undone = [UNDONE_BY[step] for step in reversed(done) if step in UNDONE_BY]
    if fails == "iscsi_open":
        undone.remove("iscsi_close")  # it undoes itself
    assert world.trace == ["memory_allocate", *done, *undone, "memory_release"]
    assert machine.console.splitlines()[-1].startswith(f"RG-{NO_TARGET} ")


def test_a_misplaced_ibft_is_only_a_warning(machine: Machine) -> None:
    world = World(machine, "ibft_write", 1008)
    settings(machine)
    run(machine)
    assert world.trace == ["memory_allocate", *STEPS]
    assert machine.console.splitlines()[-1].startswith("RG-1008 ")


def test_no_memory_is_printed(machine: Machine) -> None:
    world = World(machine)

    def none(machine: Machine) -> None:
        machine.set_reg("ax", 1002)
        machine.set_cf(True)

    machine.replace("memory_allocate", none)
    run(machine)
    assert world.trace == []
    assert machine.console.startswith("RG-1002 no memory")


def test_no_memory_in_post_is_tried_again_at_int_19h(machine: Machine) -> None:
    world = World(machine)
    PostMemoryManager(machine, 0)
    old = struct.pack("<HH", 0xFF53, 0xF000)  # an IRET
    allocate = ["none", "memory"]

    def memory(machine: Machine) -> None:
        none = allocate.pop(0) == "none"
        machine.set_reg("ax", 1002 if none else DATA_SEGMENT)
        machine.set_cf(none)

    machine.replace("memory_allocate", memory)
    machine.allow(0x19 * 4, 4, "vector 19h")
    before = byte_sum(machine)
    run(machine)
    assert world.trace == [] and "again when the BIOS boots" in machine.console
    late = struct.pack("<HH", machine.address("rom_late"), ROM_SEGMENT)
    assert machine.read(0x19 * 4, 4) == late and byte_sum(machine) == before
    machine.call_interrupt(0x19)
    assert world.trace == list(STEPS)
    assert machine.read(0x19 * 4, 4) == old


def test_adapters_that_wait_keep_their_order(machine: Machine) -> None:
    machine.map(0xC0000, 0x40000)
    PostMemoryManager(machine, 0)
    machine.rom_writable()
    machine.allow(0x19 * 4, 4, "vector 19h")
    segments = [ROM_SEGMENT, 0xD800, 0xE000]
    for segment in segments[1:]:
        machine.allow(segment * 16, 0x400, "another adapter's ROM")
        machine.write(segment * 16, machine.rom.code[:0x400])
    old = machine.read(0x19 * 4, 4)
    for segment in (*segments, segments[1]):  # the last is there already
        assert not machine.call("bcv_defer", gs=segment).cf
    late, at = machine.address("rom_late"), machine.address("rom_late_old")
    chain = [machine.read(0x19 * 4, 4)]
    chain += [machine.read(segment * 16 + at, 4) for segment in segments]
    assert chain == [*(struct.pack("<HH", late, segment) for segment in segments), old]


def test_a_waiting_program_of_others_comes_behind(machine: Machine) -> None:
    """Its entry has the same offset as ours, but it is not ours: nothing of it changes."""
    machine.map(0xC0000, 0x40000)
    PostMemoryManager(machine, 0)
    machine.rom_writable()
    machine.allow(0x19 * 4, 4, "vector 19h")
    other = struct.pack("<HH", machine.address("rom_late"), 0xD800)
    machine.write(0x19 * 4, other)
    assert not machine.call("bcv_defer", gs=ROM_SEGMENT).cf
    assert machine.read(ROM_SEGMENT * 16 + machine.address("rom_late_old"), 4) == other
    assert machine.read(0x19 * 4, 4) == struct.pack(
        "<HH", machine.address("rom_late"), ROM_SEGMENT
    )


@pytest.mark.parametrize("same", ["both", "lun", "name"])
def test_another_adapter_with_a_disk(machine: Machine, same: str) -> None:
    """Its ROM is at C0000h, its data segment at 50000h, its disk is 80h."""
    world = World(machine, drive=0x81)
    machine.set("ev_force_boot", 1, 1)
    machine.set("undi_level", 1, 1)  # so an error's text has memory
    machine.set("login_target_name", machine.address("ev_target_name"))
    machine.set("ev_target_name", b"iqn.2007-09.org.example:disk\0")
    machine.set("session_lun", bytes([0, 1, 0, 0, 0, 0, 0, 0]))
    machine.map(0x50000, 0x1000)
    machine.write(0x50000 + machine.address("instance_here"), struct.pack(
        "<4H", 0x100, 0x102, 0x108, 0x110))  # fmt: skip
    lun = 2 if same == "name" else 1
    name = b"iqn.2007-09.org.example:di" + (b"rt\0" if same == "lun" else b"sk\0")
    content = struct.pack("<BxHxxxx8s", 0x80, 0x28, bytes([0, lun, 0, 0, 0, 0, 0, 0])) + name
    machine.write(0x50100, content)
    machine.write(0xC0000, struct.pack("<H16xHH", 0xAA55, 0x4752, 0x5000))
    run(machine)
    if same != "both":
        # a table below 512 KiB (the bench's data segment) must not take the place of the other's
        assert world.trace[-1] == "int15_install"
        assert machine.get("ev_force_boot", 1) == 0
    else:
        assert world.trace[-3:] == ["iscsi_close", "undi_close", "memory_release"]
        assert machine.console.splitlines()[-1].startswith("RG-1009 ")
        assert "(0x00000028)" in machine.console


def test_the_adapter_is_searched_where_init_could_not_keep_it(machine: Machine) -> None:
    world = World(machine)
    machine.write(0xC8000 + machine.address("rom_bdf"), b"\0\0")
    pci_bios(machine)
    run(machine)
    assert world.trace[-1] == "ibft_write"


def test_no_adapter(machine: Machine) -> None:
    world = World(machine)
    machine.ports.pci.clear()
    pci_bios(machine)
    run(machine)
    assert world.trace == ["memory_allocate", "memory_release"]
    assert machine.console.splitlines()[-1].startswith("RG-1001 ")


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("ev_boot_protocol", 2, "  BootProtocol=None"),
        ("ev_boot_protocol", 1, "RG-1005 "),
    ],
)
def test_what_is_not_wanted_or_not_there(
    machine: Machine, variable: str, value: int, line: str
) -> None:
    world = World(machine)
    machine.set(variable, value, 1)
    run(machine)
    assert world.trace == ["memory_allocate", "ev_load", "memory_release"]
    assert machine.console.splitlines()[-1].startswith(line)


@pytest.mark.parametrize("mode", [1, 2])
def test_an_attached_disk_has_no_number_yet(machine: Machine, mode: int) -> None:
    world = World(machine)

    def install(machine: Machine) -> None:
        world.trace.append("int13_install")
        machine.set("int13_drive", 0, 1)
        machine.set_cf(False)

    machine.replace("int13_install", install)
    machine.set("ev_boot_mode", mode, 1)
    run(machine)
    assert world.trace == ["memory_allocate", *STEPS]
    lines = machine.console.splitlines()
    assert lines[-1].startswith("  Disk attached, the BIOS boots another one: ")
    assert any(line.startswith("RG-1006 ") for line in lines) == (mode == 2)


def test_link_delay_waits_and_polls(machine: Machine) -> None:
    world = World(machine)
    polls = []
    machine.replace("net_poll", lambda machine: polls.append(machine.ports.pit.ms))
    machine.ports.pit.step_us = 20_000
    machine.set("ev_link_delay", 60)
    start = machine.ports.pit.ms
    run(machine)
    assert "  Waiting 60 s (LinkDelay)" in machine.console.splitlines()
    assert world.trace[-1] == "ibft_write"
    assert polls and 60_000 <= polls[-1] - start <= 120_000


def test_memory_stays_where_the_adapter_may_still_write_to_it(machine: Machine) -> None:
    world = World(machine, "iscsi_open", stuck=True)
    run(machine)
    assert world.trace[-2:] == ["iscsi_open", "undi_close"]


def test_the_second_target_is_told(machine: Machine) -> None:
    World(machine)
    settings(machine)
    machine.set("session_target", 1, 1)
    machine.set("ev_target_ip2", bytes([10, 0, 2, 3]))
    machine.set("ev_target_port2", 3262)
    machine.set("ev_target_name2", b"iqn.2007-09.org.example:other\0")
    machine.set("ev_lun2", bytes([0, 2, 0, 0, 0, 0, 0, 0]))
    run(machine)
    line = "  Second target 10.0.2.3:3262 iqn.2007-09.org.example:other, LUN 2"
    assert line in machine.console.splitlines()
