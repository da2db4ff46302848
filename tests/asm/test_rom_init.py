"""`asm/rom/header.asm`, `init.asm`, `stubs.asm`: what the BIOS sees and calls first."""

from __future__ import annotations

import pytest
from bench.machine import DATA_SEGMENT, ROM_SEGMENT, Machine

OURS = 0x0018
ELSEWHERE = 0x0320
OTHER = 0x0010


def adapter(machine: Machine, bdf: int, vendor: int = 0x8086, device: int = 0x100E) -> None:
    machine.map(0xC0000, 0x8000)  # where init looks for other ROMs
    machine.map(0xE0000, 0x20000)  # and for the PMM
    machine.ports.pci[bdf] = bytearray(
        vendor.to_bytes(2, "little") + device.to_bytes(2, "little") + bytes(252)
    )


def pci_bios(machine: Machine) -> None:
    """INT 1Ah AX=B102h over the adapters of the bench."""

    def find(machine: Machine) -> None:
        assert machine.reg("ax") == 0xB102
        wanted = machine.reg("dx").to_bytes(2, "little") + machine.reg("cx").to_bytes(2, "little")
        found = [b for b, space in sorted(machine.ports.pci.items()) if space[:4] == wanted]
        index = machine.reg("si")
        machine.set_cf(index >= len(found))
        machine.set_reg("ah", 0x86 if index >= len(found) else 0)
        if index < len(found):
            machine.set_reg("bx", found[index])

    machine.interrupts[0x1A] = find


def byte_sum(machine: Machine) -> int:
    return sum(machine.read(ROM_SEGMENT * 16, len(machine.rom.code))) & 0xFF


def rom_word(machine: Machine, name: str) -> int:
    return int.from_bytes(machine.read(ROM_SEGMENT * 16 + machine.address(name), 2), "little")


@pytest.mark.parametrize("device", [0x100E, 0x100C, 0x100F])
def test_init_keeps_the_place_that_the_bios_gives(machine: Machine, device: int) -> None:
    adapter(machine, OURS, device=device)
    adapter(machine, OTHER, 0x1234, 0x1111)
    machine.rom_writable()
    before = byte_sum(machine)
    result = machine.call_far("rom_init", ax=OURS, es=0xF000, edi=0x6060)
    assert result.ax == 0x0120
    assert rom_word(machine, "rom_bdf") == OURS
    assert byte_sum(machine) == before
    assert machine.console == ""


@pytest.mark.parametrize("given", [0, 0xF000, OTHER])
def test_init_finds_the_adapter_where_the_bios_says_nothing(machine: Machine, given: int) -> None:
    adapter(machine, OTHER, 0x1234, 0x1111)
    adapter(machine, ELSEWHERE, device=0x100F)
    pci_bios(machine)
    machine.rom_writable()
    before = byte_sum(machine)
    assert machine.call_far("rom_init", ax=given).ax == 0x0120
    assert rom_word(machine, "rom_bdf") == ELSEWHERE
    assert byte_sum(machine) == before


def test_init_twice_keeps_the_checksum(machine: Machine) -> None:
    adapter(machine, ELSEWHERE)
    adapter(machine, OURS)
    machine.rom_writable()
    before = byte_sum(machine)
    for bdf in (ELSEWHERE, OURS):
        machine.call_far("rom_init", ax=bdf)
        assert rom_word(machine, "rom_bdf") == bdf
        assert byte_sum(machine) == before


def test_init_without_an_adapter_says_no_device(machine: Machine) -> None:
    adapter(machine, OTHER, 0x8086, 0x1237)
    pci_bios(machine)
    assert machine.call_far("rom_init", ax=0).ax == 0


def test_init_survives_a_bios_without_pci_services(machine: Machine) -> None:
    machine.interrupts[0x1A] = lambda machine: None  # an IRET: AH and CF as they were
    assert machine.call_far("rom_init", ax=0).ax == 0


def test_stub_leads_into_the_rom_with_the_data_segment(machine: Machine) -> None:
    stub = machine.address("stub_int13")
    machine.call("stub_set", bx=stub, ax=0x1234)
    code = machine.read(machine.data + stub, 8)
    assert code == bytes.fromhex("1e0e1fea3412") + ROM_SEGMENT.to_bytes(2, "little")
    assert machine.address("stub_int13") == 0
    assert machine.data == DATA_SEGMENT * 16
