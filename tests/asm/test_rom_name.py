"""`asm/rom/name.asm`: the name in the BIOS's boot menu, made by init from the boot variables."""

from __future__ import annotations

import pytest
from bench.machine import ROM_SEGMENT, Machine
from test_ev_load import store
from test_rom_init import OURS, adapter, byte_sum
from test_rom_memory import PostMemoryManager

from romgen.ev.block import pack

TEMPORARY = 0x60000
ROOM = 72
GIVEN = "e1000 00:03.0 LUN 0 "


def named(
    machine: Machine,
    changes: dict[str, str] | None = None,
    free: int = 0x10000,
    address: int = TEMPORARY,
) -> str:
    """The name after init; boot variables that work, changed by `changes`."""
    given = {
        "InitiatorName": "iqn.2007-09.org.example:me",
        "TargetName": "iqn.2007-09.org.example:disk",
        "TargetIP": "10.0.2.2",
        "InitiatorIP": "10.0.2.15",
        "InitiatorNetmask": "255.255.255.0",
    } | (changes or {})
    store(machine, pack("".join(f"{k}={v}\n" for k, v in given.items()).encode(), 1024))
    adapter(machine, OURS)
    pmm = PostMemoryManager(machine, 0, (address, free))
    machine.allow(TEMPORARY, 0x10000, "temporary memory")
    machine.allow(0x10 * 4, 4, "vector 10h")
    texts = (ROM_SEGMENT + machine.address("overlay_work")) * 16  # where a copy's would be
    machine.allow(texts, machine.address("error_paragraphs") * 16, "errors' texts")
    machine.rom_writable()
    del machine.interrupts[0x10]  # the vector counts
    vector, before = machine.read(0x10 * 4, 4), byte_sum(machine)
    assert machine.call_far("rom_init", ax=OURS).ax == 0x0120
    assert machine.read(0x10 * 4, 4) == vector
    assert byte_sum(machine) == before
    assert [call for call in pmm.calls if call[0] == 2] == [(2, address)] * (0 < address < 1 << 20)
    raw = machine.read(ROM_SEGMENT * 16 + machine.address("rom_product"), ROOM)
    return raw.split(b"\0")[0].decode("ascii")


def test_adapter_target_and_lun(machine: Machine) -> None:
    assert named(machine) == GIVEN + "iqn.2007-09.org.example:disk"


def test_lun_that_is_no_number(machine: Machine) -> None:
    name = named(machine, {"LUN": "0x0001000200030004"})
    assert name == "e1000 00:03.0 LUN 0x0001000200030004 iqn.2007-09.org.example:disk"


@pytest.mark.parametrize("length", [ROOM - len(GIVEN) - 1, ROOM - len(GIVEN), 200])
def test_a_long_name_shows_its_end(machine: Machine, length: int) -> None:
    target = "iqn.2007-09.org.example:" + "".join(chr(0x61 + i % 26) for i in range(length - 24))
    room = ROOM - 1 - len(GIVEN)
    shown = target if length <= room else "..." + target[3 - room :]
    assert named(machine, {"TargetName": target}) == GIVEN + shown


@pytest.mark.parametrize(
    "variables", [{"TargetIP": "10.0.2"}, {"BootProtocol": "None"}, {"NoSuch": "1"}]
)
def test_without_a_disk_the_name_stays_the_products(
    machine: Machine, variables: dict[str, str]
) -> None:
    name = named(machine, variables)
    assert name.startswith("romgen iSCSI e1000 " if "NoSuch" not in variables else GIVEN)


@pytest.mark.parametrize(("free", "address"), [(0, 0), (0x10000, 0x100000)])
def test_without_memory_the_name_stays_the_products(
    machine: Machine, free: int, address: int
) -> None:
    assert named(machine, None, free, address).startswith("romgen iSCSI e1000 ")
