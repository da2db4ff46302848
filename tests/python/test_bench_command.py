"""`romgen bench` with boots that are stand-ins: what it keeps, what it prints, how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from romgen import cli
from romgen.bench import rival
from romgen.bench.measure import Side
from romgen.bench.results import Pair, load, store
from romgen.bench.workloads import Group, Workload
from romgen.commands import bench
from romgen.errors import EXIT_BOOT, RomgenError
from romgen.project import Project


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the pairs go; each ROM has the same figures, and no boot takes place."""
    project = Project(build=tmp_path)
    monkeypatch.setattr(bench, "Project", lambda: project)
    monkeypatch.setattr(bench, "rom_for_layout", lambda *_: (tmp_path / "our.rom", {}))
    monkeypatch.setattr(rival, "rom", lambda *_: tmp_path / "other.rom")
    monkeypatch.setattr(bench, "boot", boot)
    return tmp_path / "bench.json"


def boot(side: Side, group: Group, work: Sequence[Workload]) -> dict[str, float]:
    """As fast as each other; GRUB does not boot."""
    if group.name == "grub":
        raise RomgenError("bench-boot", side.name, "no GRUB", status=EXIT_BOOT)
    return {each.name: 100.0 for each in work}


def test_prints_and_judges_what_it_has_measured(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(kept, [Pair("virtio", "read-8", 1, 1), Pair("pcnet", "power-on", 9, 1)])
    assert cli.main(["bench", "--nic", "pcnet", "--only", "read-8", "--pairs", "2"]) == 0
    printed = capsys.readouterr().out
    assert "| pcnet | 8 sectors, in order |" in printed
    assert "virtio" not in printed and "power-on" not in printed
    assert len(load(kept)) == 4  # the others' are still there


def test_a_goal_that_was_missed(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--nic", "virtio", "--only", "read-8", "--pairs", "1"]) == EXIT_BOOT
    assert "**missed**" in capsys.readouterr().out
    assert load(kept) == [Pair("virtio", "read-8", 100, 100)]


def test_what_was_measured_before_a_boot_failed_is_kept(kept: Path) -> None:
    assert cli.main(["bench", "--nic", "pcnet", "--pairs", "1"]) == EXIT_BOOT
    names = {pair.workload for pair in load(kept)}
    assert {"power-on", "loss-1-read-8", "longest-127"} <= names
    assert not names & {"grub", "linux-first"}
