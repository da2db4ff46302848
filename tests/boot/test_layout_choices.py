"""What a layout may choose: the $PnP vector and where the run-time memory comes from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.console import GuestReport, guest_report
from romgen.boot.disk import FactsDisk
from romgen.boot.guest import EXIT_PASS
from romgen.boot.qemu import Disk, Machine, Nic, Run, Stop, run
from romgen.boot.tgt import Lun, Tgtd
from romgen.build import build
from romgen.project import ROOT, Project

LAYOUT = "iscsi-e1000"
CLEAN_BASE_KIB = "639"
IMAGE = 1
BLANK = 2


def built(folder: Path, old: str, new: str) -> Path:
    """The ROM of the layout with `old` replaced by `new` in what all layouts extend."""
    tree = folder / "tree"
    for part in ("asm", "undi", "layouts", "romgen/tables"):
        shutil.copytree(ROOT / part, tree / part)
    layout = tree / "layouts" / "common.toml"
    text = layout.read_text(encoding="utf-8")
    assert text.count(old) == 1
    layout.write_text(text.replace(old, new), encoding="utf-8")
    return build(Project(tree, folder / "build"), LAYOUT).rom


@pytest.fixture(scope="module")
def bev_rom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("bev"), 'boot = "BCV"', 'boot = "BEV"')


def play(
    rom: Path, device: str, folder: Path, lun: int, local: bool, **more: str
) -> tuple[Run, GuestReport]:
    """Boot with the facts disk as LUN 1, an empty one as LUN 2, and a local facts disk."""
    images = {name: folder / f"{name}.img" for name in ("facts", "blank", "local")}
    images["facts"].write_bytes(FactsDisk().image())
    images["local"].write_bytes(FactsDisk().image())
    images["blank"].write_bytes(bytes(1 << 20))
    disks = (Disk(images["local"]),) if local else ()
    luns = [Lun(IMAGE, images["facts"]), Lun(BLANK, images["blank"])]
    with Tgtd(ev.TARGET_NAME, luns) as tgt:
        machine = Machine(Nic(device, rom, bootindex=0), disks, ev.for_tgtd(tgt, lun, **more))
        result = run(machine, Stop(60), folder)
    report = guest_report(result.console.lines)
    assert result.status == EXIT_PASS and report.complete, result.console.text
    return result, report


def ram_below_one_mib(report: GuestReport) -> int:
    """Bytes of RAM that INT 15h AX=E820h gives below 1 MiB."""
    entries = (line.split() for line in report.facts["e820"])
    return sum(
        int(length, 16) for base, length, kind in entries if kind == "1" and int(base, 16) < 1 << 20
    )


def hooked(report: GuestReport, vector: str) -> bool:
    found = dict(line.split() for line in report.facts["vector"])
    return not found[vector].startswith("F000:")


@pytest.mark.parametrize("local", [False, True])
def test_bev_boots_its_disk_as_80h(bev_rom: Path, device: str, tmp_path: Path, local: bool) -> None:
    result, report = play(bev_rom, device, tmp_path, IMAGE, local)
    assert "Booting from ROM..." in result.console.text
    assert report.facts["drive"] == ["80"]
    assert report.facts["disks"] == [str(1 + local)]
    # POST is over: only our hook keeps the map and 40:13 the same
    assert report.facts["base"] != [CLEAN_BASE_KIB]
    assert ram_below_one_mib(report) == int(report.facts["base"][0]) * 1024


def test_bev_without_a_boot_sector_gives_everything_back(
    bev_rom: Path, device: str, tmp_path: Path
) -> None:
    result, report = play(bev_rom, device, tmp_path, BLANK, True)
    assert "RG-1007 " in result.console.text
    assert report.facts["disks"] == ["1"]
    assert report.facts["base"] == [CLEAN_BASE_KIB]
    assert not any(hooked(report, vector) for vector in ("08", "13", "15"))


def test_bev_attaches_and_lets_the_bios_go_on(bev_rom: Path, device: str, tmp_path: Path) -> None:
    report = play(bev_rom, device, tmp_path, IMAGE, True, BootMode="Attach")[1]
    assert report.facts["drive"] == ["80"]
    assert report.facts["disks"] == ["2"]
    assert sorted(report.disks) == [0x80, 0x81]


def test_base_memory_is_taken_from_the_system(device: str, tmp_path: Path) -> None:
    rom = built(tmp_path, 'place = "auto"', 'place = "base"')
    report = play(rom, device, tmp_path, IMAGE, False)[1]
    assert report.facts["drive"] == ["80"]
    assert report.facts["base"] != [CLEAN_BASE_KIB]
    assert report.facts["int12"] == report.facts["base"]
    assert ram_below_one_mib(report) == int(report.facts["base"][0]) * 1024
