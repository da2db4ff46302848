"""BootMode=Attach: the disk and its iBFT are there, the BIOS boots something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.console import GuestReport, guest_report
from romgen.boot.disk import FactsDisk, disk_id
from romgen.boot.guest import EXIT_PASS
from romgen.boot.qemu import Disk, Machine, Nic, Run, Stop, run
from romgen.boot.tgt import Lun, Tgtd

LUN = 1
ISCSI = FactsDisk(disk_id=0x15C51001)
OTHER = FactsDisk(sectors=4096, disk_id=0x10CA1001)
FLOPPY_BYTES = 1440 * 1024


def play(
    rom: Path,
    device: str,
    folder: Path,
    local: str,
    bootindex: int | None,
    mode: str = "Attach",
    **more: str,
) -> tuple[Run, GuestReport]:
    """Boot with the facts disk as LUN 1; local: "ide", "virtio", "floppy" or "" (nothing else)."""
    iscsi, other = folder / "iscsi.img", folder / "local.img"
    iscsi.write_bytes(ISCSI.image())
    other.write_bytes(OTHER.image())
    extra: tuple[str, ...] = ()
    if local == "floppy":
        other.write_bytes(OTHER.image()[:FLOPPY_BYTES].ljust(FLOPPY_BYTES, b"\0"))
        drive = f"if=floppy,index=0,format=raw,snapshot=on,file={other}"
        extra = ("-drive", drive, "-global", "isa-fdc.bootindexA=7")
    disks = (Disk(other, local),) if local in ("ide", "virtio") else ()
    with Tgtd(ev.TARGET_NAME, [Lun(LUN, iscsi)]) as tgt:
        text = ev.for_tgtd(tgt, LUN, BootMode=mode, **more)
        machine = Machine(Nic(device, rom, bootindex=bootindex), disks, text, extra=extra)
        result = run(machine, Stop(60), folder)
    return result, guest_report(result.console.lines)


def ids(report: GuestReport) -> dict[int, str | None]:
    return {drive: facts.get("id") for drive, facts in report.disks.items()}


def name(disk: FactsDisk) -> str:
    return f"{disk_id(disk.image()):08X}"


@pytest.mark.parametrize(
    "local, bootindex, force", [("ide", None, "False"), ("virtio", 0, "True"), ("ide", 0, "False")]
)
def test_a_local_disk_boots_whatever_the_order(
    rom: Path, device: str, tmp_path: Path, local: str, bootindex: int | None, force: str
) -> None:
    result, report = play(rom, device, tmp_path, local, bootindex, ForceBoot=force)
    assert result.status == EXIT_PASS and report.complete, result.console.text
    assert report.facts["drive"] == ["80"]
    assert ids(report) == {0x80: name(OTHER), 0x81: name(ISCSI)}
    assert "iSCSI disk 81h: attached, not booted" in result.console.text


def test_a_floppy_boots_and_finds_the_disk_as_80h(rom: Path, device: str, tmp_path: Path) -> None:
    result, report = play(rom, device, tmp_path, "floppy", 0)
    assert "Boot failed: could not read the boot disk" in result.console.text
    assert result.status == EXIT_PASS and report.complete, result.console.text
    assert report.facts["drive"] == ["00"]
    assert ids(report) == {0x80: name(ISCSI)}


def test_nothing_else_to_boot(rom: Path, device: str, tmp_path: Path) -> None:
    result, report = play(rom, device, tmp_path, "", None)
    assert "Boot failed: could not read the boot disk" in result.console.text
    assert "No bootable device" in result.console.text
    assert not report.disks and result.status == 0


def test_attach_once_attaches_and_says_that_nothing_remembers_it(
    rom: Path, device: str, tmp_path: Path
) -> None:
    result, report = play(rom, device, tmp_path, "ide", None, "AttachOnce")
    assert "RG-1006 AttachOnce cannot be remembered" in result.console.text
    assert ids(report) == {0x80: name(OTHER), 0x81: name(ISCSI)}
