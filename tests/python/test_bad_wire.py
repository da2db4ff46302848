"""The bad wire: each harm is counted and done as the plan says, the same for the same seed."""

from __future__ import annotations

import socket
from collections import deque
from pathlib import Path

import pytest

from romgen.boot.wire import Plan, Wire, send_waiting

FRAME = bytes(range(64)) * 2
TAGGED = FRAME[:12] + b"\x81\x00\x00\x05" + FRAME[12:]


def through(plan: Plan, frames: int = 400, to_qemu: bool = True) -> tuple[Wire, list[bytes]]:
    wire = Wire(plan)
    for number in range(frames):
        wire.accept(number.to_bytes(2, "big") + FRAME, to_qemu, 0.0)
    return wire, [frame for _, frame in wire.due(1e9)]


def test_clean_wire_changes_nothing() -> None:
    _, out = through(Plan(), 3)
    assert out == [number.to_bytes(2, "big") + FRAME for number in range(3)]


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_loss_is_about_its_share(share: float) -> None:
    wire, out = through(Plan(loss=share), 2000)
    assert len(out) + wire.counters.lost == 2000
    assert abs(wire.counters.lost / 2000 - share) < 0.05


def test_duplicates_and_order() -> None:
    wire, out = through(Plan(duplicate=0.3, reorder=0.3))
    assert len(out) == 400 + wire.counters.duplicated
    assert [frame[:2] for frame in out] != sorted(frame[:2] for frame in out)


def test_corruption_flips_one_bit_behind_the_addresses() -> None:
    wire, out = through(Plan(corrupt=1.0), 50)
    assert wire.counters.corrupted == 50
    for number, frame in enumerate(out):
        clean = number.to_bytes(2, "big") + FRAME
        changed = [a ^ b for a, b in zip(clean, frame, strict=True) if a != b]
        assert len(changed) == 1 and changed[0].bit_count() == 1
        assert frame[:14] == clean[:14]


def test_truncation_keeps_the_ethernet_header() -> None:
    _, out = through(Plan(truncate=1.0), 50)
    assert all(14 <= len(frame) < len(FRAME) + 2 for frame in out)


def test_same_seed_same_harm() -> None:
    plan = Plan(seed=7, loss=0.2, reorder=0.2, duplicate=0.2, corrupt=0.2, truncate=0.1)
    assert through(plan)[1] == through(plan)[1]
    assert through(plan)[1] != through(Plan(seed=8, loss=0.2, corrupt=0.2))[1]


def test_delay_and_cut() -> None:
    wire = Wire(Plan(delay=0.5))
    wire.accept(FRAME, True, 1.0)
    assert wire.due(1.4) == [] and wire.next_time() == 1.5
    assert wire.due(1.5) == [(True, FRAME)]
    wire.cut_until = 3.0
    wire.accept(FRAME, True, 2.0)
    assert wire.due(9.0) == [] and wire.counters.cut == 1


def test_vlan_tags_are_put_on_and_taken_off() -> None:
    wire = Wire(Plan(vlan=5))
    wire.accept(FRAME, True, 0.0)
    wire.accept(TAGGED, False, 0.0)
    assert wire.due(0.0) == [(True, TAGGED), (False, FRAME)]


def test_foreign_vlans_do_not_pass() -> None:
    wire = Wire(Plan(vlan=6))
    wire.accept(TAGGED, False, 0.0)
    wire.accept(FRAME, False, 0.0)
    assert wire.due(0.0) == []
    assert wire.counters.foreign_vlans == [5, 0]


def test_frames_wait_for_a_slow_qemu(tmp_path: Path) -> None:
    """The kernel queues few datagrams in QEMU's socket: none of the others is lost."""
    frames = [number.to_bytes(2, "big") + FRAME for number in range(400)]
    waiting, wire, path = deque(frames), Wire(Plan()), str(tmp_path / "q.sock")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as qemu,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end,
    ):
        end.setblocking(False)
        qemu.bind(path)
        end.connect(path)
        send_waiting(wire, end, waiting)
        assert 0 < len(waiting) < len(frames)
        got: list[bytes] = []
        while len(got) < len(frames):
            got.append(qemu.recv(2048))
            send_waiting(wire, end, waiting)
    assert got == frames
    assert (wire.counters.to_qemu, wire.counters.unsendable) == (len(frames), 0)


def test_frames_before_qemu_is_there_are_counted() -> None:
    waiting, wire = deque([FRAME]), Wire(Plan())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.setblocking(False)
        send_waiting(wire, end, waiting)
    assert not waiting and wire.counters.unsendable == 1
