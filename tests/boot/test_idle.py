"""The booted program sits idle: the target's pings are answered from the timer tick."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.console import GuestReport, guest_report
from romgen.boot.disk import TICKS_PER_SECOND
from romgen.boot.guest import EXIT_PASS, assemble
from romgen.boot.qemu import Machine, Nic, Stop, run
from romgen.target import Disk, Script, Target

SECTORS = 20_160  # 20 cylinders of 16 heads, 63 sectors
IDLE = 8.0  # seconds, more than three times what the target allows for an answer
INTERVAL, PATIENCE = 0.5, 2.0


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    numbers = {"DISK_ID": 0x1D1E, "DISK_SECTORS": SECTORS, "PART_FIRST": 63}
    path = tmp_path_factory.mktemp("idle") / "disk.img"
    with path.open("wb") as stream:
        stream.write(assemble("idle", {**numbers, "IDLE_TICKS": int(IDLE * TICKS_PER_SECOND)}))
        stream.truncate(SECTORS * 512)
    return path


def boot(rom: Path, device: str, folder: Path, target: Target) -> GuestReport:
    text = ev.text(ev.defaults(target.port, 1, target.script.name))
    result = run(Machine(nic=Nic(device, rom), ev=text), Stop(60), folder)
    report = guest_report(result.console.lines)
    assert result.status == EXIT_PASS and report.complete, result.console.text
    return report


def test_disk_is_still_there_after_a_long_menu(
    rom: Path, device: str, tmp_path: Path, image: Path
) -> None:
    script = Script(nop_interval=INTERVAL, nop_timeout=PATIENCE)
    with Target(script, Disk(image)) as target:
        report = boot(rom, device, tmp_path, target)
        status, ticks = report.facts["read"][0].split()
        assert (int(status, 16) >> 8, target.logins) == (0, 1)
        assert int(ticks) <= 2  # at once: no new login
        assert target.events.count("ping answered") >= IDLE / INTERVAL / 2
        assert "ping was not answered" not in target.events
