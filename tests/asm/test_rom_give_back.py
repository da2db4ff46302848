"""What a ROM gives back at the end of init: its packed part, which extended memory keeps until
the last boot vector has run."""

from __future__ import annotations

import pytest
from bench.machine import ROM_SEGMENT, UNDI_CODE_SEGMENT, UNDI_DATA_SEGMENT, Machine
from test_ev_load import store
from test_lib_unpack import IN_THE_FILE, NO_MEMORY, as_in_the_file, check_loader
from test_rom_bcv import World
from test_rom_extended import LOW, RAM, RESERVED, memory_map
from test_rom_init import OURS, adapter, byte_sum
from test_rom_memory import PostMemoryManager

from romgen.build import Built
from romgen.ev.block import pack
from romgen.formats.option_rom import pcir, rom_header
from romgen.formats.pxe import CONSTANTS

KEPT_AT = 0x3F20000
KEPT_ROOM = 0x8000
TEMPORARY = 0x30000
DGROUP_FOR_THE_NAME = 0x40000
BLOCK = 512
USERS, PACKED_FAR, UNDI_ROM_ID = 9, 10, 0x16  # in the ROM header
STC_RET = b"\xf9\xc3"
EV = """\
InitiatorName=iqn.2007-09.org.example:me
TargetName=iqn.2007-09.org.example:disk
TargetIP=10.0.2.2
InitiatorIP=10.0.2.15
InitiatorNetmask=255.255.255.0
"""


class Blocks(PostMemoryManager):
    """Gives the copy of the ROM one temporary block, and the name's DGROUP another."""

    def _call(self, machine: Machine) -> None:
        at = machine.reg("ss") * 16 + machine.reg("sp") + 6
        paragraphs = int.from_bytes(machine.read(at, 4), "little")
        overlay = paragraphs == machine.address("overlay_paragraphs")
        self.free = (TEMPORARY if overlay else DGROUP_FOR_THE_NAME, 0x10000)
        super()._call(machine)


def extended(machine: Machine, kind: int = RESERVED) -> None:
    """Memory above 1 MiB; the system's map calls it `kind`."""
    machine.allow(0x0D * 4, 4, "vector 13")
    machine.allow(0x4F0, 4, "the A20 gate's probe")
    machine.map(0x100000, 0x1000)
    machine.allow(0x1004F0, 4, "the A20 gate's probe")
    machine.map(KEPT_AT, KEPT_ROOM)
    machine.allow(KEPT_AT, KEPT_ROOM, "extended memory")
    machine.interrupts[0x15] = memory_map([LOW, (KEPT_AT, KEPT_ROOM, kind)])


def initialised(
    machine: Machine, built: Built, kind: int = RESERVED, text: str = EV
) -> tuple[bytes, PostMemoryManager]:
    """The ROM before its init, which has run."""
    adapter(machine, OURS)
    rom = as_in_the_file(machine, built)
    store(machine, pack(text.encode(), 1024))
    wrong = sum(machine.read(ROM_SEGMENT * 16, len(rom)))
    machine.write(ROM_SEGMENT * 16 + 6, bytes([rom[6] - wrong & 0xFF]))
    rom = machine.read(ROM_SEGMENT * 16, len(rom))
    pmm = Blocks(machine, KEPT_AT)
    extended(machine, kind)
    machine.allow(TEMPORARY, 0x20000, "temporary memory")
    machine.allow(0x10 * 4, 4, "vector 10h")
    machine.rom_writable()
    assert machine.call_far("rom_init", ax=OURS).ax == 0x0120
    return rom, pmm


def kept_elsewhere(machine: Machine, built: Built) -> None:
    """A second place with the ROM as init leaves it, its packed part overwritten by another ROM."""
    rom = as_in_the_file(machine, built, IN_THE_FILE)
    extended(machine)
    start, end = machine.address("undi_image"), machine.address("rom_end")
    machine.write(KEPT_AT, machine.rom.code[start:end])
    machine.write(IN_THE_FILE * 16 + start, b"\xcc" * (len(rom) - start))
    machine.write(IN_THE_FILE * 16 + USERS, b"\1")
    machine.write(IN_THE_FILE * 16 + PACKED_FAR, KEPT_AT.to_bytes(4, "little"))
    adapter(machine, OURS)
    machine.set("boot_code", IN_THE_FILE)
    machine.set("undi_cs_seg", UNDI_CODE_SEGMENT)
    machine.set("undi_ds_seg", UNDI_DATA_SEGMENT)
    machine.set("undi_bdf", OURS)


def test_the_rom_is_shorter_and_what_it_needs_is_elsewhere(machine: Machine, built: Built) -> None:
    rom, _ = initialised(machine, built)
    start, end = machine.address("undi_image"), machine.address("rom_end")
    size = machine.read(ROM_SEGMENT * 16 + 2, 1)[0] * BLOCK
    assert size == -(-start // BLOCK) * BLOCK < len(rom) - 6000
    image = machine.read(ROM_SEGMENT * 16, size)
    assert sum(image) & 0xFF == 0
    header = rom_header.parse(image)
    data = pcir.parse(image[header.pcir :])
    assert data.image_length * BLOCK == data.max_runtime_length * BLOCK == size
    assert header.undi_rom_id
    assert (header.packed_users, header.packed_far) == (1, KEPT_AT)
    assert machine.read(KEPT_AT, end - start) == machine.rom.code[start:end]

    machine.write(ROM_SEGMENT * 16 + start, b"\xcc" * (len(rom) - start))
    result = machine.call("overlay_make")
    assert (result.cf, result.edx) == (False, TEMPORARY)
    found = machine.read(result.ax * 16 + start, end - start)
    assert found == machine.rom.code[start:end]


def test_without_permanent_memory_the_rom_stays_whole(machine: Machine, built: Built) -> None:
    rom, pmm = initialised(machine, built, kind=RAM)
    assert [call for call in pmm.calls if call[0] == 2] == [
        (2, KEPT_AT), (2, DGROUP_FOR_THE_NAME), (2, TEMPORARY)
    ]  # fmt: skip
    whole(machine, rom)


def whole(machine: Machine, rom: bytes) -> None:
    """Asserts that the ROM has given nothing back."""
    image = machine.read(ROM_SEGMENT * 16, len(rom))
    header = rom_header.parse(image)
    assert header.packed_users == header.packed_far == 0
    assert image[2] * BLOCK == len(rom) and sum(image) & 0xFF == 0


@pytest.mark.parametrize("line", ["BootProtocol=None", "TargetIP=10.0.2.2"])
def test_with_nothing_to_boot_the_rom_stays_whole(
    machine: Machine, built: Built, line: str
) -> None:
    """Others may load the UNDI out of it. The second line is an error: it repeats a name."""
    rom, pmm = initialised(machine, built, text=EV + line)
    assert not [call for call in pmm.calls if call[0] == 0]
    whole(machine, rom)


def test_the_loader_takes_the_undi_from_elsewhere(machine_with_undi: Machine, built: Built) -> None:
    machine = machine_with_undi
    kept_elsewhere(machine, built)
    check_loader(machine)


def test_out_of_the_loaders_reach(machine_with_undi: Machine, built: Built) -> None:
    machine = machine_with_undi
    kept_elsewhere(machine, built)
    # In the copy, copy_linear fails as it does for a V86 monitor's program.
    machine.write(IN_THE_FILE * 16 + machine.address("copy_linear"), STC_RET)
    result = machine.call("undi_load")
    assert result.cf
    assert machine.get("undi_block") == CONSTANTS["LOADER_NO_MEMORY"]


def test_out_of_the_boot_vectors_reach(machine: Machine, built: Built) -> None:
    as_in_the_file(machine, built)
    machine.write(ROM_SEGMENT * 16 + PACKED_FAR, KEPT_AT.to_bytes(4, "little"))
    Blocks(machine, 0)
    machine.allow(TEMPORARY, 0x10000, "temporary memory")
    machine.write(ROM_SEGMENT * 16 + machine.address("copy_linear"), STC_RET)
    result = machine.call("overlay_make")
    assert (result.cf, result.ax) == (True, NO_MEMORY)


def test_a_further_copy_gives_its_block_back(machine: Machine, built: Built) -> None:
    rom, pmm = initialised(machine, built)
    second = 0xD000
    machine.map(second * 16, 0x10000)
    machine.write(second * 16, rom)
    machine.allow(second * 16, len(rom), "the second copy")
    pmm.calls.clear()
    pmm.address = KEPT_AT + 0x4000
    assert machine.call_far("rom_init", segment=second, ax=OURS).ax == 0x0120
    assert (2, pmm.address) in pmm.calls
    image = machine.read(second * 16, machine.read(second * 16 + 2, 1)[0] * BLOCK)
    assert len(image) <= 2048 and sum(image) & 0xFF == 0
    assert rom_header.parse(image).packed_far == 0
    assert rom_header.parse(machine.read(ROM_SEGMENT * 16, size_of(machine))).packed_users == 2


def size_of(machine: Machine) -> int:
    return machine.read(ROM_SEGMENT * 16 + 2, 1)[0] * BLOCK


def elsewhere(machine: Machine, users: int) -> PostMemoryManager:
    """What is packed is at KEPT_AT, and so many boot vectors have not run yet."""
    pmm = PostMemoryManager(machine, 0)
    machine.rom_writable()
    machine.write(ROM_SEGMENT * 16 + USERS, bytes([users]))
    machine.write(ROM_SEGMENT * 16 + PACKED_FAR, KEPT_AT.to_bytes(4, "little"))
    return pmm


def header_word(machine: Machine, at: int) -> int:
    return int.from_bytes(machine.read(ROM_SEGMENT * 16 + at, 2), "little")


def test_the_last_boot_vector_gives_the_block_back(machine: Machine) -> None:
    pmm = elsewhere(machine, 2)
    before = byte_sum(machine)
    machine.call("packed_done", fs=ROM_SEGMENT)
    assert pmm.calls == [] and machine.read(ROM_SEGMENT * 16 + USERS, 1) == b"\1"
    assert header_word(machine, UNDI_ROM_ID)
    machine.call("packed_done", fs=ROM_SEGMENT)
    assert pmm.calls == [(2, KEPT_AT)] and machine.read(ROM_SEGMENT * 16 + USERS, 1) == b"\0"
    assert header_word(machine, UNDI_ROM_ID) == 0
    assert byte_sum(machine) == before
    machine.call("packed_done", fs=ROM_SEGMENT)  # a vector that runs twice
    assert pmm.calls == [(2, KEPT_AT)]
    assert machine.call("packed_plain", check=False, cx=16).cf


def test_where_the_rom_cannot_be_written_the_block_stays(machine: Machine) -> None:
    pmm = elsewhere(machine, 1)
    machine.replace("rom_store", lambda machine: None)
    machine.call("packed_done", fs=ROM_SEGMENT)
    assert pmm.calls == [] and header_word(machine, UNDI_ROM_ID)


@pytest.mark.parametrize("fails", ["", "ev_load", "iscsi_open"])
def test_the_boot_vector_is_done_with_it(machine: Machine, fails: str) -> None:
    world = World(machine, fails)
    pmm = elsewhere(machine, 1)
    machine.replace("memory_extended", no_extended_memory)
    machine.call_far("rom_bcv")
    assert world.trace[0] == "memory_allocate"
    assert pmm.calls == [(2, KEPT_AT)]


def no_extended_memory(machine: Machine) -> None:
    machine.set_reg("eax", 0)


def test_a_boot_vector_that_waits_for_int_19h_keeps_it(machine: Machine) -> None:
    World(machine)
    pmm = elsewhere(machine, 1)
    machine.replace("memory_allocate", no_memory)
    machine.allow(0x19 * 4, 4, "vector 19h")
    machine.call_far("rom_bcv")
    assert "again when the BIOS boots" in machine.console
    assert pmm.calls == [] and machine.read(ROM_SEGMENT * 16 + USERS, 1) == b"\1"


def no_memory(machine: Machine) -> None:
    machine.set_reg("ax", NO_MEMORY)
    machine.set_cf(True)
