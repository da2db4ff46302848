"""TCP: opening a connection, RFC 9293 section 3.10.7.3, and what can go wrong with it."""

from __future__ import annotations

import itertools

import pytest
from bench.machine import Machine
from peer.packets import (
    ACK,
    FIN,
    RST,
    SCALE,
    SYN,
    Frame,
    mss_option,
    scale_option,
    syn_options,
)
from peer.stack import CLOSED, ESTABLISHED, OWN_IP, PEER_IP, PEER_MAC, Stack
from peer.tcp import TcpPeer, connected

RING = 16 - 2  # buffers of the layout without those left to broadcasts
LEAST_RING = 6  # with the receive buffers of base memory


@pytest.fixture
def stack(machine: Machine) -> Stack:
    return Stack(machine, step=5)


def test_handshake(stack: Stack) -> None:
    stack.answer_arp()
    peer = TcpPeer(stack)
    result = stack.connect()
    assert not result.cf and stack.state == ESTABLISHED and stack.tcp_error == 0
    _, syn, ack = stack.take()
    assert syn.dest == ack.dest == PEER_MAC
    assert syn.segment and ack.segment and syn.packet
    assert (syn.packet.source, syn.packet.dest) == (OWN_IP, PEER_IP)
    assert syn.segment.flags == SYN and syn.segment.options == syn_options(1460)
    assert syn.segment.ack == 0 and syn.segment.window == LEAST_RING * 536
    assert syn.segment.src_port >= 49152
    assert ack.segment.flags == ACK and ack.segment.data == b""
    assert ack.segment.seq == (syn.segment.seq + 1) % (1 << 32)
    assert ack.segment.ack == peer.seq and ack.segment.window == RING * 1440


@pytest.mark.parametrize("isn", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000])
def test_any_initial_number_works(machine: Machine, isn: int) -> None:
    stack = Stack(machine, random_dword=isn)
    peer = connected(stack, isn=(isn + 5) & 0xFFFFFFFF)
    peer.write(b"hello")
    stack.poll()
    assert stack.received == b"hello"


def test_each_connection_has_its_own_port_and_number(machine: Machine) -> None:
    stack = Stack(machine, random_dword=0x12345678)
    ports = []
    for _ in range(2):
        peer = connected(stack)
        ports.append(peer.rom_port)
        stack.machine.call("tcp_abort")
        stack.listeners.clear()
    assert ports[0] != ports[1] and min(ports) >= 49152


@pytest.mark.parametrize(
    ("options", "mss"),
    [
        (b"", 536),
        (mss_option(1460), 1460),
        (mss_option(9000), 1460),
        (mss_option(536), 536),
        (mss_option(600), 600),
        (mss_option(20), 64),
        (mss_option(0), 64),
        (mss_option(65535), 1460),
        (b"\x01\x01" + mss_option(1000), 1000),
        (b"\x03\x03\x07" + mss_option(1000), 1000),
        (b"\x08\x0a" + bytes(8) + mss_option(700), 700),
        (b"\xfd\x04ab" + mss_option(800), 800),
        (b"\x00" + mss_option(1000), 536),  # behind the end
        (b"\x02\x03\x05" + mss_option(1000), 1000),  # wrong length: skipped
        (b"\x02\x06\x05\xb4\x00\x00" + mss_option(1000), 1000),
        (b"\x05\x00" + mss_option(1000), 536),  # would never end
        (b"\x05\x01" + mss_option(1000), 536),
        (b"\x05\xff" + mss_option(1000), 536),  # beyond the header
        (b"\x01\x01\x01\x02", 536),  # cut
        (b"\x01\x01\x02\x04", 536),
        (b"\x01" * 40, 536),
        (b"\x01" * 36 + mss_option(900), 900),
        (b"\x01" * 39 + b"\x02", 536),
    ],
)
def test_mss_option(stack: Stack, options: bytes, mss: int) -> None:
    peer = connected(stack, options=options)
    data = bytes(range(256)) * 20
    stack.queue(payload=data)
    stack.poll()
    sizes = {len(segment.data) for segment in stack.segments()}
    assert max(sizes) == mss
    assert peer.syns[0].options == syn_options(1460)


@pytest.mark.parametrize("shift", [0, 7, 14, 15])
def test_window_scale(stack: Stack, shift: int) -> None:
    """Both windows are shifted behind the handshake; the peer's SYN never is (RFC 7323, 2.2)."""
    peer = connected(stack, options=mss_option(1460) + scale_option(shift), window=3)
    assert stack.machine.get("tcp_snd_wnd", 4) == 3
    peer.write(b"x")
    stack.poll()
    assert stack.machine.get("tcp_snd_wnd", 4) == 3 << shift
    assert stack.segments()[-1].window == RING * 1440 >> SCALE
    stack.machine.set("tcp_rcv_edge", (peer.seq + 150_000) % (1 << 32), 4)
    peer.write(b"x")
    stack.advance(10)
    stack.poll()
    assert stack.segments()[-1].window == 149_999 >> SCALE


@pytest.mark.parametrize(("mtu", "mss"), [(1500, 1460), (576, 536), (1400, 1360), (9000, 1460)])
def test_mtu_limits_both_ways(machine: Machine, mtu: int, mss: int) -> None:
    stack = Stack(machine, mtu=mtu)
    peer = connected(stack)
    assert peer.syns[0].options == syn_options(mss)
    stack.queue(payload=bytes(4000))
    stack.poll()
    assert max(len(segment.data) for segment in stack.segments()) == mss


@pytest.mark.parametrize(
    ("mss", "buffer"), [(64, 536), (536, 536), (537, 537), (1000, 1000), (1440, 1440), (9000, 1440)]
)
def test_window_counts_buffers_of_the_ring(stack: Stack, mss: int, buffer: int) -> None:
    peer = connected(stack, options=mss_option(mss))
    peer.write(b"x")
    stack.poll()
    assert stack.segments()[-1].window == RING * buffer


def test_syn_is_repeated_with_back_off(stack: Stack) -> None:
    stack.answer_arp()
    times: list[int] = []

    def listener(frame: Frame) -> None:
        if frame.segment:
            times.append(stack.clock)

    stack.listeners.append(listener)
    peer = TcpPeer(stack, accept=False)
    result = stack.connect(timeout=10_000)
    assert result.cf and result.ax == stack.error("TCP_CONNECT_TIMEOUT")
    assert stack.state == CLOSED
    gaps = [round((b - a) / 1000) for a, b in itertools.pairwise(times)]
    assert gaps == [1, 2, 4]
    assert len({segment.seq for segment in peer.syns}) == 1
    assert stack.machine.bytes_of("error_detail", 4) == bytes([192, 0, 2, 1])


def test_second_syn_lost_asks_arp_again(stack: Stack) -> None:
    stack.answer_arp()
    stack.connect(timeout=4000)
    kinds = ["arp" if frame.arp else "syn" for frame in stack.take()]
    assert kinds == ["arp", "syn", "syn", "arp", "syn"]


def test_refused(stack: Stack) -> None:
    stack.answer_arp()
    peer = TcpPeer(stack, accept=False)
    stack.listeners.append(
        lambda frame: peer.send(flags=RST | ACK, seq=0) if frame.segment else None
    )
    start = stack.clock
    result = stack.connect()
    assert result.cf and result.ax == stack.error("TCP_REFUSED") and stack.clock - start < 100


@pytest.mark.parametrize(
    ("flags", "offset", "reset"),
    [
        (RST | ACK, 1, False),
        (RST | ACK, -1, False),
        (RST, 0, False),
        (SYN | ACK, 1, True),
        (SYN | ACK, -1, True),
        (ACK, 7, True),
        (ACK, 0, False),
        (FIN | ACK, 0, False),
        (SYN, 0, False),
        (0, 0, False),
    ],
)
def test_wrong_answer_to_the_syn(stack: Stack, flags: int, offset: int, reset: bool) -> None:
    stack.answer_arp()
    peer = TcpPeer(stack, accept=False)
    sent: list[int] = []

    def listener(frame: Frame) -> None:
        if frame.segment and frame.segment.flags & SYN and not sent:
            sent.append(1)
            peer.send(flags=flags, seq=9, ack=peer.ack + offset)

    stack.listeners.append(listener)
    result = stack.connect(timeout=800)
    assert result.cf and result.ax == stack.error("TCP_CONNECT_TIMEOUT")
    resets = [segment for segment in stack.segments() if segment.flags & RST]
    assert len(resets) == reset
    if reset:
        assert resets[0].seq == (peer.ack + offset) % (1 << 32) and resets[0].flags == RST


def test_syn_ack_with_a_bad_checksum_does_not_count(stack: Stack) -> None:
    stack.answer_arp()
    peer = TcpPeer(stack, accept=False)
    sent: list[int] = []

    def listener(frame: Frame) -> None:
        if frame.segment and not sent:
            sent.append(1)
            segment = peer.segment(flags=SYN | ACK)
            stack.send_packet(6, segment.build(PEER_IP, OWN_IP, sum_error=2))

    stack.listeners.append(listener)
    assert stack.connect(timeout=800).ax == stack.error("TCP_CONNECT_TIMEOUT")


def test_late_syn_ack_is_still_good(stack: Stack) -> None:
    stack.answer_arp()
    peer = TcpPeer(stack, accept=False)

    def listener(frame: Frame) -> None:
        if frame.segment and frame.segment.flags == SYN and len(peer.syns) == 3:
            peer.send(flags=SYN | ACK, seq=peer.isn, options=mss_option(1460))
            peer.seq = peer.isn + 1

    stack.listeners.append(listener)
    assert not stack.connect().cf
    assert stack.machine.get("tcp_rto", 4) == 3000  # RFC 6298, 5.7


def test_data_in_the_syn_ack_comes_again(stack: Stack) -> None:
    stack.answer_arp()
    peer = TcpPeer(stack, accept=False)
    stack.listeners.append(
        lambda frame: (
            peer.send(b"early", flags=SYN | ACK, seq=peer.isn)
            if frame.segment and frame.segment.flags == SYN
            else None
        )
    )
    assert not stack.connect().cf
    peer.seq = peer.isn + 1
    assert stack.segments()[-1].ack == peer.seq
    peer.write(b"early")
    stack.poll()
    assert stack.received == b"early"


def test_connect_resets_the_old_connection(stack: Stack) -> None:
    peer = connected(stack)
    old = peer.rom_port
    assert not stack.connect().cf
    first = stack.segments()[0]
    assert first.flags == RST | ACK and first.src_port == old
    assert peer.rom_port != old and stack.state == ESTABLISHED


@pytest.mark.parametrize("flag_bits", range(64))
def test_every_flag_combination_in_syn_sent_is_survived(stack: Stack, flag_bits: int) -> None:
    stack.answer_arp()
    peer = TcpPeer(stack, accept=False)
    stack.listeners.append(
        lambda frame: (
            peer.send(b"zz", flags=flag_bits, seq=5)
            if frame.segment and frame.segment.flags == SYN
            else None
        )
    )
    result = stack.connect(timeout=300)
    good = flag_bits & (SYN | ACK | RST) == SYN | ACK
    assert result.cf != good
    assert stack.state == (ESTABLISHED if good else CLOSED)
