"""TCP: data to the peer: records, segments, windows, path MTU, keepalive (RFC 9293, 1122)."""

from __future__ import annotations

import itertools
import random
import struct

import pytest
from bench.machine import Machine
from peer.packets import ACK, PSH, RST, Frame, Segment, checksum, mss_option
from peer.stack import CLOSED, ESTABLISHED, GATEWAY_IP, Stack
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
    gaps = [later - earlier for earlier, later in itertools.pairwise(probes)]
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


# --- path MTU -----------------------------------------------------------------------------------


def too_big(stack: Stack, frame: Frame, mtu: int) -> None:
    raw = struct.pack(">BBHHH", 3, 4, 0, 0, mtu) + frame.packet_bytes()[:28]
    stack.send_packet(1, raw[:2] + struct.pack(">H", checksum(raw)) + raw[4:], GATEWAY_IP)


@pytest.mark.parametrize(
    ("mtu", "mss"),
    [(1400, 1360), (576, 536), (0, 536), (300, 536), (68, 536), (1500, 1460), (9000, 1460)],
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
