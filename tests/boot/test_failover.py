"""The target dies, comes back, or hands over to the second one while the booted program reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.disk import CheckDisk, differences
from romgen.boot.report import BootReport
from romgen.boot.run import BootRequest, boot
from romgen.boot.tgt import Lun, Tgtd
from romgen.project import Project

SMALL = CheckDisk(sectors=4096)
ALL_PASSED = r"@done \d+ 0\b"
MIDDLE = "@ok 42.flat-high"
"""The check program says this between its small reads and those of the whole disk."""


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk"
    path.write_bytes(SMALL.image())
    return path


def boot_and(
    project: Project, rom: Path, disk: Path, text: str, act: Callable[[], None]
) -> BootReport:
    """Boots; calls `act` once when the program is in the middle."""
    seen: list[str] = []

    def show(part: str) -> None:
        done = MIDDLE in "".join(seen)
        seen.append(part)
        if not done and MIDDLE in "".join(seen):
            act()

    request = BootRequest(rom, "e1000", disk=disk, ev_text=text, expect=ALL_PASSED, timeout=90)
    report = boot(project, request, show)
    assert MIDDLE in "".join(seen)
    return report


def test_second_target_takes_over(project: Project, rom: Path, disk: Path) -> None:
    with (
        Tgtd(ev.TARGET_NAME, [Lun(1, disk)]) as first,
        Tgtd(ev.TARGET_NAME, [Lun(1, disk)]) as other,
    ):
        text = ev.for_tgtd(first, 1, TargetIP2=ev.HOST_IP, TargetPort2=str(other.port))
        report = boot_and(project, rom, disk, text, first.close)
    assert report.ok, report.line() + "\n" + report.console
    assert differences(disk, SMALL.image_after()) == []


def test_target_is_restarted(project: Project, rom: Path, disk: Path) -> None:
    with Tgtd(ev.TARGET_NAME, [Lun(1, disk)]) as tgt:
        report = boot_and(project, rom, disk, ev.for_tgtd(tgt, 1), tgt.restart)
    assert report.ok, report.line() + "\n" + report.console
    assert differences(disk, SMALL.image_after()) == []


def test_second_target_from_the_start(project: Project, rom: Path, disk: Path) -> None:
    with Tgtd(ev.TARGET_NAME, [Lun(1, disk)]) as tgt:
        text = ev.for_tgtd(
            tgt, 1, TargetName="iqn.2007-09.com.example:nobody", TargetIP2=ev.HOST_IP,
            TargetPort2=str(tgt.port), TargetName2=ev.TARGET_NAME,
        )  # fmt: skip
        report = boot_and(project, rom, disk, text, lambda: None)
    assert report.ok, report.line() + "\n" + report.console
    assert "RG-4103" in report.console
