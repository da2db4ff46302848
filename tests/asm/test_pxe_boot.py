"""asm/pxe/boot.asm: from the boot vector to the boot program, and back from each failure."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from bench.machine import DATA_SEGMENT, ROM_SEGMENT, UNDI_CODE_SEGMENT, Machine
from conftest import ROOT
from test_rom_init import OURS, adapter

from romgen.catalog import load_errors

ERRORS = {entry.name: entry.number for entry in load_errors(ROOT / "romgen/tables/errors")}
STEPS = ("memory_allocate", "ev_load", "undi_open", "net_init", "dhcp_uuid_find", "dhcp_run",
         "tftp_fetch", "pxe_hook_install")  # fmt: skip
BACK = ("pxe_hook_remove", "undi_close")
BASE = DATA_SEGMENT * 16 // 1024
PROGRAM_LENGTH = 42430
RETF = b"\xcb"


class World:
    """Stand-ins for everything that `pxe_main` calls: `fails` names the step that fails."""

    def __init__(
        self,
        machine: Machine,
        fails: str = "",
        error: int = ERRORS["DHCP_NO_OFFER"],
        stuck: bool = False,
        program: bytes = RETF,
    ) -> None:
        self.machine, self.fails, self.error, self.stuck = machine, fails, error, stuck
        self.trace: list[str] = []
        self.fetched: list[tuple[int, int, int]] = []
        for name in (*STEPS, *BACK):
            machine.replace(name, self._step(name))
        machine.replace("undi_call", lambda m: m.set_cf(False))
        adapter(machine, OURS)
        machine.write(machine.data, bytes(machine.address("stack_top")))
        machine.rom_writable()
        machine.map(0xC0000, 0x40000)
        machine.call_far("rom_init", ax=OURS)
        machine.map(0x7C00, 0x1000)
        machine.write(0x7C00, program)
        machine.write(0x413, struct.pack("<H", BASE))

    def _step(self, name: str) -> Callable[[Machine], None]:
        def step(machine: Machine) -> None:
            self.trace.append(name)
            getattr(self, f"_{name}", lambda: None)()
            failed = name == self.fails
            if failed:
                machine.set_reg("ax", self.error)
            if name == "undi_close":
                failed = self.stuck
            machine.set_cf(failed)

        return step

    def _memory_allocate(self) -> None:
        machine = self.machine
        machine.set_reg("ax", DATA_SEGMENT)
        machine.set("memory_segment", DATA_SEGMENT)
        machine.set("memory_base_after", BASE)
        machine.set("memory_base_before", 639)
        machine.set("undi_cs_seg", UNDI_CODE_SEGMENT)

    def _undi_open(self) -> None:
        assert self.machine.reg("bx") == OURS
        self.machine.set("net_mac", bytes.fromhex("525400123456"))

    def _dhcp_run(self) -> None:
        machine = self.machine
        for name, value in (
            ("net_ip", [192, 0, 2, 10]), ("net_mask", [255, 255, 255, 0]),
            ("net_gateway", [192, 0, 2, 254]), ("pxe_server", [192, 0, 2, 1]),
        ):  # fmt: skip
            machine.set(name, bytes(value))
        machine.set("pxe_file", b"boot/pxelinux.0\0")

    def _tftp_fetch(self) -> None:
        machine = self.machine
        name = machine.reg("es") * 16 + machine.reg("si")
        assert machine.read(name, 16) == b"boot/pxelinux.0\0"
        self.fetched.append((machine.reg("edi"), machine.reg("edx"), machine.reg("cx")))
        machine.set_reg("eax", PROGRAM_LENGTH)


def base_memory(machine: Machine) -> int:
    return int(struct.unpack("<H", machine.read(0x413, 2))[0])


def boot(machine: Machine, entry: str = "rom_bcv") -> list[str]:
    """The boot vector on the BIOS's stack; every register comes back. The console's lines."""
    machine.call_far(entry, ax=0xAA55, bx=0, dx=0)
    return machine.console.splitlines()


def test_all_goes_well_and_the_program_returns(pxe_machine: Machine) -> None:
    world = World(pxe_machine)
    banner, *lines = boot(pxe_machine)
    assert banner.startswith("romgen PXE e1000 ") and banner.endswith(", adapter 00:03.0")
    assert lines == [
        "  MAC 52:54:00:12:34:56, link up",
        "  Address 192.0.2.10, mask 255.255.255.0",
        "  Gateway 192.0.2.254",
        f"  File 192.0.2.1:boot/pxelinux.0, {PROGRAM_LENGTH} bytes",
    ]
    assert world.trace == [*STEPS, *BACK]
    assert world.fetched == [(0x7C00, DATA_SEGMENT * 16 - 0x7C00, 1456)]
    assert base_memory(pxe_machine) == 639


def test_the_program_has_given_the_memory_back(pxe_machine: Machine) -> None:
    """It has raised 40:13, so our data is not looked at any more."""
    program = b"\x06\x6a\x40\x07\x26\xc7\x06\x13\x00\x70\x02\x07\xcb"  # 40:13 = 270h
    world = World(pxe_machine, program=program)
    boot(pxe_machine)
    assert world.trace == [*STEPS] and base_memory(pxe_machine) == 0x270


def test_somebody_took_memory_below_ours(pxe_machine: Machine) -> None:
    program = b"\x06\x6a\x40\x07\x26\xc7\x06\x13\x00\x00\x01\x07\xcb"  # 40:13 = 100h
    World(pxe_machine, program=program)
    boot(pxe_machine)
    assert base_memory(pxe_machine) == 0x100


@pytest.mark.parametrize("fails", ["undi_open", "dhcp_run"])
def test_a_failure_is_printed_and_undone(pxe_machine: Machine, fails: str) -> None:
    world = World(pxe_machine, fails)
    lines = boot(pxe_machine)
    assert lines[-1].startswith("RG-7001 no DHCP server answers")
    assert world.trace == [*STEPS[: STEPS.index(fails) + 1], "undi_close"]
    assert base_memory(pxe_machine) == 639


def test_an_adapter_that_cannot_be_stopped_keeps_its_memory(pxe_machine: Machine) -> None:
    World(pxe_machine, "dhcp_run", stuck=True)
    boot(pxe_machine)
    assert base_memory(pxe_machine) == BASE


@pytest.mark.parametrize(
    "status, error",
    [(0x32, "TFTP_SILENT"), (0x35, "TFTP_BROKEN"), (0x3B, "TFTP_NOT_FOUND"),
     (0x3C, "TFTP_ACCESS"), (0x79, "TFTP_TOO_BIG"), (0x36, "TFTP_ERROR"), (1, "TFTP_ERROR"),
     (0x11, "ARP_TARGET")],
)  # fmt: skip
def test_no_file(pxe_machine: Machine, status: int, error: str) -> None:
    pxe_machine.replace("net_init", lambda machine: None)
    world = World(pxe_machine, "tftp_fetch", status)
    arp = ERRORS["ARP_TARGET"]
    net_init = world._step("net_init")

    def init(machine: Machine) -> None:
        machine.set("tftp_no_way", arp)
        net_init(machine)

    pxe_machine.replace("net_init", init)
    lines = boot(pxe_machine)
    assert lines[-2] == "  File 192.0.2.1:boot/pxelinux.0"
    assert lines[-1].startswith(f"RG-{ERRORS[error]} ") and "(192.0.2.1)" in lines[-1]
    assert world.trace[-1] == "undi_close"


def test_no_memory(pxe_machine: Machine) -> None:
    world = World(pxe_machine, "memory_allocate", ERRORS["NO_MEMORY"])
    assert boot(pxe_machine)[-1].startswith("RG-1002 ")
    assert world.trace == ["memory_allocate"]


def test_no_adapter(pxe_machine: Machine) -> None:
    World(pxe_machine)
    pxe_machine.ports.pci.clear()
    pxe_machine.interrupts[0x1A] = lambda machine: machine.set_cf(True)
    assert boot(pxe_machine)[-1].startswith("RG-1001 ")


@pytest.mark.parametrize("error, goes_on", [("EV_NONE", True), ("EV_MISSING", False)])
def test_boot_variables_may_be_absent_but_not_wrong(
    pxe_machine: Machine, error: str, goes_on: bool
) -> None:
    world = World(pxe_machine, "ev_load", ERRORS[error])
    boot(pxe_machine)
    assert ("dhcp_run" in world.trace) == goes_on


@pytest.mark.parametrize("protocol, given, ours", [
    (0, False, True), (0, True, False), (1, True, True), (2, True, False),
])  # fmt: skip
def test_boot_protocol(
    pxe_machine: Machine, protocol: int, given: bool, ours: bool
) -> None:
    world = World(pxe_machine)
    lines = pxe_machine.address("ev_lines")
    index = 26

    def load(machine: Machine) -> None:
        world.trace.append("ev_load")
        machine.set("ev_boot_protocol", protocol, 1)
        if given:
            machine.write(machine.data + lines, struct.pack("<H", 1) * (index + 10))
        machine.set_cf(False)

    pxe_machine.replace("ev_load", load)
    text = boot(pxe_machine)
    assert ("dhcp_run" in world.trace) == ours
    assert ("BootProtocol is not PXE" in text[-1]) == (not ours)


def test_link_delay(pxe_machine: Machine) -> None:
    world = World(pxe_machine)

    def load(machine: Machine) -> None:
        machine.set("ev_boot_protocol", 1, 1)
        machine.set("ev_link_delay", 2)
        machine.set_cf(False)

    def nothing(machine: Machine) -> None:
        world.trace.append("net_poll")
        machine.ports.pit.advance_ms(40)

    pxe_machine.replace("ev_load", load)
    pxe_machine.replace("net_poll", nothing)
    start = pxe_machine.ports.pit.ms
    boot(pxe_machine)
    assert 2000 <= pxe_machine.ports.pit.ms - start < 2500
    assert world.trace.count("net_poll") >= 40


# --- both in one ROM ----------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ["rom_bcv", "rom_bev"])
@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_boot_protocol_chooses(dual_machine: Machine, entry: str, protocol: int) -> None:
    machine = dual_machine
    world = World(machine, "iscsi_open")
    for name in ("iscsi_open", "int13_install"):
        machine.replace(name, world._step(name))

    def load(machine: Machine) -> None:
        world.trace.append("ev_load")
        machine.set("ev_boot_protocol", protocol, 1)
        machine.set_cf(False)

    machine.replace("ev_load", load)
    lines = boot(machine, entry)
    assert ("dhcp_run" in world.trace) == (entry == "rom_bev" and protocol == 1)
    assert ("iscsi_open" in world.trace) == (entry == "rom_bcv" and protocol == 0)
    assert lines[0].startswith(
        "romgen e1000 network boot " if entry == "rom_bev" else "romgen e1000 "
    )


@pytest.mark.parametrize("error", ["EV_NONE", "EV_MISSING"])
def test_both_need_boot_variables(dual_machine: Machine, error: str) -> None:
    world = World(dual_machine, "ev_load", ERRORS[error])
    assert boot(dual_machine, "rom_bev")[-1].startswith(f"RG-{ERRORS[error]} ")
    assert world.trace == ["memory_allocate", "ev_load"]


def test_a_boot_program_is_loaded_below_the_copy_of_the_rom(pxe_machine: Machine) -> None:
    """A packed ROM: what runs is a copy above; the memory of the instance lies still higher."""
    world = World(pxe_machine)

    def memory(machine: Machine) -> None:
        world._memory_allocate()
        machine.set("memory_segment", 0xD000)
        machine.set_cf(False)

    pxe_machine.replace("memory_allocate", memory)
    boot(pxe_machine)
    assert world.fetched[0][1] == ROM_SEGMENT * 16 - 0x7C00
