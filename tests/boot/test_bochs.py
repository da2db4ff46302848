"""Another BIOS: under Bochs the ROM finds its adapter itself, and its memory without PMM."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot import bochs, ev
from romgen.boot.bochs import BochsMachine
from romgen.boot.console import guest_report
from romgen.boot.disk import CheckDisk, FactsDisk, differences, disk_id
from romgen.boot.guest import EXIT_PASS
from romgen.boot.qemu import Machine, Nic, Stop, run
from romgen.boot.tgt import Lun, Tgtd
from romgen.build import build
from romgen.project import ROOT, Project

LUN = 1
TIMEOUT = 60
PASSED = (EXIT_PASS - 1) // 2  # what the program wrote to the port
CHECK = CheckDisk(sectors=2048)
ISCSI = FactsDisk(disk_id=0x15C5B0C4)
LOCAL = FactsDisk(disk_id=0x10CAB0C4)
BASE_KIB = 639  # without the ROM


def rom_with(folder: Path, text: str) -> Path:
    """The default layout's ROM with these variables in its EV block: Bochs has no fw_cfg."""
    return build(Project(ROOT, folder / "build"), "iscsi-e1000", text.encode()).rom


def test_the_same_file_boots_in_both(tmp_path: Path, device: str) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(CHECK.image())
    with Tgtd(ev.TARGET_NAME, [Lun(LUN, disk)]) as tgt:
        rom = rom_with(tmp_path, ev.for_tgtd(tgt, LUN))
        there = bochs.run(BochsMachine(rom, slot=3), TIMEOUT, tmp_path)
        assert there.value == PASSED and there.report.complete, there.text
        assert differences(disk, CHECK.image_after()) == []
        disk.write_bytes(CHECK.image())
        here = run(Machine(Nic(device, rom)), Stop(TIMEOUT), tmp_path)
        assert here.status == EXIT_PASS, here.console.text
        assert differences(disk, CHECK.image_after()) == []
    # No BIOS told the ROM the place: Bochs calls init with AX = F000h.
    assert "adapter 00:04.0" in there.screen
    assert "Disk 80h: 1 MiB, 2048 blocks of 512 bytes" in there.screen
    # No PMM: the memory is the top of base memory, and the map leaves it out.
    base = int(there.report.facts["base"][0])
    assert base < BASE_KIB and there.report.facts["int12"] == [str(base)]
    first = [int(number, 16) for number in there.report.facts["e820"][0].split()[:2]]
    assert sum(first) <= base * 1024
    assert set(guest_report(here.console.lines).ok) == set(there.report.ok)


@pytest.mark.parametrize(
    "given, boots, second, says",
    [
        ({"ForceBoot": "True"}, ISCSI, LOCAL, "Disk 80h"),
        ({}, LOCAL, ISCSI, "Disk 81h"),
        ({"LUN": "9"}, LOCAL, None, "RG-5"),
    ],
    ids=["forced", "local-first", "failed"],
)
def test_beside_a_local_disk(
    tmp_path: Path, given: dict[str, str], boots: FactsDisk, second: FactsDisk | None, says: str
) -> None:
    remote, local = tmp_path / "disk.img", tmp_path / "local.img"
    remote.write_bytes(ISCSI.image())
    local.write_bytes(LOCAL.image())
    with Tgtd(ev.TARGET_NAME, [Lun(LUN, remote)]) as tgt:
        rom = rom_with(tmp_path, ev.for_tgtd(tgt, LUN, **given))
        result = bochs.run(BochsMachine(rom, disk=local), TIMEOUT, tmp_path)
    assert result.value == PASSED and result.report.complete, result.text
    disks = (boots,) if second is None else (boots, second)
    found = {drive: facts["id"] for drive, facts in result.report.disks.items()}
    wanted = {0x80 + at: f"{disk_id(disk.image()):08X}" for at, disk in enumerate(disks)}
    assert found == wanted, result.text
    assert says in result.screen
    assert (result.report.facts["base"] == [str(BASE_KIB)]) == (second is None)
