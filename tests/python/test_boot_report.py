"""romgen.boot.phases and report: how far a boot came, in words and in JSON."""

from __future__ import annotations

import json

import pytest

from romgen.boot.console import GuestReport, Line, RomMessage
from romgen.boot.pcap import Frame
from romgen.boot.phases import PHASES, Phase, log_milestones, phases, stopped_in, zero_of
from romgen.boot.report import BootReport

ALL = {name: float(number) for number, name in enumerate(PHASES[:-1], start=1)}


def report(ok: bool, passed: list[Phase]) -> BootReport:
    return BootReport(
        ok=ok,
        what="a disk through e1000",
        cause="" if ok else "RG-3012 target does not answer",
        ended="exit",
        status=33,
        seconds=8.0,
        phases=passed,
        messages=[RomMessage(3.0, 3012, "target does not answer")],
        guest=GuestReport(ok=["a", "b"]),
        console="hello\n",
        log="",
    )


def test_phases_lie_between_milestones() -> None:
    passed = phases(ALL, 9.5)
    assert [phase.name for phase in passed] == list(PHASES)
    assert [phase.seconds for phase in passed] == [1, 1, 1, 1, 1, 1, 1, 2.5]
    assert stopped_in(passed) is None


@pytest.mark.parametrize("missing", PHASES[:-1])
def test_the_first_missing_milestone_is_where_it_stopped(missing: str) -> None:
    reached = {name: at for name, at in ALL.items() if name != missing}
    passed = phases(reached, 9.5)
    assert stopped_in(passed) == missing


def test_time_does_not_run_backwards() -> None:
    # The two clocks may differ by a little: a phase then takes no time.
    passed = phases({**ALL, "link": 0.9}, 9.5)
    assert passed[1].seconds == 0


def test_milestones_of_the_bios_log() -> None:
    log = [
        Line(0.1, "Running option rom at c000:0003"),
        Line(0.2, "Running option rom at ca00:0003"),
        Line(0.9, "Booting from 0000:7c00"),
    ]
    assert log_milestones(log) == {"POST": 0.1, "boot sector": 0.9}


@pytest.mark.parametrize("clock", [0.01, 0.4, 0.98, 1.5, 7.99])
@pytest.mark.parametrize("late", [0.0, 0.1, 0.25])
def test_the_start_lies_on_a_whole_second(clock: float, late: float) -> None:
    frames = [Frame(0, 1700000000 + clock, b"", 60)]
    assert zero_of(frames, clock + late, 0.25) == 1700000000


def test_closing_line_of_a_boot() -> None:
    line = report(True, phases(ALL, 8.0)).line()
    assert line.startswith("booted a disk through e1000 in 8.00 s (POST 1.00 s, link 1.00 s")
    assert line.endswith("2 checks passed")


def test_closing_line_of_a_failure_names_phase_and_cause() -> None:
    line = report(False, phases({"POST": 1.0, "link": 2.0}, 8.0)).line()
    assert "in phase 'ARP': RG-3012 target does not answer" in line


def test_json_of_a_failure() -> None:
    result = json.loads(json.dumps(report(False, phases({"POST": 1.0}, 8.0)).json()))
    assert result["failed_phase"] == "link"
    assert result["messages"] == [
        {"number": "RG-3012", "text": "target does not answer", "at": 3.0}
    ]
    assert result["phases"] == [{"name": "POST", "seconds": 1.0, "end": 1.0}]
