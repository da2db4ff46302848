"""`asm/lib/unpack.asm` against the packer, and the ROM as it is in its file: packed."""

from __future__ import annotations

import random

import pytest
from bench.machine import (
    ROM_SEGMENT,
    UNDI_CODE_SEGMENT,
    UNDI_DATA_SEGMENT,
    Machine,
)
from test_rom_init import OURS, adapter
from test_rom_memory import PostMemoryManager, base_memory

from romgen import init_pack
from romgen.build import Built
from romgen.formats.option_rom import rom_header
from romgen.init_pack import pack

PACKED, PLAIN, WORK = 0x40000, 0x50000, 0x60000
WITHOUT_PMM = 0x10000
TEMPORARY = 0x30000
IN_THE_FILE = 0xD800
NO_MEMORY = 1002


def plain_bytes() -> bytes:
    """Bytes with everything in them: literals, calls, matches near and far and once more."""
    source = random.Random(7)
    noise = source.randbytes(300)
    pieces = [b"\xe8" + source.randbytes(2) + bytes(source.randrange(4)) for _ in range(60)]
    calls = b"".join(pieces)
    return noise + bytes(700) + noise[:150] + b"\x55" + noise[151:] + calls + noise + bytes(2)


def unpacked(machine: Machine, packed: bytes, size: int) -> bytes:
    machine.map(PACKED, 0x10000)
    machine.write(PACKED, packed)
    machine.allow(PLAIN, size, "plain bytes")
    machine.allow(WORK, init_pack.WORK, "scratch memory")
    machine.call("unpack", check=False, ds=PACKED >> 4, si=0, es=PLAIN >> 4, fs=WORK >> 4, cx=size)
    return machine.read(PLAIN, size)


def test_round_trip(machine: Machine) -> None:
    plain = plain_bytes()
    assert unpacked(machine, pack(plain), len(plain)) == plain


@pytest.mark.parametrize("cut", [2, 302, 1000])
def test_up_to_a_cut(machine: Machine, cut: int) -> None:
    plain = bytearray(plain_bytes())
    plain[cut - 2 : cut] = bytes(2)
    assert unpacked(machine, pack(bytes(plain), (cut,)), cut) == plain[:cut]


def as_in_the_file(machine: Machine, built: Built, segment: int = ROM_SEGMENT) -> bytes:
    """Puts the ROM's file where the linked ROM was, or elsewhere; returns it."""
    rom = built.rom.read_bytes()
    machine.map(segment * 16, len(machine.rom.code))
    machine.write(segment * 16, rom.ljust(len(machine.rom.code), b"\xcc"))
    assert rom_header.parse(rom).packed == machine.address("undi_image")
    return rom


def check_overlay(machine: Machine, segment: int, rom: bytes) -> None:
    """The copy has the ROM's resident part as it is, and the rest as linked."""
    start, end = machine.address("undi_image"), machine.address("rom_end")
    found = machine.read(segment * 16, end)
    assert found[:start] == rom[:start]
    assert found[start:] == machine.rom.code[start:end]


def test_overlay_by_the_pmm(machine: Machine, built: Built) -> None:
    rom = as_in_the_file(machine, built)
    size = machine.address("overlay_paragraphs") * 16
    PostMemoryManager(machine, 0, (TEMPORARY + 4, size))
    machine.allow(TEMPORARY, size + 16, "copy")
    result = machine.call("overlay_make")
    assert (result.cf, result.ax, result.edx) == (False, (TEMPORARY + 16) >> 4, TEMPORARY + 4)
    check_overlay(machine, result.ax, rom)


def test_overlay_without_a_pmm(machine: Machine, built: Built) -> None:
    rom = as_in_the_file(machine, built)
    machine.map(0xE0000, 0x20000)
    machine.allow(WITHOUT_PMM, machine.address("overlay_paragraphs") * 16, "copy")
    result = machine.call("overlay_make")
    assert (result.cf, result.ax, result.edx) == (False, WITHOUT_PMM >> 4, 0)
    check_overlay(machine, result.ax, rom)


@pytest.mark.parametrize("answer", [0, 0xFFFFFFFF, 0x100000])
def test_no_memory_for_the_overlay(machine: Machine, built: Built, answer: int) -> None:
    as_in_the_file(machine, built)
    PostMemoryManager(machine, 0, (answer, 1 << 20))
    machine.call_far("rom_bcv")
    assert machine.console.startswith(f"RG-{NO_MEMORY} ")
    assert base_memory(machine) == 639


def test_no_memory_for_the_name_is_no_message(machine: Machine, built: Built) -> None:
    as_in_the_file(machine, built)
    PostMemoryManager(machine, 0)
    adapter(machine, OURS)
    machine.rom_writable()
    assert machine.call_far("rom_init", ax=OURS).ax == 0x0120
    assert machine.console == ""


def test_the_boot_vector_runs_from_the_overlay_and_gives_it_back(
    machine: Machine, built: Built
) -> None:
    as_in_the_file(machine, built)
    size = machine.address("overlay_paragraphs") * 16
    machine.rom_writable()  # to wait for INT 19h
    machine.allow(4 * 0x19, 4, "vector")
    pmm = PostMemoryManager(machine, 0, (TEMPORARY, size))
    machine.allow(TEMPORARY, size, "copy")
    machine.write(0x413, (280).to_bytes(2, "little"))  # too little for an instance
    machine.call_far("rom_bcv")
    assert "again when the BIOS boots" in machine.console or f"RG-{NO_MEMORY}" in machine.console
    assert pmm.calls[-1] == (2, TEMPORARY)
    copy = machine.read(TEMPORARY, machine.address("rom_end"))
    assert copy == bytes(len(copy))  # the EV block was in it


def check_loader(machine: Machine) -> None:
    """The UNDI is where it is told to be, its data zero."""
    assert machine.undi is not None
    code = machine.undi.code
    machine.write(UNDI_CODE_SEGMENT * 16, bytes(len(code)))
    machine.write(UNDI_DATA_SEGMENT * 16, b"\xaa" * machine.undi.data_size)
    assert not machine.call("undi_load").cf
    found = machine.read(UNDI_CODE_SEGMENT * 16, len(code))
    changed = {at for at in range(len(code)) if found[at] != code[at]}
    assert changed <= set(range(0x100))  # the loader fills in !PXE and PXENV+ at the front
    # What lies behind may be somebody else's where there is only base memory.
    assert not any(machine.read(UNDI_DATA_SEGMENT * 16, machine.undi.symbols["rx_buffers"]))
    assert machine.read(UNDI_DATA_SEGMENT * 16 + machine.undi.data_size - 1, 1) == b"\xaa"


def test_the_loader_unpacks_the_undi(machine_with_undi: Machine, built: Built) -> None:
    machine = machine_with_undi
    as_in_the_file(machine, built, IN_THE_FILE)
    machine.set("boot_code", IN_THE_FILE)
    machine.set("undi_cs_seg", UNDI_CODE_SEGMENT)
    machine.set("undi_ds_seg", UNDI_DATA_SEGMENT)
    adapter(machine, OURS)
    machine.set("undi_bdf", OURS)
    check_loader(machine)
