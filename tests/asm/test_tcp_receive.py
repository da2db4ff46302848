"""TCP: data in any order, and segments that nobody should send (RFC 9293, RFC 5961)."""

from __future__ import annotations

import random

import pytest
from bench.machine import Machine
from peer.packets import ACK, FIN, PSH, RST, SYN, URG, Segment, checksum, pseudo_header
from peer.stack import CLOSED, ESTABLISHED, PEER_FIN, Stack
from peer.tcp import TcpPeer, connected

WINDOW = 14 * 1440
NOP_OUT = 0x40  # immediate
WRAPS = [0xFFFFFF00, 0x7FFFFF80]


@pytest.fixture
def stack(machine: Machine) -> Stack:
    return Stack(machine)


@pytest.fixture(params=WRAPS)
def peer(stack: Stack, request: pytest.FixtureRequest) -> TcpPeer:
    """Connected; the numbers wrap at 2^32 and at 2^31 on the way."""
    return connected(stack, isn=request.param)


def data(size: int, seed: int = 3) -> bytes:
    return random.Random(seed).randbytes(size)


def acks(stack: Stack) -> list[Segment]:
    return stack.segments()


def patient(stack: Stack) -> int:
    """How long a silence lasts until tcp_remind, from now on, in ms."""
    stack.poll()
    return stack.machine.get("tcp_patience")


def test_in_order(stack: Stack, peer: TcpPeer) -> None:
    content = data(8 * 1440)
    for start in range(0, len(content), 1440):
        peer.write(content[start : start + 1440])
    stack.poll()
    assert stack.received == content and stack.rx_calls == [1440] * 8
    sent = acks(stack)
    # every sixth segment, and one when nothing more has come
    assert [peer.seq - segment.ack for segment in sent] == [2 * 1440, 0]
    assert all(segment.flags == ACK and segment.window == WINDOW for segment in sent)


def test_single_segment_is_acknowledged_in_the_same_poll(stack: Stack, peer: TcpPeer) -> None:
    peer.write(b"x")
    stack.poll()
    assert [segment.ack for segment in acks(stack)] == [peer.seq]
    stack.poll(3)
    assert acks(stack) == []


def widened(stack: Stack, peer: TcpPeer, amount: int) -> None:
    """Somebody waits for so many bytes, and the window covers them (command_wait)."""
    stack.machine.set("tcp_rcv_edge", (peer.seq + amount) % (1 << 32), 4)


def test_acks_are_few_where_the_window_covers_what_is_waited_for(
    stack: Stack, peer: TcpPeer
) -> None:
    widened(stack, peer, 60000)
    first = peer.seq
    for start in range(0, 20 * 1440, 1440):
        peer.write(data(1440, start))
    stack.poll(2)
    sent = acks(stack)
    assert [segment.ack - first & 0xFFFFFFFF for segment in sent] == [8 * 1440, 16 * 1440]
    assert [segment.window for segment in sent] == [60000 - 8 * 1440, 60000 - 16 * 1440]


def test_a_pause_draws_the_ack_that_was_put_off(stack: Stack, peer: TcpPeer) -> None:
    widened(stack, peer, 60000)
    peer.write(data(1440))
    stack.poll(2)
    assert acks(stack) == []
    stack.advance(2)
    stack.poll()
    assert [segment.ack for segment in acks(stack)] == [peer.seq]


def test_without_a_command_the_ack_waits_for_the_next_one(stack: Stack, peer: TcpPeer) -> None:
    stack.step = 0  # looks at the clock take no time
    stack.machine.set("cmd_active", 0, 1)
    peer.write(b"status")
    stack.poll()
    assert acks(stack) == []
    stack.queue(b"command")
    stack.poll()
    assert [(segment.data, segment.ack) for segment in acks(stack)] == [(b"command", peer.seq)]
    peer.ack += len(b"command")
    peer.write(b"status")
    stack.advance(2)
    stack.poll()
    assert acks(stack) == []
    stack.advance(2)
    stack.poll()
    assert [(segment.data, segment.ack) for segment in acks(stack)] == [(b"", peer.seq)]


def test_without_a_command_every_sixth_segment_is_acknowledged(
    stack: Stack, peer: TcpPeer
) -> None:
    stack.machine.set("cmd_active", 0, 1)
    for _ in range(14):
        peer.write(b"x" * 100)
    stack.poll()
    assert [peer.seq - segment.ack for segment in acks(stack)] == [800, 200]


@pytest.mark.parametrize(("least", "share"), [(0, 4), (1, 1), (80, 1)])
def test_a_silent_peer_that_owes_data_is_reminded(
    stack: Stack, peer: TcpPeer, least: int, share: int
) -> None:
    """It may have lost the end of a burst, and would wait for its own time-out."""
    stack.machine.set("tcp_rtt_min", least, 4)
    peer.write(b"x")
    stack.poll()
    (ack,) = acks(stack)
    patience = patient(stack)
    assert patience == stack.machine.get("tcp_rto", 4) // share & ~1
    stack.advance(patience - 5)
    assert acks(stack) == []
    stack.advance(5)
    *duplicates, ping = acks(stack)
    assert duplicates == [ack] * 3  # all the same: they count as duplicates
    assert len(ping.data) == 48 and ping.data[0] == NOP_OUT and ping.data[20:24] == b"\xff" * 4
    assert ping.data[16:20] != b"\xff" * 4  # it wants an answer
    stack.poll()
    assert acks(stack) == [] and stack.machine.get("tcp_patience") == 2 * patience
    peer.ack = ping.end
    peer.write(b"y")
    stack.poll()
    acks(stack)
    assert patient(stack) == patience


def test_the_silence_begins_with_a_look_at_the_clock(stack: Stack, peer: TcpPeer) -> None:
    """Before it net_now may be a tick old: what came just now would seem to be silence."""
    stack.machine.set("tcp_rtt_min", 0, 4)
    peer.write(b"x")
    stack.poll()
    (ack,) = acks(stack)
    stack.advance(55)
    assert acks(stack) == []
    stack.advance(patient(stack) - 5)
    assert acks(stack) == []
    stack.advance(5)
    assert acks(stack)[:3] == [ack] * 3


def test_a_reminder_may_be_lost(stack: Stack, peer: TcpPeer) -> None:
    """Its NOP-Out is under way then, and goes again by the same rule."""
    peer.write(b"x")
    stack.poll()
    patience = patient(stack)
    stack.advance(patience)
    ping = acks(stack)[-1]
    stack.advance(2 * patience)
    assert acks(stack) == [ping]


def test_who_owes_nothing_is_not_reminded(stack: Stack, peer: TcpPeer) -> None:
    stack.machine.set("cmd_active", 0, 1)
    peer.write(b"x")
    stack.poll()
    stack.advance(10)
    stack.poll()
    assert acks(stack)
    stack.advance(10_000)
    stack.poll()
    assert acks(stack) == []


def test_a_minute_of_silence_is_no_flood(stack: Stack, peer: TcpPeer) -> None:
    """Nobody waits any more, but the tick polls on."""
    peer.write(b"x")
    stack.poll()
    acks(stack)
    for _ in range(2000):
        stack.advance(55)
        stack.poll()
    assert len(acks(stack)) <= 3 * 12


def test_near_the_windows_end_each_drained_ring_is_acknowledged(
    stack: Stack, peer: TcpPeer
) -> None:
    widened(stack, peer, WINDOW + 1440)
    peer.write(data(1440))
    stack.poll()
    assert [segment.ack for segment in acks(stack)] == [peer.seq]


def test_padding_of_a_short_frame_is_no_data(stack: Stack, peer: TcpPeer) -> None:
    for byte in b"abc":
        peer.write(bytes([byte]))
    stack.poll()
    assert stack.received == b"abc"


@pytest.mark.parametrize(
    "order", [[1, 0], [2, 1, 0], [1, 2, 3, 0], [3, 1, 2, 0], [5, 4, 3, 2, 1, 0]]
)
def test_out_of_order(stack: Stack, peer: TcpPeer, order: list[int]) -> None:
    pieces = [data(700, seed) for seed in range(len(order))]
    first = peer.seq
    for index in order:
        peer.send(pieces[index], seq=first + 700 * index)
    stack.poll()
    assert stack.received == b"".join(pieces)
    sent = acks(stack)
    assert [segment.ack for segment in sent[:-1]] == [first] * (
        len(order) - 1
    )  # duplicates, at once
    assert sent[-1].ack == (first + 700 * len(order)) % (1 << 32)


def test_more_out_of_order_than_slots_is_sent_again_by_the_peer(
    stack: Stack, peer: TcpPeer
) -> None:
    pieces = [data(1440, seed) for seed in range(12)]
    first = peer.seq
    for index in range(1, 12):
        peer.send(pieces[index], seq=first + 1440 * index)
    peer.send(pieces[0])
    stack.poll()
    got = len(stack.received)
    assert got >= 6 * 1440 and stack.received == b"".join(pieces)[:got]
    assert acks(stack)[-1].ack == (first + got) % (1 << 32)
    for index in range(got // 1440, 12):
        peer.send(pieces[index], seq=first + 1440 * index)
    stack.poll()
    assert stack.received == b"".join(pieces)


def test_duplicates_are_acknowledged_and_dropped(stack: Stack, peer: TcpPeer) -> None:
    first = peer.seq
    peer.write(b"hello")
    stack.poll()
    acks(stack)
    for _ in range(3):
        peer.send(b"hello", seq=first)
        stack.poll()
        assert [segment.ack for segment in acks(stack)] == [peer.seq]
    assert stack.received == b"hello"


@pytest.mark.parametrize("back", [1, 3, 4])
def test_overlap_at_the_front_is_trimmed(stack: Stack, peer: TcpPeer, back: int) -> None:
    peer.write(b"abcd")
    peer.send(b"abcd"[4 - back :] + b"efgh", seq=peer.seq - back)
    stack.poll()
    assert stack.received == b"abcdefgh"


def test_overlaps_among_kept_segments(stack: Stack, peer: TcpPeer) -> None:
    first, text = peer.seq, data(64)
    for start, end in ((8, 16), (4, 12), (14, 40), (8, 20), (30, 64), (60, 62)):
        peer.send(text[start:end], seq=first + start)
    peer.send(text[:6])
    stack.poll()
    assert stack.received == text
    assert acks(stack)[-1].ack == (first + 64) % (1 << 32)


def test_kept_segment_overtaken_by_a_longer_one(stack: Stack, peer: TcpPeer) -> None:
    text = data(100)
    peer.send(text[50:60], seq=peer.seq + 50)
    peer.send(text[50:90], seq=peer.seq + 50)
    peer.send(text[50:70], seq=peer.seq + 50)
    peer.send(text[:95])
    peer.send(text[:50])
    stack.poll()
    assert stack.received == text[:95]
    assert stack.rx_calls == [95]


@pytest.mark.parametrize("seed", range(12))
def test_any_order_with_overlaps(stack: Stack, peer: TcpPeer, seed: int) -> None:
    """Random pieces, each sent until all has arrived, never gives a wrong byte."""
    source = random.Random(seed)
    text, first = data(9000, seed), peer.seq
    for _ in range(60):
        start = source.randrange(len(text))
        peer.send(text[start : start + source.randrange(1, 1461)], seq=first + start)
        if source.random() < 0.3:
            stack.poll()
        assert text.startswith(stack.received)
    for start in range(0, len(text), 1000):
        peer.send(text[start : start + 1000], seq=first + start)
    stack.poll()
    assert stack.received == text
    assert acks(stack)[-1].ack == (first + len(text)) % (1 << 32)


@pytest.mark.parametrize(
    "distance", [WINDOW, WINDOW + 1, WINDOW + 1440, 1 << 20, (1 << 31) - 1, 1 << 31]
)
def test_beyond_the_window(stack: Stack, peer: TcpPeer, distance: int) -> None:
    peer.send(b"far", seq=peer.seq + distance)
    stack.poll()
    assert stack.received == b""
    assert [segment.ack for segment in acks(stack)] == [peer.seq]
    peer.write(b"near")
    stack.poll()
    assert stack.received == b"near"


def test_the_end_beyond_the_window_is_cut(stack: Stack, peer: TcpPeer) -> None:
    last = WINDOW - 10
    peer.send(data(30), seq=peer.seq + last)
    content = data(last, 9)
    for start in range(0, last, 1440):
        peer.write(content[start : start + 1440])
        if start % 2880 == 0:
            stack.poll()
    stack.poll()
    assert stack.received == content + data(30)[:10]


def test_very_long_segment_out_of_order_keeps_to_its_slot(stack: Stack, peer: TcpPeer) -> None:
    text = data(1464 + 100)
    peer.send(text[100:], seq=peer.seq + 100)  # 1464 bytes: a frame of 1518
    peer.send(text[:100])
    stack.poll()
    assert stack.received == text[: 100 + 1460]


def test_window_never_shrinks_nor_outgrows_the_ring(stack: Stack, peer: TcpPeer) -> None:
    edge = peer.seq + WINDOW
    for number in range(40):
        peer.write(data(1 + number * 37))
        stack.poll()
        (segment,) = acks(stack)
        assert segment.window == WINDOW
        new = segment.ack + segment.window
        assert (new - edge) % (1 << 32) < 1 << 31
        edge = new


def test_urgent_data_is_data(stack: Stack, peer: TcpPeer) -> None:
    peer.write(b"urgent", flags=ACK | URG | PSH)
    stack.poll()
    assert stack.received == b"urgent"


# --- forged and broken segments -----------------------------------------------------------------


@pytest.mark.parametrize("flags", [RST, RST | ACK])
def test_exact_reset(stack: Stack, peer: TcpPeer, flags: int) -> None:
    peer.send(flags=flags)
    stack.poll()
    assert stack.state == CLOSED and stack.tcp_error == stack.error("TCP_RESET")
    assert acks(stack) == []
    assert stack.machine.bytes_of("error_detail", 4) == bytes([192, 0, 2, 1])


@pytest.mark.parametrize("distance", [1, 100, WINDOW - 1])
def test_reset_elsewhere_in_the_window_is_challenged(
    stack: Stack, peer: TcpPeer, distance: int
) -> None:
    peer.send(flags=RST, seq=peer.seq + distance)
    stack.poll()
    assert stack.state == ESTABLISHED
    assert [(segment.flags, segment.ack) for segment in acks(stack)] == [(ACK, peer.seq)]


@pytest.mark.parametrize("distance", [-1, -1000, WINDOW, 1 << 30])
def test_reset_outside_the_window_is_dropped(stack: Stack, peer: TcpPeer, distance: int) -> None:
    peer.send(flags=RST, seq=peer.seq + distance)
    stack.poll()
    assert stack.state == ESTABLISHED and acks(stack) == []


@pytest.mark.parametrize("flags", [SYN, SYN | ACK])
@pytest.mark.parametrize("distance", [0, 1, -1, 50_000])
def test_syn_is_challenged(stack: Stack, peer: TcpPeer, flags: int, distance: int) -> None:
    peer.send(flags=flags, seq=peer.seq + distance)
    stack.poll()
    assert stack.state == ESTABLISHED
    assert [(segment.flags, segment.ack) for segment in acks(stack)] == [(ACK, peer.seq)]


def test_challenges_are_limited(stack: Stack, peer: TcpPeer) -> None:
    stack.step = 0
    for _ in range(30):
        peer.send(flags=SYN)
    stack.poll()
    assert len(acks(stack)) == 10
    stack.machine.set("cmd_active", 0, 1)  # or the peer is reminded after so long
    stack.advance(5001)
    peer.send(flags=SYN)
    stack.poll()
    assert len(acks(stack)) == 1


@pytest.mark.parametrize("distance", [1, 2, 1000, 1 << 30, (1 << 31) - 1])
def test_acknowledges_what_was_never_sent(stack: Stack, peer: TcpPeer, distance: int) -> None:
    peer.send(b"forged", ack=peer.ack + distance)
    stack.poll()
    assert stack.received == b"" and stack.state == ESTABLISHED
    assert [(segment.flags, segment.ack) for segment in acks(stack)] == [(ACK, peer.seq)]


def test_acknowledgement_from_long_ago(stack: Stack, peer: TcpPeer) -> None:
    peer.send(b"forged", ack=peer.ack - 65536)  # more than the largest window: 65535
    stack.poll()
    assert stack.received == b"" and len(acks(stack)) == 1
    peer.write(b"old but possible")
    stack.poll()
    assert stack.received == b"old but possible"


def test_old_acknowledgement_still_brings_its_data(stack: Stack, peer: TcpPeer) -> None:
    stack.queue(header=b"12345678")
    stack.poll()
    old = peer.ack
    peer.read()
    peer.send()
    peer.send(b"data", ack=old)
    stack.poll()
    assert stack.received == b"data" and stack.idle


def test_segment_without_ack_is_dropped(stack: Stack, peer: TcpPeer) -> None:
    peer.send(b"abc", flags=PSH)
    stack.poll()
    assert stack.received == b"" and acks(stack) == []


@pytest.mark.parametrize("offset", [0, 1, 4, 7, 15])
def test_wrong_data_offset(stack: Stack, peer: TcpPeer, offset: int) -> None:
    raw = bytearray(peer.segment(b"abcd").build("192.0.2.1", "192.0.2.10"))
    raw[12] = offset << 4
    raw[16:18] = b"\0\0"
    total = checksum(pseudo_header("192.0.2.1", "192.0.2.10", len(raw)) + bytes(raw))
    raw[16:18] = total.to_bytes(2, "big")
    stack.send_packet(6, bytes(raw))
    stack.poll()
    assert stack.received == b"" and stack.state == ESTABLISHED


def test_options_in_a_data_segment_are_skipped(stack: Stack, peer: TcpPeer) -> None:
    peer.send(b"data", options=b"\x01\x01\x08\x0a" + bytes(8))
    stack.poll()
    assert stack.received == b"data"


def test_any_flipped_bit_is_noticed(stack: Stack, peer: TcpPeer) -> None:
    good = peer.segment(b"abcd").build("192.0.2.1", "192.0.2.10")
    for bit in range(len(good) * 8):
        raw = bytearray(good)
        raw[bit // 8] ^= 1 << bit % 8
        stack.send_packet(6, bytes(raw))
    stack.poll(len(good) * 8 // 32 + 1)
    assert stack.pending == 0
    assert stack.received == b"" and acks(stack) == []


def test_truncated_segment(stack: Stack, peer: TcpPeer) -> None:
    for length in range(20):
        stack.send_packet(6, peer.segment().build("192.0.2.1", "192.0.2.10")[:length])
    stack.poll()
    assert acks(stack) == []


def test_another_address_or_port_is_another_connection(stack: Stack, peer: TcpPeer) -> None:
    segment = peer.segment(b"abcd")
    stack.send_packet(6, segment.build("192.0.2.9", "192.0.2.10"), "192.0.2.9")
    for change in ("src_port", "dst_port"):
        other = peer.segment(b"abcd")
        setattr(other, change, getattr(other, change) ^ 1)
        peer.send_segment(other)
    stack.poll()
    assert stack.received == b"" and stack.state == ESTABLISHED
    assert [reply.flags for reply in acks(stack)] == [RST] * 3


# --- the user above -----------------------------------------------------------------------------


def test_protocol_error_of_the_user_drops_the_connection(stack: Stack, peer: TcpPeer) -> None:
    stack.rx_error = 4321
    peer.write(b"rubbish")
    peer.write(b"more")
    stack.poll()
    assert stack.state == CLOSED and stack.tcp_error == 4321 and stack.rx_calls == [7]
    sent = acks(stack)
    assert sent[0].flags == RST | ACK and sent[0].seq == peer.ack


def test_protocol_error_in_a_kept_segment(stack: Stack, peer: TcpPeer) -> None:
    peer.send(b"second", seq=peer.seq + 5)
    peer.send(b"third", seq=peer.seq + 11)
    stack.poll()

    def second(content: bytes) -> None:
        stack.rx_error = 4321 if content == b"second" else 0

    stack.rx_hook = second
    peer.send(b"first")
    stack.poll()
    assert stack.rx_calls == [5, 6] and stack.tcp_error == 4321 and stack.state == CLOSED


def test_user_answers_from_within_the_delivery(stack: Stack, peer: TcpPeer) -> None:
    """What iscsi_rx queues goes out with the acknowledgement of what it was given."""
    stack.rx_hook = lambda content: stack.queue_inside(content[::-1])
    peer.write(b"ping")
    stack.poll()
    (segment,) = acks(stack)
    assert segment.data == b"gnip" and segment.ack == peer.seq and segment.flags == ACK | PSH


# --- FIN ----------------------------------------------------------------------------------------


def test_fin_of_the_peer(stack: Stack, peer: TcpPeer) -> None:
    peer.write(b"bye", flags=ACK | FIN)
    stack.poll()
    assert stack.received == b"bye" and stack.state == ESTABLISHED | PEER_FIN
    assert stack.tcp_error == stack.error("TCP_CLOSED")
    assert acks(stack)[-1].ack == peer.seq
    peer.send(b"after the end", seq=peer.seq)
    peer.send(flags=ACK | FIN, seq=peer.seq - 1)  # the FIN again
    stack.poll()
    assert stack.received == b"bye" and acks(stack)[-1].ack == peer.seq


def test_fin_before_missing_data_does_not_count(stack: Stack, peer: TcpPeer) -> None:
    peer.send(b"end", seq=peer.seq + 5, flags=ACK | FIN)
    stack.poll()
    assert stack.state == ESTABLISHED
    peer.send(b"start")
    stack.poll()
    assert stack.received == b"startend" and stack.state == ESTABLISHED
    peer.send(b"end", seq=peer.seq + 5, flags=ACK | FIN)
    stack.poll()
    assert stack.state == ESTABLISHED | PEER_FIN and stack.received == b"startend"


def test_fin_beyond_the_window_does_not_count(stack: Stack, peer: TcpPeer) -> None:
    peer.send(flags=ACK | FIN, seq=peer.seq + WINDOW)
    stack.poll()
    assert stack.state == ESTABLISHED
