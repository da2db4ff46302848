"""What a ROM gives back at the end of init: its packed part, which extended memory keeps."""

from __future__ import annotations

from bench.machine import ROM_SEGMENT, UNDI_CODE_SEGMENT, UNDI_DATA_SEGMENT, Machine
from test_lib_unpack import IN_THE_FILE, NO_MEMORY, as_in_the_file
from test_rom_extended import LOW, RAM, RESERVED, memory_map
from test_rom_init import OURS, adapter
from test_rom_memory import PostMemoryManager

from romgen.build import Built
from romgen.formats.option_rom import pcir, rom_header
from romgen.formats.pxe import CONSTANTS

KEPT_AT = 0x3F20000
KEPT_ROOM = 0x8000
TEMPORARY = 0x30000
DGROUP_FOR_THE_NAME = 0x40000
BLOCK = 512
PACKED_FAR = 10  # in the ROM header
STC_RET = b"\xf9\xc3"


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
    machine: Machine, built: Built, kind: int = RESERVED
) -> tuple[bytes, PostMemoryManager]:
    """The ROM before its init, which has run."""
    adapter(machine, OURS)
    rom = as_in_the_file(machine, built)
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
    start = machine.address("undi_image")
    machine.write(KEPT_AT, rom[start:])
    machine.write(IN_THE_FILE * 16 + start, b"\xcc" * (len(rom) - start))
    machine.write(IN_THE_FILE * 16 + PACKED_FAR, KEPT_AT.to_bytes(4, "little"))
    adapter(machine, OURS)
    machine.set("boot_code", IN_THE_FILE)
    machine.set("undi_cs_seg", UNDI_CODE_SEGMENT)
    machine.set("undi_ds_seg", UNDI_DATA_SEGMENT)
    machine.set("undi_bdf", OURS)


def test_the_rom_is_shorter_and_unpacks_from_elsewhere(machine: Machine, built: Built) -> None:
    rom, _ = initialised(machine, built)
    start, end = machine.address("undi_image"), machine.address("rom_end")
    size = machine.read(ROM_SEGMENT * 16 + 2, 1)[0] * BLOCK
    assert size == -(-start // BLOCK) * BLOCK < len(rom) - 6000
    image = machine.read(ROM_SEGMENT * 16, size)
    assert sum(image) & 0xFF == 0
    header = rom_header.parse(image)
    data = pcir.parse(image[header.pcir :])
    assert data.image_length * BLOCK == data.max_runtime_length * BLOCK == size
    assert header.undi_rom_id and header.packed_far == KEPT_AT
    assert machine.read(KEPT_AT, len(rom) - start) == rom[start:]

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
    image = machine.read(ROM_SEGMENT * 16, len(rom))
    assert rom_header.parse(image).packed_far == 0
    assert image[2] * BLOCK == len(rom) and sum(image) & 0xFF == 0


def test_the_loader_unpacks_from_elsewhere(machine_with_undi: Machine, built: Built) -> None:
    machine = machine_with_undi
    kept_elsewhere(machine, built)
    assert machine.undi is not None
    code = machine.undi.code
    machine.write(UNDI_CODE_SEGMENT * 16, bytes(len(code)))
    machine.write(UNDI_DATA_SEGMENT * 16, b"\xaa" * machine.undi.data_size)
    assert not machine.call("undi_load").cf
    found = machine.read(UNDI_CODE_SEGMENT * 16, len(code))
    changed = {at for at in range(len(code)) if found[at] != code[at]}
    assert changed <= set(range(0x100))  # the loader fills in !PXE and PXENV+ at the front
    assert not any(machine.read(UNDI_DATA_SEGMENT * 16, machine.undi.data_size))


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
    _, pmm = initialised(machine, built)
    second = 0xD000
    rom = built.rom.read_bytes()
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
