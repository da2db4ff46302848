"""`asm/rom/share.asm`: what a second copy of the ROM keeps, and when it keeps everything."""

from __future__ import annotations

import struct

import pytest
from bench.machine import ROM_SEGMENT, Machine
from construct import Struct
from test_rom_init import OURS, adapter

from romgen.build import Built
from romgen.compose import pnp_headers
from romgen.ev.block import find, pack, unpack
from romgen.formats.option_rom import ev_block, pcir, rom_header, version_info

SECOND_SEGMENT = 0xD000
SECOND = 0x0020
EV = b"InitiatorName=iqn.2024-01.example:second\n"
BLOCK = 512


def offset_of(structure: Struct, name: str) -> int:
    names = [sub.name for sub in structure.subcons]
    return sum(sub.sizeof() for sub in structure.subcons[: names.index(name)])


def two(machine: Machine, built: Built) -> bytes:
    """Two copies of the ROM's file, each for its adapter; init of the first one has run."""
    rom = bytearray(built.rom.read_bytes())
    machine.map(0xC0000, 0x40000)
    machine.allow(0xC0000, 0x20000, "option ROMs")
    machine.write(ROM_SEGMENT * 16, bytes(rom))
    at = find(bytes(rom))
    assert at is not None
    block = pack(EV, ev_block.parse(rom[at:]).capacity)
    rom[at : at + len(block)] = block
    rom[6] = (rom[6] - sum(rom)) & 0xFF
    machine.write(SECOND_SEGMENT * 16, bytes(rom))
    for bdf in (OURS, SECOND):
        adapter(machine, bdf)
    assert machine.call_far("rom_init", ax=OURS).ax == 0x0120
    return bytes(rom)


def second(machine: Machine) -> bytes:
    """What the second copy is after its init: as long as its size byte says."""
    assert machine.call_far("rom_init", segment=SECOND_SEGMENT, ax=SECOND).ax == 0x0120
    size = machine.read(SECOND_SEGMENT * 16 + 2, 1)[0]
    image = machine.read(SECOND_SEGMENT * 16, size * BLOCK)
    assert sum(image) & 0xFF == 0
    assert machine.read(SECOND_SEGMENT * 16 + machine.address("rom_bdf"), 2) == b"\x20\0"
    return image


def test_the_second_copy_keeps_headers_and_variables(machine: Machine, built: Built) -> None:
    rom = two(machine, built)
    first = machine.read(ROM_SEGMENT * 16, len(rom))
    image = second(machine)
    assert len(image) <= 2048
    assert machine.read(ROM_SEGMENT * 16, len(rom)) == first
    header = rom_header.parse(image)
    assert header.undi_rom_id == 0
    data = pcir.parse(image[header.pcir :])
    assert data.signature == b"PCIR"
    assert data.image_length * BLOCK == data.max_runtime_length * BLOCK == len(image)
    ((offset, entry),) = pnp_headers(image)
    assert sum(image[offset : offset + 32]) & 0xFF == 0
    assert image[entry.product :].startswith(b"romgen iSCSI e1000 ")
    assert image[entry.bcv :].startswith(b"\x0e\x9a" + struct.pack(
        "<HH", machine.address("rom_run"), ROM_SEGMENT
    ) + b"\xcb")  # fmt: skip
    at = find(image)
    assert at == int.from_bytes(image[machine.address("rom_ev") :][:2], "little")
    assert unpack(image[at:], "second") == EV


def test_a_third_copy_shares_with_the_first_too(machine: Machine, built: Built) -> None:
    rom = two(machine, built)
    second(machine)
    third = SECOND_SEGMENT + 0x80
    machine.write(third * 16, rom)
    machine.call_far("rom_init", segment=third, ax=SECOND)
    assert machine.read(third * 16 + 2, 1) == machine.read(SECOND_SEGMENT * 16 + 2, 1)
    call = machine.read(third * 16 + machine.address("rom_bcv_code"), 5)
    assert call[3:] == struct.pack("<H", ROM_SEGMENT)


@pytest.mark.parametrize("part", ["rom_header_end", "rom_run", "build_id", "undi_rom_id"])
def test_another_version_keeps_everything(machine: Machine, built: Built, part: str) -> None:
    rom = two(machine, built)
    if part == "build_id":  # it covers what is packed
        at = rom_header.parse(rom).version + offset_of(version_info, part)
    elif part == "undi_rom_id":  # a short copy has none
        at = offset_of(rom_header, part)
    else:
        at = machine.address(part)
    size = 2 if part == "undi_rom_id" else 1
    old = machine.read(ROM_SEGMENT * 16 + at, size)
    new = bytes(2) if size == 2 else bytes([old[0] ^ 1])
    machine.write(ROM_SEGMENT * 16 + at, new)
    assert len(second(machine)) == len(rom)


def test_a_copy_without_its_adapter_does_not_count(machine: Machine, built: Built) -> None:
    rom = two(machine, built)
    machine.write(ROM_SEGMENT * 16 + machine.address("rom_bdf"), bytes(2))
    assert len(second(machine)) == len(rom)


def test_the_boot_vector_of_the_second_copy_runs_the_first_ones_code(
    machine: Machine, built: Built
) -> None:
    two(machine, built)
    second(machine)
    run = ROM_SEGMENT * 16 + machine.address("rom_run")
    machine.write(run, b"\xca\x02\0")  # RETF 2
    machine.uc.ctl_remove_cache(run, run + 3)
    machine.call_far("rom_bcv", segment=SECOND_SEGMENT)
    frame = machine.read(machine.reg("ss") * 16 + machine.reg("sp") - 10, 6)
    back = machine.address("rom_bcv_code") + 5
    assert struct.unpack("<HHH", frame) == (back, SECOND_SEGMENT, SECOND_SEGMENT)
