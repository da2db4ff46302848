"""Read-ahead: fewer commands for those who read in order, and never anything but what is there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.machine import Machine
from peer_iscsi.bench import BLOCKS, Bench, make, pattern

from romgen.target.script import Act, Fault

MEMORY, SIZE = 0x400000, 0x20000
BUFFER, BUFFER_SIZE = 0x500000, 0x60000
READ_10 = 0x28
SIMPLE, ORDERED = 1, 2
NEW = bytes(range(256)) * 2


def far(bench: Bench) -> bool:
    """Is the target so far that two commands are on their way?"""
    return bench.machine.get("tcp_rtt_min", 4) >= 1


def give_memory(machine: Machine) -> None:
    """Extended memory and a caller's buffer."""
    machine.allow(MEMORY, SIZE)
    machine.allow(BUFFER, BUFFER_SIZE)
    machine.set("ahead_memory", MEMORY, 4)


@pytest.fixture(params=[0, 1], ids=["near", "far"])
def bench(machine: Machine, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A session; its target is so many milliseconds away."""
    bench = make(machine, tmp_path / "disk").opened()
    give_memory(machine)
    machine.set("tcp_rtt_min", request.param, 4)
    yield bench
    bench.link.close()


def reads(bench: Bench) -> list[tuple[int, int]]:
    """(first block, blocks) of every READ(10) so far."""
    return [
        (int.from_bytes(pdu.header[34:38], "big"), int.from_bytes(pdu.header[39:41], "big"))
        for pdu in bench.target.log
        if pdu.opcode == 1 and pdu.header[32] == READ_10
    ]


def read(bench: Bench, lba: int, count: int, size: int = 512) -> bytes:
    """disk_read into the one buffer."""
    machine = bench.machine
    machine.set("disk_lba", lba, 8)
    machine.set("disk_count", count, 4)
    machine.set("disk_buffer", BUFFER, 4)
    machine.write(BUFFER, bytes(count * size))
    result = machine.call("disk_read", limit=400_000_000)
    assert not result.cf, (lba, result.ax)
    return bytes(machine.read(BUFFER, count * size))


def walk(bench: Bench, first: int, calls: int, count: int, size: int = 512) -> None:
    """Reads in order, and compares."""
    for lba in range(first, first + calls * count, count):
        assert read(bench, lba, count, size) == pattern(lba, count, size), lba


def put(bench: Bench, lba: int, content: bytes = NEW) -> None:
    """Somebody else changes the disk."""
    with bench.path.open("r+b") as stream:
        stream.seek(lba * 512)
        stream.write(content)


@pytest.mark.parametrize("count, most", [(1, 8), (8, 9), (31, 9), (127, 6)])
def test_in_order(bench: Bench, count: int, most: int) -> None:
    walk(bench, 5, 100 if count == 1 else 600 // count, count)
    assert len(reads(bench)) <= most + far(bench)
    assert bench.machine.get("disk_done", 4) == count


def test_the_next_command_is_out_before_it_is_asked_for(bench: Bench) -> None:
    walk(bench, 0, 3, 127)
    more = [(508, 127)] if far(bench) else []
    assert reads(bench) == [(0, 127), (127, 127), (254, 127), (381, 127), *more]
    assert bench.machine.get("ahead_due", 4) == 127


def test_the_second_one_is_ordered_behind_the_first(bench: Bench) -> None:
    walk(bench, 0, 4, 64)
    flags = [pdu.header[1] & 7 for pdu in bench.target.log if pdu.opcode == 1]
    assert set(flags) == ({SIMPLE, ORDERED} if far(bench) else {SIMPLE})
    tags = [pdu.header[16:20] for pdu in bench.target.log if pdu.opcode == 1]
    assert len(set(tags)) == len(tags)


def test_a_target_that_does_not_keep_the_order_gets_one_at_a_time(bench: Bench) -> None:
    """What comes too early ends the session, once."""
    machine = bench.machine
    walk(bench, 0, 2, 64)
    if not far(bench):
        return
    machine.set("cmd_active", 1, 1)
    machine.set("scsi_direction", 0x40, 1)
    machine.set("queue_length", 512, 4)
    machine.set("rx_bhs", bytes(16) + (machine.get("cmd_tag", 4) + 1).to_bytes(4, "big"))
    assert machine.call("data_in_header").cf
    assert machine.get("queue_never", 1) == 1
    bench.link.close_connection()
    before = len(reads(bench))
    walk(bench, 128, 3, 64)
    assert len(reads(bench)) - before == 4


def test_at_random_nothing_is_read_ahead(bench: Bench) -> None:
    numbers = random.Random(3)
    for _ in range(40):
        walk(bench, numbers.randrange(0, BLOCKS - 8, 16), 1, 8)
    assert len(reads(bench)) == 40


def test_up_to_the_last_block(bench: Bench) -> None:
    walk(bench, BLOCKS - 75, 15, 5)
    assert all(first + count <= BLOCKS for first, count in reads(bench))
    result, _ = bench.read(BLOCKS, 1)
    assert result.cf


def test_large_reads_in_between(bench: Bench) -> None:
    at = 0
    for count in (1, 1, 1, 700, 3, 3, 300, 40, 40, 129, 40, 1):
        walk(bench, at, 1, count)
        at += count


def test_the_same_again_and_backwards(bench: Bench) -> None:
    walk(bench, 10, 6, 2)
    for lba in (20, 21, 21, 22, 12, 22, 40, 23):
        walk(bench, lba, 1, 1)


@pytest.mark.parametrize("at", [30, 31, 200])
def test_what_we_write_is_what_we_read(bench: Bench, at: int) -> None:
    walk(bench, 0, 30, 1)
    assert bench.machine.get("ahead_count", 4) or bench.machine.get("ahead_due", 4)
    assert not bench.write(at, NEW).cf
    walk(bench, 30, at - 30, 1)
    assert read(bench, at, 1) == NEW


@pytest.mark.parametrize("event", ["reconnect", "reset", "time", "flush"])
@pytest.mark.parametrize("count", [1, 40])
def test_forgotten(bench: Bench, event: str, count: int) -> None:
    walk(bench, 0, 12, count)
    at = 12 * count
    if event == "reset":
        assert not bench.machine.call("disk_check", limit=400_000_000).cf
    if event == "flush":
        assert not bench.machine.call("disk_flush", limit=400_000_000).cf
    put(bench, at)
    if event == "reconnect":
        bench.link.close_connection()
    if event == "time":
        bench.link.start_clock(bench.link.now + 2100)
        bench.machine.set("net_now", bench.link.now, 4)  # as the timer tick does
    assert read(bench, at, 1) == NEW
    walk(bench, at + 1, 20, 1)


def test_a_short_call_does_not_look_at_the_clock(bench: Bench) -> None:
    """Each look costs exits from a virtual machine; the timer tick keeps net_now going."""
    looks: list[int] = []

    def time_now(machine: Machine) -> None:
        looks.append(bench.link.now)
        machine.set_reg("eax", bench.link.now)

    bench.machine.replace("time_now", time_now)
    for lba in (40, 3, 77, 78, 79, 80):
        assert read(bench, lba, 1) == pattern(lba, 1)
        assert not bench.machine.call("disk_write", limit=400_000_000).cf
    assert not looks


def test_trouble_ahead_is_nobodys_until_it_is_reached(bench: Bench) -> None:
    walk(bench, 0, 2, 127)
    bench.script.faults.append(Fault(Act.SENSE, opcode=READ_10, times=1, sense=(3, 0x11, 0)))
    walk(bench, 254, 1, 127)  # the command behind it meets the fault
    walk(bench, 381, 4, 127)


def test_the_session_goes_while_a_command_is_on_its_way(bench: Bench) -> None:
    walk(bench, 0, 2, 127)
    bench.script.faults.append(Fault(Act.RESET, opcode=READ_10, times=1))
    walk(bench, 254, 6, 127)
    assert len(bench.link.dialled) == 2


def test_blocks_of_4096(machine: Machine, tmp_path: Path) -> None:
    bench = make(machine, tmp_path / "disk", block_size=4096).opened()
    give_memory(machine)
    walk(bench, 0, 60, 1, 4096)
    walk(bench, 60, 5, 20, 4096)
    assert len(reads(bench)) < 30
    bench.link.close()


def test_without_memory_every_read_is_a_command(machine: Machine, tmp_path: Path) -> None:
    bench = make(machine, tmp_path / "disk").opened()
    give_memory(machine)
    machine.set("ahead_memory", 0, 4)
    walk(bench, 0, 20, 4)
    assert len(reads(bench)) == 20
    bench.link.close()
