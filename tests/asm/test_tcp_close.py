"""TCP: the end of a connection in each state (RFC 9293, 3.6 and 3.10.7.4)."""

from __future__ import annotations

import pytest
from bench.machine import Machine
from peer.packets import ACK, FIN, PSH, RST, Frame
from peer.stack import CLOSED, ESTABLISHED, PEER_FIN, Stack
from peer.tcp import TcpPeer, connected


@pytest.fixture
def stack(machine: Machine) -> Stack:
    return Stack(machine, step=5)


def close(stack: Stack) -> int:
    """Calls tcp_close; milliseconds that it took."""
    start = stack.clock
    stack.machine.set("cmd_active", 0, 1)
    stack.machine.call("tcp_close")
    assert stack.state == CLOSED
    return stack.clock - start


def on_fin(stack: Stack, peer: TcpPeer, *answers: tuple[int, int, int]) -> None:
    """Answers the ROM's FIN with (flags, seq offset, ack offset from the FIN's number)."""
    done: list[int] = []

    def listener(frame: Frame) -> None:
        segment = frame.segment
        if segment and segment.flags & FIN and not done:
            done.append(1)
            number = segment.end - 1
            for flags, seq, ack in answers:
                peer.send(flags=flags, seq=peer.seq + seq, ack=number + ack)

    stack.listeners.append(listener)


def test_orderly_end(stack: Stack) -> None:
    """FIN-WAIT-1, FIN-WAIT-2, then the peer's FIN."""
    peer = connected(stack)
    on_fin(stack, peer, (ACK, 0, 1), (ACK | FIN, 0, 1))
    assert close(stack) < 100 and stack.tcp_error == 0
    fin, ack = stack.segments()
    assert fin.flags == FIN | ACK and fin.seq == peer.ack
    assert ack.flags == ACK and ack.ack == peer.seq + 1 and ack.seq == peer.ack + 1


def test_fin_and_ack_in_one(stack: Stack) -> None:
    peer = connected(stack)
    on_fin(stack, peer, (ACK | FIN, 0, 1))
    assert close(stack) < 100
    assert [segment.flags for segment in stack.segments()] == [FIN | ACK, ACK]


def test_both_close_at_once(stack: Stack) -> None:
    """CLOSING: the peer's FIN comes before the acknowledgement of ours."""
    peer = connected(stack)
    on_fin(stack, peer, (ACK | FIN, 0, 0), (ACK, 1, 1))
    assert close(stack) < 100
    flags = [segment.flags for segment in stack.segments()]
    assert flags[0] == FIN | ACK and RST not in [flag & RST for flag in flags]


def test_peer_closed_first(stack: Stack) -> None:
    """CLOSE-WAIT, LAST-ACK."""
    peer = connected(stack)
    peer.write(b"", flags=ACK | FIN)
    stack.poll()
    assert stack.state == ESTABLISHED | PEER_FIN
    stack.take()
    on_fin(stack, peer, (ACK, 0, 1))
    assert close(stack) < 100
    assert stack.segments()[0].flags == FIN | ACK
    assert stack.tcp_error == stack.error("TCP_CLOSED")


def test_queued_data_goes_out_before_the_fin(stack: Stack) -> None:
    peer = connected(stack)
    stack.queue(b"last words")
    on_fin(stack, peer, (ACK | FIN, 0, 1))
    assert close(stack) < 100
    first = stack.segments()[0]
    assert first.data == b"last words" and first.flags & FIN


def test_fin_of_its_own_behind_a_full_segment(stack: Stack) -> None:
    peer = connected(stack)
    stack.queue(payload=bytes(1460))
    on_fin(stack, peer, (ACK | FIN, 0, 1))
    assert close(stack) < 100
    sent = stack.segments()
    assert [(len(segment.data), segment.flags) for segment in sent[:2]] == [
        (1460, ACK | PSH),
        (0, ACK | FIN),
    ]


def test_data_after_our_fin_is_taken_and_dropped(stack: Stack) -> None:
    peer = connected(stack)
    done: list[int] = []

    def listener(frame: Frame) -> None:
        if frame.segment and frame.segment.flags & FIN and not done:
            done.append(1)
            peer.ack = frame.segment.end
            peer.write(b"late data")
            peer.write(b"", flags=ACK | FIN)

    stack.listeners.append(listener)
    assert close(stack) < 100
    assert stack.received == b"" and stack.segments()[-1].ack == peer.seq


def test_silent_peer_gets_a_reset_after_a_second(stack: Stack) -> None:
    peer = connected(stack)
    assert 1000 <= close(stack) <= 1100
    sent = stack.segments()
    assert {segment.flags for segment in sent[:-1]} == {FIN | ACK}
    assert len({segment.seq for segment in sent[:-1]}) == 1 and len(sent) >= 3  # repeated
    assert sent[-1].flags == RST | ACK and sent[-1].seq == peer.ack + 1


def test_half_closed_peer_gets_a_reset_after_a_second(stack: Stack) -> None:
    peer = connected(stack)
    stack.machine.set("cmd_active", 0, 1)
    on_fin(stack, peer, (ACK, 0, 1))
    assert 1000 <= close(stack) <= 1100
    assert [segment.flags for segment in stack.segments()] == [FIN | ACK, RST | ACK]


def test_zero_window_does_not_hold_up_the_end(stack: Stack) -> None:
    connected(stack, window=0)
    stack.queue(b"stuck")
    assert 1000 <= close(stack) <= 1100
    assert stack.segments()[-1].flags == RST | ACK and stack.idle


def test_fin_passes_a_zero_window(stack: Stack) -> None:
    peer = connected(stack, window=0)
    on_fin(stack, peer, (ACK | FIN, 0, 1))
    assert close(stack) < 100


def test_reset_while_closing_is_no_error(stack: Stack) -> None:
    peer = connected(stack)
    stack.machine.set("error_detail", 0x12345678, 4)
    on_fin(stack, peer, (RST, 0, 1))
    assert close(stack) < 100
    assert stack.tcp_error == 0 and stack.machine.get("error_detail", 4) == 0x12345678


def test_close_without_connection(stack: Stack) -> None:
    assert close(stack) < 10 and stack.take() == []


def test_abort(stack: Stack) -> None:
    peer = connected(stack)
    stack.queue(b"never mind")
    stack.machine.call("tcp_abort")
    (segment,) = stack.segments()
    assert segment.flags == RST | ACK and segment.seq == peer.ack and segment.ack == peer.seq
    assert stack.state == CLOSED and stack.idle
    stack.machine.call("tcp_abort")
    assert stack.take() == []


def test_after_the_end_the_peer_is_reset(stack: Stack) -> None:
    peer = connected(stack)
    stack.machine.call("tcp_abort")
    stack.take()
    peer.write(b"still there?")
    stack.poll()
    (segment,) = stack.segments()
    assert segment.flags == RST and segment.seq == peer.ack and stack.received == b""


def test_connect_again_after_the_end(stack: Stack) -> None:
    peer = connected(stack)
    stack.queue(b"old")
    stack.poll()
    close(stack)
    assert not stack.connect().cf
    stack.take()
    peer.seq = peer.isn + 1
    peer.write(b"new")
    stack.queue(b"fresh")
    stack.poll()
    assert stack.received == b"new" and peer.read() == b"fresh"
