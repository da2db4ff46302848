"""INT 13h: geometry, drive numbers, chaining to the handler before us, tables, removing."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from bench.contract import Contract
from bench.coverage import Coverage
from bench.machine import DATA_SEGMENT, FLAG_CF, ROM_SEGMENT, Machine
from bench.program import Program
from hypothesis import given, settings
from hypothesis import strategies as st
from peer_disk import CALLER_STACK_TOP, OLD_HANDLER, PeerDisk, installed, old_handler

SECOND_SEGMENT = 0x4000
OLD_VECTOR = struct.pack("<HH", OLD_HANDLER[1], OLD_HANDLER[0])


@pytest.fixture(scope="session")
def new_machine(
    rom_program: Program, contracts: dict[str, Contract], asm_coverage: Coverage
) -> Callable[[], Machine]:
    """Makes a machine for each example of a property."""
    return lambda: Machine(rom_program, contracts, coverage=asm_coverage)


# --- geometry -------------------------------------------------------------------------------------


def geometry(machine: Machine) -> tuple[int, int, int]:
    return (
        machine.get("int13_cylinders", 4),
        machine.get("int13_heads", 4),
        machine.get("int13_sectors", 4),
    )


def translated(blocks: int) -> tuple[int, int, int]:
    """LBA translation (facts: SeaBIOS)."""
    if blocks > 63 * 255 * 1024:
        return 1024, 255, 63
    heads = next((h for h in (16, 32, 64, 128) if blocks // 63 // 1024 <= h), 255)
    return max(1, min(1024, blocks // 63 // heads)), heads, 63


def entry(
    start: int, blocks: int, heads: int, spt: int, *, kind: int = 0x83, boot: int = 0
) -> bytes:
    """A partition entry with true CHS addresses, 1023 cylinders at most."""

    def address(lba: int) -> bytes:
        cylinder, rest = divmod(lba, heads * spt)
        head, sector = divmod(rest, spt)
        if cylinder > 1023:
            cylinder, head, sector = 1023, heads - 1, spt - 1
        return bytes([head, sector + 1 | cylinder >> 2 & 0xC0, cylinder & 0xFF])

    return (
        bytes([boot])
        + address(start)
        + bytes([kind])
        + address(start + blocks - 1)
        + struct.pack("<II", start, blocks)
    )


def table(*entries: bytes, magic: bytes = b"\x55\xaa") -> bytes:
    return bytes(0x1BE) + b"".join(entries).ljust(64, b"\0") + magic


@settings(max_examples=60, deadline=None)
@given(blocks=st.one_of(st.integers(1, 1 << 25), st.integers(1, 1 << 40)))
def test_translation(new_machine: Callable[[], Machine], blocks: int) -> None:
    machine = new_machine()
    installed(machine, blocks)
    assert geometry(machine) == translated(blocks)


@pytest.mark.parametrize("edge", [63 * 1024 * n for n in (17, 33, 65, 129)] + [63 * 255 * 1024 + 1])
@pytest.mark.parametrize("less", [0, 1])
def test_translation_at_its_steps(machine: Machine, edge: int, less: int) -> None:
    installed(machine, edge - less)
    assert geometry(machine) == translated(edge - less)


@pytest.mark.parametrize(
    "heads, spt, start, blocks",
    [
        (16, 63, 63, 16 * 63 * 100 - 63),
        (64, 32, 32, 64 * 32 * 50 - 32),
        (255, 63, 2048, 90_000),
        (255, 63, 2048, 8 * 255 * 63 - 2048),
        (16, 17, 17, 16 * 17 * 80 - 17),
        (4, 17, 17, 4 * 17 * 600 - 17),
        (255, 63, 20_000_000, 10_000_000),
        (240, 63, 63, 240 * 63 * 3 - 63),
        (128, 63, 2048, 40_000),
    ],
)
def test_partition_table_gives_the_geometry(
    machine: Machine, heads: int, spt: int, start: int, blocks: int
) -> None:
    disk = start + blocks + 100
    installed(machine, disk, boot_sector=table(entry(start, blocks, heads, spt)))
    assert geometry(machine) == (min(1024, disk // (heads * spt)), heads, spt)


@pytest.mark.parametrize(
    "content",
    [
        table(entry(63, 99_000, 32, 63), magic=b"\0\0"),
        table(entry(63, 99_000, 32, 63, boot=0x41)),
        table(entry(63, 99_000, 32, 63, kind=0)),
        table(entry(1, 99_999, 255, 63, kind=0xEE)),
        table(bytes([0, 1, 1, 0, 6, 255, 63, 5]) + struct.pack("<II", 63, 99_000)),
        table(bytes([0, 1, 1, 0, 6, 31, 0, 5]) + struct.pack("<II", 63, 99_000)),
        table(bytes([0, 1, 1, 0, 6, 31, 63, 5]) + struct.pack("<II", 63, 99_000)),
        table(entry(63, 99_000, 32, 63)[:8] + bytes(4) + struct.pack("<I", 9000)),
        table(entry(63, 99_000, 32, 63)[:12] + bytes(4)),
        b"\xff" * 510 + b"\x55\xaa",
        bytes(510) + b"\x55\xaa",
        bytes(512),
    ],
)
def test_table_that_makes_no_sense_is_not_believed(machine: Machine, content: bytes) -> None:
    installed(machine, 100_000, boot_sector=content)
    assert geometry(machine) == translated(100_000)


def test_second_entry_counts_where_the_first_says_nothing(machine: Machine) -> None:
    content = table(bytes(16), entry(32, 64 * 32 * 20 - 32, 64, 32))
    installed(machine, 100_000, boot_sector=content)
    assert geometry(machine) == (48, 64, 32)


@settings(max_examples=150, deadline=None)
@given(content=st.binary(min_size=64, max_size=64))
def test_any_table_gives_a_geometry_that_works(
    new_machine: Callable[[], Machine], content: bytes
) -> None:
    machine = new_machine()
    installed(machine, 100_000, boot_sector=table(content))
    cylinders, heads, spt = geometry(machine)
    assert 1 <= cylinders <= 1024 and 1 <= heads <= 255 and 1 <= spt <= 63


def test_boot_sector_that_cannot_be_read(machine: Machine) -> None:
    disk = PeerDisk(machine, 1000)
    disk.bad[0] = 0x10
    before = machine.read(0, 0x500)
    result = machine.call("int13_install")
    assert result.cf and result.ax == 5999
    assert machine.read(0, 0x500) == before


# --- installing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 256, 520, 1024, 2048, 8192, 0x10000200])
def test_other_block_sizes_are_refused(machine: Machine, size: int) -> None:
    machine.set("disk_blocks", 1000, 8)
    machine.set("disk_block_size", size, 4)
    before = machine.read(0, 0x500)
    result = machine.call("int13_install")
    assert (result.cf, result.ax) == (True, 6001)
    assert machine.get("error_detail", 4) == size
    assert machine.read(0, 0x500) == before


@pytest.mark.parametrize("disks", [0, 1, 2, 0x7E])
def test_next_number_is_ours(machine: Machine, disks: int) -> None:
    _, call = installed(machine, disks_before=disks)
    assert machine.get("int13_drive", 1) == 0x80 + disks
    assert machine.read(0x475, 1)[0] == disks + 1
    assert call(0x08, 0x80 + disks, changes="ecx edx").dx & 0xFF == disks + 1


def test_no_number_is_left(machine: Machine) -> None:
    PeerDisk(machine, 1000)
    machine.write(0x475, b"\x7f")
    result = machine.call("int13_install")
    assert (result.cf, result.ax) == (True, 6002)
    assert machine.read(0x475, 1) == b"\x7f"


def test_old_vector_is_kept(machine: Machine) -> None:
    old_handler(machine, lambda m: False)
    installed(machine)
    assert machine.read(0x4C, 4) == struct.pack("<HH", machine.address("stub_int13"), DATA_SEGMENT)
    assert machine.bytes_of("int13_old", 4) == OLD_VECTOR


# --- chaining -------------------------------------------------------------------------------------


class OldBios:
    """A BIOS with ``disks`` hard disks; it remembers the registers that it saw."""

    def __init__(self, machine: Machine, disks: int) -> None:
        self.disks = disks
        self.seen: list[dict[str, int]] = []
        old_handler(machine, self._answer)

    def _answer(self, m: Machine) -> bool:
        self.seen.append(
            {
                name: m.reg(name)
                for name in (
                    "eax",
                    "ebx",
                    "ecx",
                    "edx",
                    "esi",
                    "edi",
                    "ebp",
                    "ds",
                    "es",
                    "fs",
                    "gs",
                )
            }
        )
        drive, function = m.reg("edx") & 0xFF, m.reg("eax") >> 8 & 0xFF
        if drive >= 0x80 + self.disks:
            m.set_reg("ax", 0x0100)
            return True
        if function == 0x08 and drive >= 0x80:
            m.set_reg("cx", 0xFE3F)
            m.set_reg("dx", 0x0F00 | self.disks)
        if function == 0x15 and drive >= 0x80:
            m.set_reg("cx", 0x0012)
            m.set_reg("dx", 0x3456)
            m.set_reg("ax", 0x0300)
            return False
        m.set_reg("ah", 0)
        return False


@pytest.mark.parametrize("drive", [0x00, 0x01, 0x7F, 0x80, 0x82, 0xE0, 0xFF])
def test_other_drives_go_to_the_bios_unchanged(machine: Machine, drive: int) -> None:
    bios = OldBios(machine, 0x80)
    disk, call = installed(machine, disks_before=1)
    call.seed = 5
    result = call(0x42, drive)
    assert not result.cf and disk.log == []
    seen = bios.seen[0]
    assert seen["edx"] & 0xFF == drive and seen["eax"] >> 8 & 0xFF == 0x42
    for name in ("ebx", "ecx", "edx", "esi", "edi", "ebp", "ds", "es", "fs", "gs"):
        assert seen[name] == result.regs[name]


@pytest.mark.parametrize("disks", [1, 2, 4])
def test_force_boot_moves_the_others_up(machine: Machine, disks: int) -> None:
    bios = OldBios(machine, 0x7F)
    disk, call = installed(machine, disks_before=disks, force_boot=1)
    assert machine.get("int13_drive", 1) == 0x80 and machine.read(0x475, 1)[0] == disks + 1
    assert not call(0x00, 0x80).cf and disk.log == [("check", 0, 0, 0)] and bios.seen == []
    for number in range(1, disks + 1):
        assert not call(0x42, 0x80 + number).cf
        assert bios.seen[-1]["edx"] & 0xFF == 0x7F + number
    call(0x42, 0x81 + disks)  # a disk that the BIOS added after us has that number itself
    assert bios.seen[-1]["edx"] & 0xFF == 0x81 + disks


def test_force_boot_without_other_disks(machine: Machine) -> None:
    bios = OldBios(machine, 0x7F)
    _, call = installed(machine, force_boot=1)
    assert machine.get("int13_drive", 1) == 0x80
    call(0x42, 0x81)
    assert bios.seen[-1]["edx"] & 0xFF == 0x81


def test_moved_disk_answers_with_its_registers(machine: Machine) -> None:
    OldBios(machine, 1)
    _, call = installed(machine, disks_before=1, force_boot=1)
    parameters = call(0x08, 0x81, changes="ecx edx")
    assert (parameters.cx, parameters.dx, parameters.cf) == (0xFE3F, 0x0F02, False)
    kind = call(0x15, 0x81, changes="ecx edx")
    assert (kind.ax >> 8, kind.cx, kind.dx, kind.cf) == (3, 0x12, 0x3456, False)


@pytest.mark.parametrize("function", [0x02, 0x08, 0x15])
@pytest.mark.parametrize("flags", [0x200, 0, FLAG_CF])
def test_moved_disk_that_fails(machine: Machine, function: int, flags: int) -> None:
    bios = OldBios(machine, 0)
    _, call = installed(machine, disks_before=1, force_boot=1)
    result = call(function, 0x81, flags=flags)
    assert (result.ax >> 8, result.cf) == (0x01, True)
    assert bios.seen[0]["edx"] & 0xFF == 0x80


def test_number_of_disks_is_everybodys(machine: Machine) -> None:
    OldBios(machine, 1)
    _, call = installed(machine, disks_before=1)
    assert call(0x08, 0x80, changes="ecx edx").dx == 0x0F02


@pytest.mark.parametrize("drive", [0x80, 0x81])
def test_bios_that_writes_the_count_anew(machine: Machine, drive: int) -> None:
    OldBios(machine, 1)
    _, call = installed(machine, disks_before=1)
    machine.write(0x475, b"\1")
    call(0x00, drive)
    assert machine.read(0x475, 1) == b"\2"
    machine.write(0x475, b"\5")
    call(0x00, drive)
    assert machine.read(0x475, 1) == b"\5"


# --- tables ---------------------------------------------------------------------------------------


def vectors(machine: Machine) -> tuple[tuple[int, int], tuple[int, int]]:
    raw = machine.read(0x104, 4), machine.read(0x118, 4)
    return tuple(struct.unpack("<HH", part) for part in raw)  # type: ignore[return-value]


@pytest.mark.parametrize(
    "disks, force, first, second",
    [
        (0, 0, "ours", "old46"),
        (1, 0, "old41", "ours"),
        (2, 0, "old41", "old46"),
        (0, 1, "ours", "old46"),
        (1, 1, "ours", "old41"),
        (3, 1, "ours", "old41"),
    ],
)
def test_fixed_disk_tables(
    machine: Machine, disks: int, force: int, first: str, second: str
) -> None:
    machine.write(0x104, b"\x41\0\0\xf0")
    machine.write(0x118, b"\x46\0\0\xf0")
    installed(machine, disks_before=disks, force_boot=force)
    known = {
        "ours": (machine.address("int13_fdpt"), DATA_SEGMENT),
        "old41": (0x41, 0xF000),
        "old46": (0x46, 0xF000),
    }
    assert vectors(machine) == (known[first], known[second])
    assert not machine.call("int13_remove").cf
    assert vectors(machine) == (known["old41"], known["old46"])


def test_fixed_disk_table(machine: Machine) -> None:
    installed(machine, 100_000)
    assert struct.unpack("<HBHHBB3xHBx", machine.bytes_of("int13_fdpt", 16)) == (
        99,
        16,
        0,
        0xFFFF,
        0,
        0xC8,
        99,
        63,
    )


# --- removing -------------------------------------------------------------------------------------


def test_remove_leaves_nothing(machine: Machine) -> None:
    old_handler(machine, lambda m: False)
    machine.write(0x475, b"\1")
    before = machine.read(0, 0x500)
    installed(machine, block_size=4096, disks_before=1, force_boot=1)
    assert not machine.call("int13_remove").cf
    assert machine.read(0, 0x500) == before


def test_remove_below_another_hook_hands_everything_on(machine: Machine) -> None:
    bios = OldBios(machine, 0x7F)
    disk, call = installed(machine, disks_before=1, force_boot=1)
    hooked = machine.read(0x4C, 4)
    machine.write(0x4C, b"\x11\x22\x33\x44")
    assert machine.call("int13_remove").cf
    assert machine.read(0x4C, 4) == b"\x11\x22\x33\x44" and machine.read(0x475, 1) == b"\1"
    machine.write(0x4C, hooked)
    for drive in (0x00, 0x80, 0x81, 0x82):
        call(0x42, drive)
        assert bios.seen[-1]["edx"] & 0xFF == drive
    assert disk.log == []


@pytest.mark.parametrize("force", [0, 1])
def test_two_adapters_in_one_machine(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, force: int
) -> None:
    """The second one hooks in front of the first, with a data segment of its own."""
    bios = OldBios(machine, 0x7F)
    disk, call = installed(machine, disks_before=1, force_boot=force)
    monkeypatch.setattr("bench.machine.DATA_SEGMENT", SECOND_SEGMENT)
    machine.data = SECOND_SEGMENT * 16
    machine.allow(machine.data, 0x10000)
    machine.set("boot_code", ROM_SEGMENT)
    machine.allow(CALLER_STACK_TOP - 64, 64, "a call that the second hands on to the first")
    second, _ = installed(machine, 555_555, disks_before=2, force_boot=force)
    disk.log.clear()
    numbers = {0x80: "second", 0x81: "first", 0x82: "bios", 0x83: "bios"}
    if not force:
        numbers = {0x80: "bios", 0x81: "first", 0x82: "second", 0x83: "bios"}
    for drive, whose in numbers.items():
        bios.seen.clear()
        result = call(0x15, drive, changes="ecx edx")
        size = result.cx << 16 | result.dx
        assert size == {"first": 100_000, "second": 555_555, "bios": 0x123456}[whose]
        assert len(bios.seen) == (whose == "bios")
    assert call(0x08, 0x80, changes="ecx edx").dx & 0xFF == 3
    assert second.log == disk.log == []


def test_moved_disk_that_is_none(machine: Machine) -> None:
    """AH=15h may say "no such disk" without CF: DL is the caller's then, too."""

    def answer(m: Machine) -> bool:
        m.set_reg("ah", 0)
        return False

    old_handler(machine, answer)
    _, call = installed(machine, disks_before=1, force_boot=1)
    assert call(0x15, 0x81).ax >> 8 == 0
