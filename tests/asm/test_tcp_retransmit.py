"""TCP: what is lost is sent again: time-outs, fast retransmit (RFC 5681, 6298, 6582)."""

from __future__ import annotations

import itertools
import random

import pytest
from bench.machine import Machine
from peer.packets import Segment
from peer.stack import CLOSED, PEER_MAC, Stack
from peer.tcp import MODULUS, command_started, connected

MSS = 1460


@pytest.fixture
def stack(machine: Machine) -> Stack:
    return Stack(machine)


def data(size: int, seed: int = 5) -> bytes:
    return random.Random(seed).randbytes(size)


def lengths(segments: list[Segment]) -> list[int]:
    return [len(segment.data) for segment in segments]


def test_time_out_doubles_and_gives_up(stack: Stack) -> None:
    connected(stack)
    stack.machine.set("cmd_active", 0, 1)  # or tcp_remind sends some more
    stack.queue(b"anybody there?")
    times = []
    start = stack.clock
    while stack.state != CLOSED:
        stack.advance(9)
        for segment in stack.segments():
            assert segment.data == b"anybody there?"
            times.append(stack.clock)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert [round(gap / 100) for gap in gaps] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert stack.tcp_error == stack.error("TCP_RETRANSMIT")
    assert 30_000 <= stack.clock - start < 60_000
    assert stack.machine.bytes_of("error_detail", 4) == bytes([192, 0, 2, 1])


def test_a_near_peer_that_owes_an_answer_is_sent_the_command_again_soon(stack: Stack) -> None:
    """Before the time-out, which is long for it; each wait is twice the one before."""
    peer = connected(stack)
    stack.machine.set("tcp_rtt_min", 0, 4)
    peer.write(b"news")
    stack.poll()
    stack.take()
    stack.machine.set("cmd_active", 0, 1)
    stack.advance(1000)  # the silence before a command does not count
    assert stack.segments() == []
    patience = stack.machine.get("tcp_patience")
    assert patience == stack.machine.get("tcp_rto", 4) // 4 & ~1
    command_started(stack)
    stack.machine.set("tcp_patience", patience | 1)
    stack.queue(b"READ")
    stack.poll()
    window = stack.machine.get("tcp_cwnd", 4)
    (command,) = stack.segments()
    stack.advance(patience - 3)
    assert stack.segments() == []
    stack.advance(3)
    assert stack.segments() == [command] and stack.machine.get("tcp_cwnd", 4) == window
    stack.poll()
    assert stack.segments() == []
    stack.advance(patience - 10)
    assert stack.segments() == []
    stack.advance(10)
    assert stack.segments() == [command]
    peer.send(ack=command.end)
    stack.poll()
    assert stack.idle and stack.segments() == []


def test_what_the_window_holds_back_is_no_loss(stack: Stack) -> None:
    """TIMER_PERSIST: nothing is under way, the probes draw the window."""
    peer = connected(stack, window=0)
    stack.machine.set("tcp_rtt_min", 0, 4)
    stack.queue(b"x" * 48)
    stack.poll()
    stack.take()
    peer.send(window=0)
    stack.poll()
    stack.advance(stack.machine.get("tcp_patience"))
    assert stack.segments() == [] and stack.machine.get("tcp_resend", 1) == 0


def test_time_out_starts_anew_with_one_segment(stack: Stack) -> None:
    peer = connected(stack)
    content = data(3 * MSS)
    stack.queue(payload=content)
    stack.poll()
    stack.take()
    stack.advance(300)
    (segment,) = stack.segments()
    assert segment.data == content[:MSS] and segment.seq == peer.ack
    peer.ack = (peer.ack + MSS) % MODULUS
    peer.send()
    stack.poll()
    assert lengths(stack.segments()) == [MSS, MSS]
    peer.send(ack=peer.ack + 2 * MSS)
    stack.poll()
    assert stack.idle


def test_late_acknowledgement_stops_the_repetition(stack: Stack) -> None:
    peer = connected(stack)
    stack.machine.set("cmd_active", 0, 1)
    stack.queue(payload=data(3 * MSS))
    stack.poll()
    stack.take()
    stack.advance(300)
    stack.take()
    peer.send(ack=peer.ack + 3 * MSS)
    stack.poll(3)
    assert stack.segments() == [] and stack.idle
    stack.advance(5000)
    assert stack.segments() == []


def test_second_time_out_asks_arp_again_and_uses_the_answer(stack: Stack) -> None:
    peer = connected(stack)
    stack.listeners.clear()
    moved = bytes.fromhex("02aabbccdd99")
    stack.queue(b"x")
    stack.poll()
    stack.advance(300)
    assert all(frame.dest == PEER_MAC for frame in stack.take())
    stack.answer_arp(mac=moved)
    stack.advance(500)
    assert any(frame.arp for frame in stack.sent)
    stack.wait(lambda: any(frame.dest == moved and frame.segment for frame in stack.sent), 3000)
    assert peer.ack


def test_fast_retransmit_after_three_duplicates(stack: Stack) -> None:
    peer = connected(stack)
    stack.machine.set("tcp_cwnd", 10 * MSS, 4)
    content = data(30 * MSS)
    stack.queue(payload=content)
    stack.poll(2)
    assert len(stack.segments()) == 10
    for count in range(1, 4):
        peer.send()
        stack.poll()
        assert len(stack.segments()) == (1 if count == 3 else 0)
    assert stack.machine.get("tcp_ssthresh", 4) == 5 * MSS
    assert stack.machine.get("tcp_cwnd", 4) == 8 * MSS
    for count in range(4, 10):  # the window grows by one for each further duplicate
        peer.send()
        stack.poll()
        assert len(stack.segments()) == (1 if count > 5 else 0)
    peer.send(ack=peer.ack + 10 * MSS)  # full acknowledgement
    stack.poll()
    assert stack.machine.get("tcp_cwnd", 4) == 5 * MSS
    assert stack.machine.get("tcp_recovery", 1) == 0


def test_partial_acknowledgement_repairs_the_next_hole(stack: Stack) -> None:
    peer = connected(stack)
    stack.machine.set("tcp_cwnd", 8 * MSS, 4)
    content = data(8 * MSS)
    stack.queue(payload=content)
    stack.poll()
    stack.take()
    base = peer.ack
    for _ in range(3):
        peer.send(ack=base)
    stack.poll()
    assert [segment.seq for segment in stack.segments()] == [base]
    peer.send(ack=base + 2 * MSS)
    stack.poll()
    assert [segment.seq for segment in stack.segments()] == [(base + 2 * MSS) % MODULUS]
    peer.send(ack=base + 5 * MSS)
    stack.poll()
    assert [segment.seq for segment in stack.segments()] == [(base + 5 * MSS) % MODULUS]
    peer.send(ack=base + 8 * MSS)
    stack.poll()
    assert stack.idle and stack.segments() == []


def test_no_fast_retransmit_for_what_a_time_out_repeated(stack: Stack) -> None:
    peer = connected(stack)
    stack.queue(payload=data(3 * MSS))
    stack.poll()
    stack.advance(300)
    stack.take()
    for _ in range(3):
        peer.send()
    stack.poll()
    assert stack.segments() == []


@pytest.mark.parametrize("kind", ["data", "window"])
def test_what_is_no_duplicate_acknowledgement(stack: Stack, kind: str) -> None:
    peer = connected(stack)
    stack.queue(payload=data(3 * MSS))
    stack.poll()
    stack.take()
    for number in range(5):
        if kind == "data":
            peer.write(b"d")
        else:
            peer.send(window=30_000 + number)
    stack.poll()
    assert all(segment.data == b"" for segment in stack.segments())


def test_pure_acknowledgement_after_a_time_out_has_the_highest_number(stack: Stack) -> None:
    peer = connected(stack)
    stack.queue(payload=data(3 * MSS))
    stack.poll()
    stack.advance(300)
    stack.take()
    peer.write(b"data")
    stack.poll()
    ack = [segment for segment in stack.segments() if not segment.data]
    assert [segment.seq for segment in ack] == [(peer.ack + 3 * MSS) % MODULUS]


@pytest.mark.parametrize(("least", "measured"), [(0, 2), (1, 16), (100, 16), (0xFFFFFFFF, 16)])
def test_of_a_near_peers_round_trips_few_are_measured(
    stack: Stack, least: int, measured: int
) -> None:
    """Known to be near: one slow answer to the SYN must not hide that from the login on."""
    peer = connected(stack)
    samples = 0
    for _ in range(16):
        stack.machine.set("tcp_rtt_min", least, 4)
        stack.queue(b"x" * 48)
        stack.poll()
        samples += stack.machine.get("tcp_rtt_on", 1)
        peer.read()
        peer.send()
        stack.poll()
        assert stack.idle and stack.machine.get("tcp_rtt_on", 1) == 0
    assert samples == measured


@pytest.mark.parametrize("delay", [0, 30, 150, 700])
def test_time_out_follows_the_round_trip(stack: Stack, delay: int) -> None:
    peer = connected(stack)
    for _ in range(20):
        stack.queue(b"x" * 48)
        stack.poll()
        peer.read()
        peer.send(at=stack.clock + delay)
        stack.wait(lambda: stack.idle, 3000)
    rto = stack.machine.get("tcp_rto", 4)
    assert max(100, delay) <= rto <= max(100, delay * 1.6 + 60)


def test_a_round_trip_begins_before_the_segment_goes(stack: Stack) -> None:
    """A busy machine may stop us right behind it: the answer is there when we go on."""
    peer = connected(stack)
    stack.machine.set("tcp_rtt_min", 100, 4)  # so it is measured

    def stopped(raw: bytes) -> None:
        stack.clock += 20

    stack.tap = stopped
    stack.queue(b"x" * 48)
    stack.poll()
    peer.read()
    peer.send()
    stack.poll()
    assert stack.idle and 20 <= stack.machine.get("tcp_rtt_min", 4) <= 25


def test_no_round_trip_by_the_bytes_that_go_again_beside_new_ones(stack: Stack) -> None:
    """One segment has both after a time-out; the first one's acknowledgement may come late."""
    peer = connected(stack)
    stack.machine.set("tcp_rtt_min", 100, 4)  # so it would be measured
    stack.queue(b"x" * 48)
    stack.poll()
    stack.queue(b"y" * 48)
    peer.ack = (peer.ack + 48) % MODULUS  # of the first transmission; it is on its way
    stack.machine.set("tcp_snd_nxt", stack.machine.get("tcp_snd_una", 4), 4)  # as the timer does
    stack.machine.set("tcp_rtt_on", 0, 1)
    stack.poll()
    assert stack.segments()[-1].data == b"x" * 48 + b"y" * 48
    assert stack.machine.get("tcp_rtt_on", 1) == 1
    peer.send()
    stack.poll()
    assert stack.machine.get("tcp_rtt_on", 1) == 1  # the new bytes are still under way


@pytest.mark.parametrize(("periods", "least"), [(0, 4), (1, 50), (2, 50)])
def test_a_round_trip_over_a_period_of_the_clock_is_never_the_shortest(
    stack: Stack, periods: int, least: int
) -> None:
    """The clock may have lost a piece of it, and what is far would be near."""
    peer = connected(stack)
    stack.machine.set("tcp_srtt", 800, 4)
    stack.machine.set("tcp_rtt_min", 50, 4)
    stack.queue(b"x" * 48)
    stack.poll()
    assert stack.machine.get("tcp_rtt_on", 1) == 1
    stack.machine.set("tcp_rtt_on", 1 << periods, 1)  # as time_now does
    peer.read()
    peer.send()
    stack.poll()
    assert stack.idle and stack.machine.get("tcp_rtt_on", 1) == 0
    assert stack.machine.get("tcp_rtt_min", 4) == pytest.approx(least, abs=2)
    assert stack.machine.get("tcp_srtt", 4) < 800


def test_no_sample_from_what_was_sent_twice(stack: Stack) -> None:
    peer = connected(stack)
    before = stack.machine.get("tcp_srtt", 4)
    stack.queue(b"x" * 48)
    stack.poll()
    stack.advance(300)
    peer.read()
    stack.clock += 2000
    peer.send()
    stack.poll()
    assert stack.idle and stack.machine.get("tcp_srtt", 4) == before


def test_no_sample_once_a_timer_tick_has_ended_it(stack: Stack) -> None:
    """Over a tick the clock loses a piece: what took long seems to have come at once."""
    peer = connected(stack)
    names = ("tcp_srtt", "tcp_rtt_min", "tcp_rto")
    before = [stack.machine.get(name, 4) for name in names]
    stack.machine.set("tcp_rtt_turn", 0xFF, 1)  # the next one is measured
    stack.queue(b"x" * 48)
    stack.poll()
    assert stack.machine.get("tcp_rtt_on", 1) == 1
    peer.read()
    stack.machine.set("tcp_rtt_on", 0, 1)  # as int08_entry does
    peer.send()
    stack.poll()
    assert stack.idle and [stack.machine.get(name, 4) for name in names] == before


@pytest.mark.parametrize("clock", [(1 << 31) - 300, (1 << 32) - 300])
def test_clock_may_wrap(machine: Machine, clock: int) -> None:
    stack = Stack(machine, clock=clock)
    peer = connected(stack)
    stack.queue(b"over the edge")
    stack.wait(lambda: len(stack.sent) >= 4, 5000)
    assert peer.read() == b"over the edge"
    peer.send()
    stack.poll()
    assert stack.idle


def test_time_out_is_at_most_a_minute(stack: Stack) -> None:
    peer = connected(stack)
    stack.queue(b"x" * 48)
    stack.poll()
    stack.machine.set("tcp_rto", 40_000, 4)
    stack.advance(201)
    assert stack.machine.get("tcp_rto", 4) == 60_000
    peer.send(ack=peer.ack + 48)
    stack.poll()
    stack.queue(b"x" * 48)
    stack.poll()
    stack.machine.set("tcp_timer", 0, 1)  # a round trip longer than the limit
    stack.clock += 100_000
    peer.send(ack=peer.ack + 96)
    stack.poll()
    assert stack.machine.get("tcp_rto", 4) == 60_000


def test_congestion_window_ends_at_the_largest_window(stack: Stack) -> None:
    peer = connected(stack)
    stack.machine.set("tcp_cwnd", 65_000, 4)
    stack.queue(payload=data(2 * MSS))
    stack.poll()
    peer.send(ack=peer.ack + 2 * MSS)
    stack.poll()
    assert stack.machine.get("tcp_cwnd", 4) == 65_535


def test_congestion_avoidance_grows_by_a_segment_a_round(stack: Stack) -> None:
    peer = connected(stack)
    stack.machine.set("tcp_cwnd", 10 * MSS, 4)
    stack.machine.set("tcp_ssthresh", 10 * MSS, 4)
    stack.queue(payload=data(10 * MSS))
    stack.poll(2)
    for number in range(1, 11):
        peer.send(ack=peer.ack + number * MSS)
    stack.poll()
    assert 10 * MSS + 1300 <= stack.machine.get("tcp_cwnd", 4) <= 11 * MSS


def test_large_partial_acknowledgement_leaves_one_segment(stack: Stack) -> None:
    peer = connected(stack)
    stack.machine.set("tcp_cwnd", 8 * MSS, 4)
    stack.queue(payload=data(8 * MSS))
    stack.poll()
    for _ in range(3):
        peer.send()
    stack.poll()
    stack.machine.set("tcp_cwnd", 2 * MSS, 4)
    peer.send(ack=peer.ack + 5 * MSS)
    stack.poll()
    assert stack.machine.get("tcp_cwnd", 4) == MSS
