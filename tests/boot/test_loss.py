"""The target goes away while the booted system reads: INT 13h returns in time, and recovers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.console import GuestReport, guest_report
from romgen.boot.disk import TICKS_PER_SECOND, LossDisk
from romgen.boot.guest import EXIT_PASS
from romgen.boot.qemu import Machine, Nic, Qmp, Stop, run
from romgen.boot.tgt import Lun, Tgtd

TIMEOUT = 0x80
"""INT 13h status."""
IO_TIMEOUT, CONNECT_TIMEOUT = 3, 2
# A failing call may wait for its answer, then for the reconnect; one second for a slow machine.
LONGEST = IO_TIMEOUT + CONNECT_TIMEOUT + 1
Fault = Callable[[Tgtd, Qmp], None]


def play(rom: Path, device: str, folder: Path, fault: Fault, mend: Fault) -> GuestReport:
    image = folder / "disk.img"
    image.write_bytes(LossDisk().image())
    with Tgtd(ev.TARGET_NAME, [Lun(1, image)]) as tgt:

        def on_line(line: str, qmp: Qmp) -> None:
            if line.startswith("@fact ready"):
                fault(tgt, qmp)
            elif line.startswith("@fact failed"):
                mend(tgt, qmp)

        limits = {"IOTimeout": str(IO_TIMEOUT), "ConnectTimeout": str(CONNECT_TIMEOUT)}
        text = ev.for_tgtd(tgt, 1, **limits, ConnectRetries="0")
        machine = Machine(nic=Nic(device, rom), ev=text)
        result = run(machine, Stop(90), folder, on_line=on_line)
    report = guest_report(result.console.lines)
    assert result.status == EXIT_PASS and report.complete, result.console.text
    # The ROM tells once that the disk is lost, and once that it is back. (SeaBIOS holds a last
    # character back until its next tick; what the guest sends to the port itself comes before.)
    told = [result.console.text.count(f"iSCSI disk: {what}") for what in ("RG-", "ba")]
    assert told == ([0, 0] if fault is restart_target else [1, 1]), result.console.text
    return report


def failures(report: GuestReport) -> list[tuple[int, float]]:
    """(status, seconds) of each failed call."""
    found = (line.split() for line in report.facts.get("failed", []))
    return [(int(ax, 16) >> 8, int(ticks) / TICKS_PER_SECOND) for ax, ticks in found]


def nothing(tgt: Tgtd, qmp: Qmp) -> None:
    pass


def stop_target(tgt: Tgtd, qmp: Qmp) -> None:
    os.kill(tgt.pid, signal.SIGSTOP)


def continue_target(tgt: Tgtd, qmp: Qmp) -> None:
    os.kill(tgt.pid, signal.SIGCONT)


def unplug(tgt: Tgtd, qmp: Qmp) -> None:
    qmp.execute("set_link", name="nic0", up=False)


def plug(tgt: Tgtd, qmp: Qmp) -> None:
    qmp.execute("set_link", name="nic0", up=True)


def kill_target(tgt: Tgtd, qmp: Qmp) -> None:
    os.kill(tgt.pid, signal.SIGKILL)


def restart_target(tgt: Tgtd, qmp: Qmp) -> None:
    tgt.restart()


@pytest.mark.parametrize(
    ("fault", "mend"), [(stop_target, continue_target), (unplug, plug)], ids=["silent", "unplugged"]
)
def test_a_silent_peer_is_a_timeout(
    rom: Path, device: str, tmp_path: Path, fault: Fault, mend: Fault
) -> None:
    failed = failures(play(rom, device, tmp_path, fault, mend))
    assert failed
    assert {status for status, _ in failed} == {TIMEOUT}
    assert IO_TIMEOUT - 1 <= failed[0][1] <= LONGEST
    assert all(seconds <= LONGEST for _, seconds in failed)


def test_a_killed_target_is_an_error_and_its_return_is_noticed(
    rom: Path, device: str, tmp_path: Path
) -> None:
    failed = failures(play(rom, device, tmp_path, kill_target, restart_target))
    assert failed
    assert all(status and seconds <= LONGEST for status, seconds in failed)


def test_a_target_that_comes_back_at_once_is_not_noticed(
    rom: Path, device: str, tmp_path: Path
) -> None:
    report = play(rom, device, tmp_path, restart_target, nothing)
    assert failures(report) == []
    assert int(report.facts["reads"][0].split()[0]) > 100
