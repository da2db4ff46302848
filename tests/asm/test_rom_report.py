"""`asm/rom/report.asm`: what the user sees of a lost connection after POST."""

from __future__ import annotations

import pytest
from bench.machine import Machine

LOST = 3012


def video_mode(machine: Machine, mode: int) -> None:
    machine.write(0x449, bytes([mode]))


@pytest.mark.parametrize("mode", [0, 1, 2, 3, 7])
def test_a_loss_is_told_once_and_the_return_too(machine: Machine, mode: int) -> None:
    video_mode(machine, mode)
    for _ in range(3):
        machine.call("report_loss", ax=LOST)
    assert machine.console.count(f"iSCSI disk: RG-{LOST} ") == 1
    for _ in range(3):
        machine.call("report_back")
    assert machine.console.endswith("\r\niSCSI disk: back\r\n")
    assert machine.console.count("back") == 1
    machine.call("report_loss", ax=LOST)
    assert machine.console.count(f"RG-{LOST} ") == 2


@pytest.mark.parametrize("mode", [4, 6, 0x0D, 0x12, 0x13, 0x62])
def test_a_picture_is_not_spoilt(machine: Machine, mode: int) -> None:
    video_mode(machine, mode)
    machine.call("report_loss", ax=LOST)
    machine.call("report_back")
    assert machine.console == ""


def test_what_the_logical_unit_says_is_for_the_caller(machine: Machine) -> None:
    video_mode(machine, 3)
    machine.call("report_loss", ax=5000)
    machine.call("report_back")
    assert machine.console == ""
