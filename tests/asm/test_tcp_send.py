"""TCP: data to the peer: records, segments, windows, retransmission (RFC 9293, 5681, 6298, 6582)."""

from __future__ import annotations

import random
import struct

import pytest
from bench.machine import Machine
from peer.packets import ACK, PSH, RST, Frame, Segment, checksum, mss_option
from peer.stack import CLOSED, ESTABLISHED, GATEWAY_IP, PEER_MAC, Stack
from peer.tcp import MODULUS, TcpPeer, connected

MSS = 1460


@pytest.fixture
def stack(machine: Machine) -> Stack:
    return Stack(machine)


def data(size: int, seed: int = 5) -> bytes:
    return random.Random(seed).randbytes(size)


def lengths(segments: list[Segment]) -> list[int]:
    return [len(segment.data) for segment in segments]


def acked(stack: Stack, peer: TcpPeer) -> bytes:
    """Reads all the ROM has to say, acknowledging everything, until nothing more comes."""
    content = b""
    while True:
        stack.poll()
        piece = peer.read()
        if not piece:
            return content
        content += piece
        peer.send()


# --- records and segments -----------------------------------------------------------------------


def test_header_payload_tail_in_one_segment(stack: Stack) -> None:
    peer = connected(stack)
    stack.queue(b"H" * 48, b"payload", b"T" * 8)
    stack.queue(b"h" * 64, b"", b"")
    stack.poll()
    (segment,) = stack.segments()
    assert segment.data == b"H" * 48 + b"payload" + b"T" * 8 + b"h" * 64
    assert segment.flags == ACK | PSH and segment.seq == peer.ack


@pytest.mark.parametrize("mss", [64, 65, 100, 536, 1460])
@pytest.mark.parametrize("isn", [1000, 0xFFFFFFF0, 0x7FFFFFF0])
def test_stream_is_whole_across_records_and_wrap(machine: Machine, mss: int, isn: int) -> None:
    stack = Stack(machine, random_dword=isn)
    peer = connected(stack, options=mss_option(mss))
    pieces = [(data(48, i), data(i * 97 % 700, 50 + i), data(i % 9, 90 + i)) for i in range(8)]
    for piece in pieces:
        stack.queue(*piece)
    assert acked(stack, peer) == b"".join(b"".join(piece) for piece in pieces)
    assert stack.idle


def test_only_parts_of_a_record(stack: Stack) -> None:
    peer = connected(stack)
    stack.queue(b"", b"only payload", b"")
    stack.queue(b"", b"", b"tail")
    stack.queue(b"only header", b"", b"")
    assert acked(stack, peer) == b"only payloadtailonly header"


def test_eight_records_and_no_more(stack: Stack) -> None:
    peer = connected(stack)
    for number in range(8):
        stack.queue(bytes([number]))
    assert stack.machine.call("tcp_tx_alloc").cf and not stack.idle
    stack.poll()
    peer.read()
    peer.send()
    stack.poll()
    assert stack.idle
    stack.queue(b"next")
    assert acked(stack, peer) == b"next"


def test_partly_acknowledged_records_stay(stack: Stack) -> None:
    peer = connected(stack)
    for number in range(3):
        stack.queue(bytes([number]) * 10)
    stack.poll()
    peer.send(ack=peer.ack + 15)
    stack.poll()
    assert stack.machine.get("tx_count", 1) == 2
    stack.take()
    stack.advance(400)
    assert [s.data for s in stack.segments()] == [b"\x01" * 5 + b"\x02" * 10]


def test_payload_above_one_megabyte(stack: Stack) -> None:
    peer = connected(stack)
    machine = stack.machine
    content, linear = data(3000), 0x180000 + 123
    machine.map(linear, len(content))
    machine.allow(0x100000, 0x1000, "word by which the A20 gate is tested")
    machine.write(linear, content)
    stack.queue(b"head", content, b"tail", linear=linear)
    assert acked(stack, peer) == b"head" + content + b"tail"


def test_payload_that_cannot_be_read_ends_the_connection(stack: Stack) -> None:
    connected(stack)

    def unreadable(machine: Machine) -> None:
        machine.set_reg("ax", 1234)
        machine.set_cf(True)

    stack.machine.replace("copy_from_linear", unreadable)
    stack.queue(b"head", b"payload")
    stack.poll()
    assert stack.state == CLOSED and stack.tcp_error == 1234
    assert [segment.flags for segment in stack.segments()] == [RST | ACK]


def test_nothing_is_queued_without_a_connection(stack: Stack) -> None:
    stack.queue(b"lost")
    stack.poll()
    assert stack.idle and stack.take() == []


def test_push_only_at_the_end(stack: Stack) -> None:
    connected(stack)
    stack.queue(payload=data(3000))
    stack.poll()
    segments = stack.segments()
    assert lengths(segments) == [MSS, MSS, 80]
    assert [segment.flags for segment in segments] == [ACK, ACK, ACK | PSH]


# --- windows ------------------------------------------------------------------------------------


def test_first_flight_and_slow_start(stack: Stack) -> None:
    peer = connected(stack)
    stack.queue(payload=data(40 * MSS))
    stack.poll()
    assert lengths(stack.segments()) == [MSS] * 3  # 4380 bytes (RFC 5681, 3.1)
    base = peer.ack
    for number in range(1, 4):
        peer.send(ack=base + number * MSS)
        stack.poll()
        assert lengths(stack.segments()) == [MSS] * 2


@pytest.mark.parametrize("window", [1460, 1459, 2000, 3000, 1, 100])
def test_window_of_the_peer_is_respected(stack: Stack, window: int) -> None:
    peer = connected(stack, window=window)
    content = data(5000)
    stack.queue(payload=content)
    got = b""
    while len(got) < len(content):
        stack.poll()
        before = peer.ack
        for segment in stack.segments():
            assert (segment.end - before) % MODULUS <= window
            got += segment.data[(peer.ack - segment.seq) % MODULUS :]
            peer.ack = segment.end
        peer.send()
    assert got == content


def test_no_silly_windows(stack: Stack) -> None:
    """RFC 1122, 4.2.3.4: small openings of a window are not filled."""
    peer = connected(stack, window=4000)
    stack.queue(payload=data(20_000))
    stack.poll()
    assert lengths(stack.segments()) == [MSS, MSS]  # 1080 bytes more would be too few
    peer.send(ack=peer.ack + MSS, window=2 * MSS + 100 - MSS)
    stack.poll()
    assert stack.segments() == []
    peer.send(ack=peer.ack + 2 * MSS, window=2000)  # half of the largest window
    stack.poll()
    assert lengths(stack.segments()) == [MSS]


def test_small_data_is_not_held_back(stack: Stack) -> None:
    connected(stack)
    for number in range(3):  # no Nagle
        stack.queue(bytes([number]) * 48)
        stack.poll()
    assert lengths(stack.segments()) == [48] * 3


def test_zero_window_is_probed(stack: Stack) -> None:
    peer = connected(stack, window=0)
    content = data(3000)
    stack.queue(payload=content)
    probes: list[int] = []
    for _ in range(3000):
        stack.advance(9)
        for segment in stack.segments():
            assert segment.data == content[:1] and segment.seq == peer.ack
            probes.append(stack.clock)
            peer.send()
    gaps = [later - earlier for earlier, later in zip(probes, probes[1:], strict=False)]
    assert gaps == sorted(gaps) and gaps[0] < 600 and 4900 < gaps[-1] < 5200
    assert stack.state == ESTABLISHED
    peer.window = 65535
    peer.send()
    assert acked(stack, peer) == content


def test_probe_that_is_taken_counts(stack: Stack) -> None:
    peer = connected(stack, window=0)
    content = data(300)
    stack.queue(payload=content)
    stack.wait(lambda: bool(stack.sent))
    assert peer.read() == content[:1]
    peer.window = 1000
    peer.send()
    assert acked(stack, peer) == content[1:]


def test_unanswered_probes_end_the_connection(stack: Stack) -> None:
    peer = connected(stack, window=0)
    stack.queue(payload=data(300))
    start = stack.clock
    stack.wait(lambda: stack.state == CLOSED)
    assert stack.tcp_error == stack.error("TCP_RETRANSMIT")
    assert 30_000 <= stack.clock - start <= 36_000
    assert peer.syns


def test_window_update_from_an_older_segment_is_ignored(stack: Stack) -> None:
    peer = connected(stack, window=1000)
    peer.write(b"new")
    stack.poll()
    peer.send(b"ew", seq=peer.seq - 2, window=5)  # overtaken: window of an old time
    stack.poll()
    assert stack.machine.get("tcp_snd_wnd", 4) == 1000


def test_a_burst_is_bounded(stack: Stack) -> None:
    peer = connected(stack, options=mss_option(100))
    stack.machine.set("tcp_cwnd", 65535, 4)
    stack.queue(payload=data(3000))
    stack.poll()
    assert lengths(stack.segments()) == [100] * 8
    stack.poll()
    assert lengths(stack.segments()) == [100] * 8
    assert peer.ack


# --- loss ---------------------------------------------------------------------------------------


def test_time_out_doubles_and_gives_up(stack: Stack) -> None:
    connected(stack)
    stack.queue(b"anybody there?")
    times = []
    start = stack.clock
    while stack.state != CLOSED:
        stack.advance(9)
        for segment in stack.segments():
            assert segment.data == b"anybody there?"
            times.append(stack.clock)
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert [round(gap / 200) for gap in gaps] == [1, 2, 4, 8, 16, 32, 64]
    assert stack.tcp_error == stack.error("TCP_RETRANSMIT")
    assert 30_000 <= stack.clock - start < 60_000
    assert stack.machine.bytes_of("error_detail", 4) == bytes([192, 0, 2, 1])


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
    assert max(200, delay) <= rto <= max(200, delay * 1.6 + 60)


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


# --- path MTU -----------------------------------------------------------------------------------


def too_big(stack: Stack, frame: Frame, mtu: int) -> None:
    raw = struct.pack(">BBHHH", 3, 4, 0, 0, mtu) + frame.packet_bytes()[:28]
    stack.send_packet(1, raw[:2] + struct.pack(">H", checksum(raw)) + raw[4:], GATEWAY_IP)


@pytest.mark.parametrize(
    ("mtu", "mss"), [(1400, 1360), (576, 536), (0, 536), (300, 536), (68, 536), (1500, 1460), (9000, 1460)]
)
def test_fragmentation_needed_lowers_the_mss(stack: Stack, mtu: int, mss: int) -> None:
    peer = connected(stack)
    content = data(3 * MSS)
    stack.queue(payload=content)
    stack.poll()
    too_big(stack, stack.take()[0], mtu)
    stack.poll()
    assert stack.machine.get("tcp_mss", 4) == mss
    resent = stack.segments()
    assert (lengths(resent)[0] == mss) if mss < MSS else resent == []
    if resent:
        assert resent[0].seq == peer.ack


def test_old_fragmentation_needed_is_ignored(stack: Stack) -> None:
    peer = connected(stack)
    stack.queue(payload=data(2 * MSS))
    stack.poll()
    frames = stack.take()
    peer.send(ack=peer.ack + 2 * MSS)
    stack.poll()
    too_big(stack, frames[0], 1000)
    stack.poll()
    assert stack.machine.get("tcp_mss", 4) == MSS


def test_soft_error_on_an_open_connection_changes_nothing(stack: Stack) -> None:
    connected(stack)
    stack.queue(b"x")
    stack.poll()
    raw = struct.pack(">BBHHH", 3, 3, 0, 0, 0) + stack.take()[0].packet_bytes()[:28]
    stack.send_packet(1, raw[:2] + struct.pack(">H", checksum(raw)) + raw[4:], GATEWAY_IP)
    stack.poll()
    assert stack.state == ESTABLISHED


# --- keepalive ----------------------------------------------------------------------------------


def test_probe_of_an_idle_connection(stack: Stack) -> None:
    peer = connected(stack)
    before = stack.machine.get("tcp_heard", 4)
    stack.clock += 20_000
    stack.machine.call("tcp_probe")
    (probe,) = stack.segments()
    assert probe.seq == (peer.ack - 1) % MODULUS and probe.data == b"" and probe.flags == ACK
    peer.send()
    stack.poll()
    assert stack.machine.get("tcp_heard", 4) > before + 20_000


def test_keepalive_of_the_peer_is_answered(stack: Stack) -> None:
    peer = connected(stack)
    for content in (b"", b"\0"):
        peer.send(content, seq=peer.seq - 1)
        stack.poll()
        assert [segment.ack for segment in stack.segments()] == [peer.seq]
    assert stack.received == b""


def test_probe_without_a_connection_sends_nothing(stack: Stack) -> None:
    stack.machine.call("tcp_probe")
    assert stack.take() == []
