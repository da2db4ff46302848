"""The initiator as a whole against the scripted target: login, reads, writes, recovery."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.machine import Machine
from peer_iscsi.bench import BLOCKS, ERRORS, IP, IP2, PORT, Bench, make, pattern

from romgen.target import Disk, Target
from romgen.target.disk import lun_bytes
from romgen.target.script import Act, Fault, Script

READ_10, WRITE_10, TEST_UNIT_READY = 0x28, 0x2A, 0x00
TIMEOUT = 0x80


@pytest.fixture
def bench(machine: Machine, tmp_path: Path) -> Iterator[Bench]:
    bench = make(machine, tmp_path / "disk")
    yield bench
    bench.link.close()


def opcodes(bench: Bench) -> list[int]:
    return [pdu.opcode for pdu in bench.target.log]


def test_open_finds_the_disk(bench: Bench) -> None:
    bench.opened()
    assert bench.machine.get("disk_blocks", 8) == BLOCKS
    assert bench.machine.get("disk_block_size", 4) == 512
    assert bench.link.dialled == [(IP, PORT)]


def test_login_takes_one_exchange(bench: Bench) -> None:
    bench.opened()
    assert opcodes(bench).count(0x03) == 1


@pytest.mark.parametrize(
    "lba, count", [(0, 1), (1, 127), (BLOCKS - 1, 1), (5, 700), (BLOCKS - 513, 513)]
)
def test_read(bench: Bench, lba: int, count: int) -> None:
    bench.opened()
    result, data = bench.read(lba, count)
    assert not result.cf and data == pattern(lba, count)
    assert bench.machine.get("disk_done", 4) == count


@pytest.mark.parametrize(
    "max_data_in, max_burst, status_in_data",
    [(512, 512, True), (1000, 8192, False), (8192, 16384, True), (0, 262144, False)],
)
def test_read_in_pieces(
    bench: Bench, max_data_in: int, max_burst: int, status_in_data: bool
) -> None:
    bench.script.max_data_in, bench.script.max_burst = max_data_in, max_burst
    bench.script.status_in_data = status_in_data
    bench.opened()
    result, data = bench.read(7, 100)
    assert not result.cf and data == pattern(7, 100)


@pytest.mark.parametrize("initial_r2t", [False, True])
@pytest.mark.parametrize("immediate_data", [False, True])
@pytest.mark.parametrize(
    "max_recv, first_burst, max_burst, blocks",
    [
        (512, 512, 512, 9),
        (512, 2048, 4096, 30),
        (8192, 65536, 262144, 1),
        (8192, 65536, 262144, 200),
        (1000, 5000, 7000, 33),
        (262144, 4096, 262144, 8),
        (262144, 262144, 262144, 1200),
    ],
)
def test_write(
    bench: Bench,
    initial_r2t: bool,
    immediate_data: bool,
    max_recv: int,
    first_burst: int,
    max_burst: int,
    blocks: int,
) -> None:
    script = bench.script
    script.initial_r2t, script.immediate_data = initial_r2t, immediate_data
    script.max_recv, script.first_burst, script.max_burst = max_recv, first_burst, max_burst
    bench.opened()
    data = random.Random(blocks).randbytes(blocks * 512)
    result = bench.write(100, data)
    assert not result.cf, (result.ax, bench.target.events)
    assert bench.on_disk(100, blocks) == data
    assert bench.on_disk(99, 1) == pattern(99, 1)
    assert bench.on_disk(100 + blocks, 1) == pattern(100 + blocks, 1)


def test_small_write_takes_one_pdu(bench: Bench) -> None:
    bench.opened()
    bench.target.log.clear()
    bench.write(3, b"x" * 4096)
    assert opcodes(bench) == [0x01]


def test_r2ts_are_served_when_records_are_scarce(bench: Bench) -> None:
    bench.script.max_recv, bench.script.initial_r2t = 512, True
    bench.opened()
    bench.link.busy = 50
    data = bytes(range(256)) * 200
    assert not bench.write(0, data).cf
    assert bench.on_disk(0, 100) == data


def test_numbers_wrap_around(bench: Bench) -> None:
    bench.opened()
    bench.link.start_clock(0xFFFFFF00)
    machine = bench.machine
    for name in ("iscsi_cmd_sn", "iscsi_max_cmd_sn"):
        assert machine.get(name, 4) < 64
    for _ in range(3):
        result, data = bench.read(9, 3)
        assert not result.cf and data == pattern(9, 3)


@pytest.mark.parametrize("act", [Act.CLOSE, Act.RESET])
@pytest.mark.parametrize("opcode", [READ_10, WRITE_10])
def test_lost_connection_is_built_anew(bench: Bench, act: Act, opcode: int) -> None:
    bench.opened()
    bench.script.faults.append(Fault(act, at=2, opcode=opcode))
    data = b"new!" * 128 * 1200
    if opcode == READ_10:
        result, data = bench.read(0, 1200)
        assert data == pattern(0, 1200)
    else:
        result = bench.write(0, data)
        assert bench.on_disk(0, 1200) == data
    assert not result.cf
    assert len(bench.link.dialled) == 2
    assert bench.machine.get("disk_done", 4) == 1200


def test_isid_stays_the_same(bench: Bench) -> None:
    bench.opened()
    bench.link.drop()
    bench.read(0, 1)
    logins = [bytes(stream[8:14]) for stream in bench.link.sent]
    assert logins == [bytes([0x52 >> 2]) + bytes.fromhex("5400123456")] * 2


def test_silence_ends_in_time_with_status_80(bench: Bench) -> None:
    bench.opened()
    bench.ev(io_timeout=7)
    bench.link.tick_ms = 20
    bench.script.faults.append(Fault(Act.SILENCE, opcode=READ_10, times=0))
    start = bench.link.now
    result, _ = bench.read(0, 8)
    assert result.cf and bench.machine.get("disk_status", 1) == TIMEOUT
    assert 6_000 < bench.link.now - start < 8_000
    assert bench.machine.get("disk_done", 4) == 0


def test_silent_target_is_left(bench: Bench) -> None:
    bench.opened()
    bench.link.tick_ms = 20
    bench.script.faults.append(Fault(Act.SILENCE, opcode=READ_10))
    start = bench.link.now
    result, data = bench.read(0, 8)
    assert not result.cf and data == pattern(0, 8)
    assert 9_900 < bench.link.now - start < 11_500  # a third of IOTimeout, at most 10 s


@pytest.mark.parametrize("ack_ms, connections", [(300, 1), (5_000, 2)])
def test_buffer_is_kept_until_tcp_needs_it_no_more(
    bench: Bench, ack_ms: int, connections: int
) -> None:
    bench.opened()
    bench.link.ack_ms = ack_ms
    start = bench.link.now
    assert not bench.write(0, b"data" * 128).cf
    assert min(ack_ms, 1_000) <= bench.link.now - start <= 1_100
    bench.link.ack_ms = 0
    assert not bench.read(1, 1)[0].cf
    assert len(bench.link.dialled) == connections


def test_slow_upload_is_not_silence(bench: Bench) -> None:
    bench.opened()
    bench.link.tick_ms, bench.link.upload_ms = 25, 30_000
    assert not bench.write(0, b"slow" * 4096).cf
    assert bench.on_disk(0, 32) == b"slow" * 4096
    assert len(bench.link.dialled) == 1


def test_slow_target_that_answers_pings_is_waited_for(bench: Bench) -> None:
    bench.opened()
    bench.link.tick_ms = 20
    bench.script.faults.append(Fault(Act.DELAY, opcode=READ_10, value=4_900))
    result, data = bench.read(0, 8)
    assert not result.cf and data == pattern(0, 8)
    assert len(bench.link.dialled) == 1


def test_killed_target_ends_in_time(bench: Bench) -> None:
    bench.opened()
    bench.ev(io_timeout=5)
    bench.link.targets.clear()
    bench.link.drop()
    start = bench.link.now
    result, _ = bench.read(0, 8)
    assert result.cf and bench.machine.get("disk_status", 1) == TIMEOUT
    assert bench.link.now - start < 6_000


def test_target_that_never_answers_the_login(bench: Bench) -> None:
    bench.script.login_silence = True
    bench.link.tick_ms = 50
    start = bench.link.now
    result = bench.open()
    assert result.cf and result.ax == ERRORS["ISCSI_TIMEOUT"]
    assert len(bench.link.dialled) == 3  # ConnectRetries = 2
    assert 30_000 <= bench.link.now - start < 33_500


def test_check_sends_nothing_on_a_healthy_session(bench: Bench) -> None:
    bench.opened()
    before = len(bench.link.sent[-1])
    assert not bench.machine.call("disk_check", limit=10_000_000).cf
    assert len(bench.link.sent[-1]) == before and len(bench.link.sent) == 1


def test_check_reconnects(bench: Bench) -> None:
    bench.opened()
    bench.link.drop()
    assert not bench.machine.call("disk_check", limit=100_000_000).cf
    assert len(bench.link.sent) == 2


def test_close_logs_out(bench: Bench) -> None:
    bench.opened()
    bench.machine.call("iscsi_close", limit=10_000_000)
    assert opcodes(bench)[-1] == 0x06
    assert bench.machine.get("iscsi_phase", 1) == 0


def test_ping_is_answered(bench: Bench) -> None:
    bench.opened()
    bench.script.nop_timeout, bench.script.nop_interval = 5.0, 1.0
    bench.script.faults.append(Fault(Act.PING, opcode=READ_10))
    result, data = bench.read(0, 1)
    assert not result.cf and data == pattern(0, 1)
    assert not bench.machine.call("disk_check", limit=10_000_000).cf
    assert "ping answered" in bench.target.events


def test_a_target_that_answers_our_ping_is_left_in_peace_for_a_while(bench: Bench) -> None:
    bench.opened()
    bench.machine.set("tcp_patience", 24)
    assert not bench.machine.call("nop_out_ping").cf
    assert not bench.read(0, 1)[0].cf
    assert 0x00 in opcodes(bench)
    assert bench.machine.get("tcp_patience") & ~1 == 256 + 24


@pytest.mark.parametrize("event, connections", [(0, 1), (1, 2), (2, 2), (3, 2), (4, 2), (255, 1)])
def test_asynchronous_messages(bench: Bench, event: int, connections: int) -> None:
    bench.opened()
    bench.script.faults.append(Fault(Act.ASYNC, opcode=READ_10, value=event))
    for _ in range(2):
        result, data = bench.read(5, 2)
        assert not result.cf and data == pattern(5, 2)
    assert len(bench.link.dialled) == connections


def test_rejected_command_is_tried_again(bench: Bench) -> None:
    bench.opened()
    bench.script.faults.append(Fault(Act.REJECT, opcode=READ_10, value=2))
    result, data = bench.read(5, 2)
    assert not result.cf and data == pattern(5, 2)


def test_closed_window_is_waited_for(bench: Bench) -> None:
    bench.script.queue_depth = 1  # MaxCmdSN must not go back: 1 to 0 free places keeps it
    bench.opened()
    bench.script.faults.append(Fault(Act.WINDOW, opcode=READ_10, value=1_500))
    bench.read(0, 1)
    start = bench.link.now
    result, data = bench.read(1, 1)
    assert not result.cf and data == pattern(1, 1)
    assert bench.link.now - start >= 1_400 and len(bench.link.dialled) == 1


@pytest.mark.parametrize("act", [Act.DATA_SN, Act.OFFSET])
def test_data_out_of_order_is_read_again(bench: Bench, act: Act) -> None:
    bench.opened()
    bench.script.faults.append(Fault(act, opcode=READ_10, value=512))
    result, data = bench.read(0, 20)
    assert not result.cf and data == pattern(0, 20)
    assert len(bench.link.dialled) == 2


@pytest.mark.parametrize("act", [Act.SHORT, Act.LIE_SHORT])
def test_short_read_is_never_success(bench: Bench, act: Act) -> None:
    bench.opened()
    bench.script.faults.append(Fault(act, opcode=READ_10, value=512, times=0))
    result, _ = bench.read(0, 20)
    assert result.cf and result.ax == ERRORS["SCSI_SHORT"]
    assert bench.machine.get("disk_done", 4) == 0


@pytest.mark.parametrize("lba, count", [(BLOCKS, 1), (BLOCKS - 1, 2), (1 << 63, 1), (2**64 - 1, 2)])
def test_beyond_the_end(bench: Bench, lba: int, count: int) -> None:
    bench.opened()
    result, _ = bench.read(lba, count)
    assert result.cf and result.ax == ERRORS["SCSI_RANGE"]
    assert bench.machine.get("disk_status", 1) == 0x04


def test_other_disk_after_reconnection_is_refused(bench: Bench, tmp_path: Path) -> None:
    bench.opened()
    bench.ev(io_timeout=3)
    disk = next(iter(bench.target.disks.values()))
    disk.blocks -= 1
    bench.link.drop()
    result, _ = bench.read(0, 1)
    assert result.cf and result.ax == ERRORS["SCSI_CHANGED"]


def test_no_session_no_hang_when_nobody_listens(bench: Bench) -> None:
    bench.link.targets.clear()
    result = bench.open()
    assert result.cf and result.ax == 3999
    assert len(bench.link.dialled) == 3


def second(bench: Bench, tmp_path: Path, name: str = "iqn.2026-01.test.romgen:second") -> Target:
    """A second target with the same disk, at IP2, named by the EVs."""
    target = Target(Script(name=name), Disk(bench.path, lun=lun_bytes(5)))
    bench.link.targets[IP2, 4711] = target
    bench.ev(target_ip2=IP2, target_port2=4711, target_name2=name, lun2=lun_bytes(5))
    return target


def test_second_target_when_the_first_is_not_there(bench: Bench, tmp_path: Path) -> None:
    second(bench, tmp_path)
    del bench.link.targets[IP, PORT]
    bench.opened()
    assert bench.link.dialled == [(IP, PORT), (IP2, 4711)]
    result, data = bench.read(0, 9)
    assert not result.cf and data == pattern(0, 9)


@pytest.mark.parametrize("status", [(2, 1), (2, 3), (3, 1)])
def test_second_target_when_the_first_refuses(
    bench: Bench, tmp_path: Path, status: tuple[int, int]
) -> None:
    second(bench, tmp_path)
    bench.script.login_status = status
    bench.opened()
    assert bench.link.dialled[-1] == (IP2, 4711)
    assert "RG-4" in bench.machine.console  # the reason is told


def test_second_target_when_the_first_has_no_such_lun(bench: Bench, tmp_path: Path) -> None:
    second(bench, tmp_path)
    bench.ev(lun=lun_bytes(3))
    bench.opened()
    assert bench.link.dialled == [(IP, PORT), (IP2, 4711)]


def test_both_targets_fail(bench: Bench, tmp_path: Path) -> None:
    second(bench, tmp_path)
    bench.link.targets.clear()
    assert bench.open().cf
    assert bench.link.dialled == [(IP, PORT), (IP2, 4711)] * 3


@pytest.mark.parametrize("write", [False, True])
def test_first_target_dies_in_the_middle(bench: Bench, tmp_path: Path, write: bool) -> None:
    other = second(bench, tmp_path)
    bench.opened()
    bench.script.faults.append(Fault(Act.CLOSE, at=2, opcode=WRITE_10 if write else READ_10))

    def die(turn: int) -> None:
        if "fault close" in bench.target.events:
            bench.link.targets.pop((IP, PORT), None)

    bench.link.on_turn = die
    if write:
        data = random.Random(3).randbytes(1100 * 512)
        assert not bench.write(50, data).cf
        assert bench.on_disk(50, 1100) == data
    else:
        result, data = bench.read(50, 1100)
        assert not result.cf and data == pattern(50, 1100)
    assert other.logins == 1
    assert bench.machine.get("disk_done", 4) == 1100


def test_silent_first_target_is_not_asked_again(bench: Bench, tmp_path: Path) -> None:
    second(bench, tmp_path)
    bench.opened()
    bench.link.tick_ms = 20
    bench.script.faults.append(Fault(Act.SILENCE, opcode=READ_10, times=0))
    result, data = bench.read(0, 8)
    assert not result.cf and data == pattern(0, 8)
    assert bench.link.dialled == [(IP, PORT), (IP2, 4711)]


def test_second_target_with_another_disk_is_not_used(bench: Bench, tmp_path: Path) -> None:
    other = second(bench, tmp_path)
    next(iter(other.disks.values())).blocks += 8
    bench.opened()
    del bench.link.targets[IP, PORT]
    bench.link.drop()
    gone = bench.link.now

    def back(turn: int) -> None:
        if bench.link.now - gone > 3_000:
            bench.link.targets[IP, PORT] = bench.target

    bench.link.on_turn = back
    result, data = bench.read(0, 8)
    assert not result.cf and data == pattern(0, 8)
    assert bench.link.dialled[-1] == (IP, PORT) and other.logins > 1
