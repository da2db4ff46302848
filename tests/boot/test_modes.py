"""INT 13h in the states in which DOS leaves a PC: A20 closed, another GDT, virtual-8086 mode."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.console import GuestReport, guest_report
from romgen.boot.disk import TICKS_PER_SECOND
from romgen.boot.dos import CONTROLLER_FAILED, REACHED_BY_MEMORY
from romgen.boot.guest import EXIT_PASS, assemble
from romgen.boot.qemu import Machine, Nic, Stop, run
from romgen.boot.run import qemu_device
from romgen.build import build
from romgen.project import ROOT, Project
from romgen.target import Disk, Script, Target

SECTORS = 20_160  # 20 cylinders of 16 heads, 63 sectors
IO_TIMEOUT = 3  # seconds

Adapter = tuple[Path, str]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("modes") / "disk.img"
    with path.open("wb") as stream:
        stream.write(assemble("modes", {"DISK_ID": 7, "DISK_SECTORS": SECTORS, "PART_FIRST": 63}))
        stream.truncate(SECTORS * 512)
    return path


def boot(rom: Path, device: str, folder: Path, image: Path) -> GuestReport:
    script = Script()
    with Target(script, Disk(image)) as target:
        text = ev.text(ev.defaults(target.port, 1, script.name))
        text += f"IOTimeout={IO_TIMEOUT}\n"
        result = run(Machine(nic=Nic(device, rom), ev=text), Stop(90), folder)
    report = guest_report(result.console.lines)
    assert result.status == EXIT_PASS and report.complete, result.console.text
    return report


@pytest.fixture(params=["default", "iscsi-rtl8139"])
def adapter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    """ROM and QEMU's device: the layout under test, and one whose registers are I/O ports."""
    if request.param == "default":
        return request.getfixturevalue("rom"), request.getfixturevalue("device")
    project = Project(ROOT, tmp_path_factory.mktemp("build-modes"))
    return build(project, request.param).rom, qemu_device(project, "rtl8139")


def test_every_mode(adapter: Adapter, tmp_path: Path, image: Path) -> None:
    rom, device = adapter
    report = boot(rom, device, tmp_path, image)
    assert "a20.stays-closed" in report.ok  # QEMU can close it, so this was tested
    assert "fault" not in report.facts, "the ROM uses an instruction that no monitor lets through"
    status, ticks, _ = report.facts["v86"][0].split()
    if device in REACHED_BY_MEMORY:
        assert int(status, 16) >> 8 == CONTROLLER_FAILED
    else:
        assert int(status, 16) >> 8 == 0
    assert int(ticks) <= TICKS_PER_SECOND
