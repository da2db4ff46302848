"""The boot programs themselves, on a local disk under SeaBIOS: they judge a known BIOS rightly."""

from __future__ import annotations

from pathlib import Path

from romgen.boot.console import GuestReport, guest_report
from romgen.boot.disk import CheckDisk, FactsDisk, differences, disk_id, disk_sum
from romgen.boot.guest import EXIT_FAIL, EXIT_PASS
from romgen.boot.pattern import SECTOR
from romgen.boot.qemu import Disk, Machine, Run, Stop, run
from romgen.boot.scenario import Outcome

CHECK = CheckDisk()
SEABIOS_DEVIATES = {"42.beyond-end-count", "42.short-packet"}
"""SeaBIOS leaves the packet's count alone on errors and does not look at the packet's size."""


def boot_local(image: Path, folder: Path, **changes: bool) -> tuple[Run, GuestReport]:
    result = run(Machine(disks=(Disk(image, "virtio", **changes),)), Stop(60), folder)
    return result, guest_report(result.console.lines)


def test_check_disk_on_seabios(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(CHECK.image())
    result, report = boot_local(image, tmp_path, keep=True)
    assert result.status == EXIT_FAIL
    assert set(report.failed) == SEABIOS_DEVIATES
    assert report.complete
    assert differences(image, CHECK.image_after()) == []


def test_check_disk_finds_one_wrong_byte(tmp_path: Path) -> None:
    content = bytearray(CHECK.image())
    content[9999 * SECTOR + 301] ^= 1
    image = tmp_path / "disk.img"
    image.write_bytes(content)
    report = boot_local(image, tmp_path)[1]
    assert set(report.failed) - SEABIOS_DEVIATES == {
        "02.whole-disk",
        "42.whole-disk",
        "43.neighbours",
    }
    assert "sector=9999 byte=300" in report.failed["42.whole-disk"]


def test_check_disk_finds_swapped_sectors(tmp_path: Path) -> None:
    content = bytearray(CHECK.image())
    one, two = (slice(lba * SECTOR, (lba + 1) * SECTOR) for lba in (2000, 2001))
    content[one], content[two] = content[two], content[one]
    image = tmp_path / "disk.img"
    image.write_bytes(content)
    assert "sector=2000" in boot_local(image, tmp_path)[1].failed["42.whole-disk"]


def test_facts_disk_sums_what_is_there(tmp_path: Path) -> None:
    content = FactsDisk(disk_id=0xCAFE0001).image()
    image = tmp_path / "disk.img"
    image.write_bytes(content)
    result, report = boot_local(image, tmp_path)
    assert result.status == EXIT_PASS
    assert report.disks[0x80]["id"] == f"{disk_id(content):08X}" == "CAFE0001"
    assert report.disks[0x80]["sum"] == f"{disk_sum(content):08X}"
    assert int(report.disks[0x80]["sectors"]) * SECTOR == len(content)


def test_a_machine_without_the_rom(clean_machine: Outcome) -> None:
    facts = clean_machine.guest.facts
    assert facts["disks"] == ["1"]
    assert facts["base"] == facts["int12"] == ["639"]
    assert "13 F000:E3FE" in facts["vector"]
