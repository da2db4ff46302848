"""Ethernet, ARP, IPv4 and ICMP of the ROM against Python from the RFCs."""

from __future__ import annotations

import itertools
import struct

import pytest
from bench.machine import Machine
from peer.packets import (
    ACK,
    ARP,
    BROADCAST,
    IP,
    SYN,
    TCP_PROTOCOL,
    Arp,
    Frame,
    Packet,
    Segment,
    checksum,
)
from peer.stack import (
    GATEWAY_IP,
    GATEWAY_MAC,
    OWN_IP,
    OWN_MAC,
    PEER_IP,
    PEER_MAC,
    Stack,
)

OTHER_IP, OTHER_MAC = "192.0.2.77", bytes.fromhex("02aabbccdd77")
FAR_IP = "198.51.100.7"
ZERO_MAC = bytes(6)


def echo(data: bytes, sequence: int = 7, *, sum_error: int = 0) -> bytes:
    """An ICMP echo request (RFC 792)."""
    raw = struct.pack(">BBHHH", 8, 0, 0, 0x4242, sequence) + data
    return raw[:2] + struct.pack(">H", checksum(raw) ^ sum_error) + raw[4:]


def request(
    op: int = 1, target: str = OWN_IP, sender: str = OTHER_IP, mac: bytes = OTHER_MAC
) -> Arp:
    return Arp(op, mac, sender, ZERO_MAC, target)


@pytest.fixture
def stack(machine: Machine) -> Stack:
    return Stack(machine)


# --- ARP ----------------------------------------------------------------------------------------


def test_arp_request_for_us_is_answered_to_the_asker(stack: Stack) -> None:
    stack.send_arp(request())
    stack.poll()
    (frame,) = stack.take()
    assert frame.dest == OTHER_MAC
    assert frame.arp == Arp(2, OWN_MAC, OWN_IP, OTHER_MAC, OTHER_IP)


def test_arp_probe_for_our_address_is_answered(stack: Stack) -> None:
    stack.send_arp(request(sender="0.0.0.0"))
    stack.poll()
    assert stack.take()[0].arp == Arp(2, OWN_MAC, OWN_IP, OTHER_MAC, "0.0.0.0")


@pytest.mark.parametrize(
    "arp",
    [request(target=OTHER_IP), request(op=2), request(op=9), request(mac=b"\x01" + OTHER_MAC[1:])],
)
def test_other_arp_is_not_answered(stack: Stack, arp: Arp) -> None:
    stack.deliver(stack.frame(ARP, arp.build(), OTHER_MAC, BROADCAST))
    stack.poll()
    assert stack.take() == []


@pytest.mark.parametrize("position", range(6))
def test_arp_for_another_kind_of_net_is_dropped(stack: Stack, position: int) -> None:
    raw = bytearray(request().build())
    raw[position] ^= 0x10
    stack.deliver(stack.frame(ARP, bytes(raw), OTHER_MAC, BROADCAST))
    stack.poll()
    assert stack.take() == []


def test_short_arp_is_dropped(stack: Stack) -> None:
    raw = Frame(BROADCAST, OTHER_MAC, ARP, request().build()).build()
    for length in (14, 15, 20, 41):
        stack.deliver(raw[:length])
    stack.poll()
    assert stack.take() == []


def test_resolve_retries_faster_and_faster_spaced(stack: Stack) -> None:
    times: list[int] = []
    stack.listeners.append(lambda frame: times.append(stack.clock))
    result = stack.connect(timeout=5000)
    assert result.cf and result.ax == stack.error("ARP_TARGET")
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert [round(gap, -1) for gap in gaps[:4]] == [130, 250, 500, 1000]
    assert max(gaps) <= 1010 and 6 <= len(times) <= 8
    assert all(frame.dest == BROADCAST for frame in stack.sent)
    assert all(frame.arp == Arp(1, OWN_MAC, OWN_IP, ZERO_MAC, PEER_IP) for frame in stack.sent)
    assert stack.machine.bytes_of("error_detail", 4) == bytes([192, 0, 2, 1])


def test_target_beyond_the_net_goes_by_the_gateway(machine: Machine) -> None:
    stack = Stack(machine, gateway=GATEWAY_IP)
    stack.answer_arp(GATEWAY_IP, GATEWAY_MAC)
    stack.connect(FAR_IP, timeout=500)
    arp, syn = stack.sent[:2]
    assert arp.arp and arp.arp.target_ip == GATEWAY_IP
    assert syn.dest == GATEWAY_MAC and syn.packet and syn.packet.dest == FAR_IP


def test_silent_gateway_is_named(machine: Machine) -> None:
    stack = Stack(machine, gateway=GATEWAY_IP)
    result = stack.connect(FAR_IP, timeout=500)
    assert result.cf and result.ax == stack.error("ARP_GATEWAY")
    assert stack.machine.bytes_of("error_detail", 4) == bytes([192, 0, 2, 254])


def test_no_gateway_for_a_target_beyond_the_net(stack: Stack) -> None:
    result = stack.connect(FAR_IP)
    assert result.cf and result.ax == stack.error("NO_ROUTE") and stack.sent == []
    assert stack.machine.bytes_of("error_detail", 4) == bytes([198, 51, 100, 7])


def test_gateway_beyond_the_net_is_refused(machine: Machine) -> None:
    stack = Stack(machine, gateway="203.0.113.1")
    result = stack.connect(FAR_IP)
    assert result.cf and result.ax == stack.error("BAD_GATEWAY") and stack.sent == []


def test_gateway_beyond_the_net_does_not_matter_on_the_own_net(machine: Machine) -> None:
    stack = Stack(machine, gateway="203.0.113.1")
    stack.answer_arp()
    assert stack.connect(timeout=300).ax == stack.error("TCP_CONNECT_TIMEOUT")


@pytest.mark.parametrize("op", [1, 2])
@pytest.mark.parametrize("target", [OWN_IP, PEER_IP, OTHER_IP])
def test_any_arp_of_the_peer_moves_its_entry(stack: Stack, op: int, target: str) -> None:
    stack.answer_arp()
    stack.connect(timeout=300)
    stack.send_arp(Arp(op, OTHER_MAC, PEER_IP, ZERO_MAC, target))
    stack.poll()
    assert stack.machine.bytes_of("arp_mac", 6) == OTHER_MAC


def test_arp_of_others_does_not_move_the_entry(stack: Stack) -> None:
    stack.answer_arp()
    stack.connect(timeout=300)
    stack.send_arp(Arp(2, OTHER_MAC, OTHER_IP, OWN_MAC, OWN_IP))
    stack.poll()
    assert stack.machine.bytes_of("arp_mac", 6) == PEER_MAC


def test_somebody_else_with_our_address_is_reported(stack: Stack) -> None:
    stack.answer_arp()
    stack.send_arp(Arp(1, OTHER_MAC, OWN_IP, ZERO_MAC, OWN_IP), at=stack.clock + 200)
    result = stack.connect(timeout=600)
    assert result.cf and result.ax == stack.error("ADDRESS_CONFLICT")
    assert stack.machine.bytes_of("error_detail", 4) == bytes([192, 0, 2, 10])


def test_our_own_broadcast_sent_back_is_no_conflict(stack: Stack) -> None:
    stack.answer_arp()
    stack.send_arp(Arp(1, OWN_MAC, OWN_IP, ZERO_MAC, PEER_IP), at=stack.clock + 200)
    assert stack.connect(timeout=600).ax == stack.error("TCP_CONNECT_TIMEOUT")


# --- IPv4 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 2, 18, 33, 1471, 1472])
def test_ping_is_answered(stack: Stack, size: int) -> None:
    data = bytes(i * 7 & 0xFF for i in range(size))
    stack.send_packet(1, echo(data))
    stack.poll()
    (frame,) = stack.take()
    assert frame.dest == PEER_MAC and frame.packet
    assert (frame.packet.source, frame.packet.dest) == (OWN_IP, PEER_IP)
    reply = frame.packet.payload
    assert checksum(reply) == 0
    assert reply[:2] == b"\0\0" and reply[4:] == echo(data)[4:]


def test_ping_with_many_checksums(stack: Stack) -> None:
    words = [*range(0, 0x10000, 0x333), 0xAFB4, 0xB5B4, 0xB5B5, 0xB5B3, 0xFFFF]
    for word in words:
        stack.send_packet(1, echo(struct.pack(">H", word)))
    stack.poll(len(words) // 32 + 1)
    replies = [frame.packet for frame in stack.take() if frame.packet]
    assert len(replies) == len(words)
    assert all(checksum(packet.payload) == 0 for packet in replies)


def ping_packet() -> Packet:
    return Packet(PEER_IP, OWN_IP, 1, echo(b"abcdefgh"))


@pytest.mark.parametrize(
    "packet",
    [
        ping_packet().build(sum_error=1),
        ping_packet().build(version_ihl=0x65),
        ping_packet().build(version_ihl=0x44),
        ping_packet().build(version_ihl=0x4F),
        ping_packet().build(length=19),
        ping_packet().build(length=200),
        ping_packet().build(fragment=0x2000),
        ping_packet().build(fragment=0x0001),
        ping_packet().build(fragment=0x1FFF),
        Packet(PEER_IP, OTHER_IP, 1, echo(b"")).build(),
        Packet(PEER_IP, "255.255.255.255", 1, echo(b"")).build(),
        Packet(PEER_IP, "192.0.2.255", 1, echo(b"")).build(),
        Packet("255.255.255.255", OWN_IP, 1, echo(b"")).build(),
        Packet("224.0.0.1", OWN_IP, 1, echo(b"")).build(),
        Packet(PEER_IP, OWN_IP, 17, echo(b"")).build(),
        Packet(PEER_IP, OWN_IP, 1, echo(b"x" * 9, sum_error=4)).build(),
        Packet(PEER_IP, OWN_IP, 1, echo(b"")[:7]).build(),
        Packet(PEER_IP, OWN_IP, 1, b"").build(),
    ],
)
def test_bad_packets_are_dropped(stack: Stack, packet: bytes) -> None:
    stack.send_ip(packet)
    stack.poll()
    assert stack.take() == []


def test_packet_with_options_is_taken(stack: Stack) -> None:
    stack.send_ip(ping_packet().build(options=b"\x01" * 40))
    stack.poll()
    assert len(stack.take()) == 1


def test_length_comes_from_the_header_not_from_the_frame(stack: Stack) -> None:
    stack.deliver(stack.frame(IP, ping_packet().build() + b"\xff" * 30))
    stack.poll()
    packet = stack.take()[0].packet
    assert packet and packet.payload[8:] == b"abcdefgh"


@pytest.mark.parametrize("length", [0, 1, 13, 14, 15, 33])
def test_truncated_frames_are_dropped(stack: Stack, length: int) -> None:
    stack.deliver(stack.frame(IP, ping_packet().build())[:length] or b"\0")
    stack.poll()
    assert stack.take() == []


@pytest.mark.parametrize("kind", [0x0000, 0x05DC, 0x86DD, 0x88A8, 0xFFFF])
def test_other_ethertypes_are_dropped(stack: Stack, kind: int) -> None:
    stack.deliver(stack.frame(kind, ping_packet().build()))
    stack.poll()
    assert stack.take() == []


def test_a_flood_does_not_hold_up_the_poll(stack: Stack) -> None:
    for number in range(100):
        stack.send_packet(1, echo(b"", number))
    stack.poll()
    assert len(stack.take()) == 32 and stack.pending == 68


# --- VLAN ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "tag", "heard"),
    [
        (0, None, True),
        (0, 0, True),
        (0, 0xE000, True),
        (0, 5, False),
        (100, 100, True),
        (100, 0xF064, True),
        (100, 0, True),
        (100, 101, False),
        (100, None, False),
        (4094, 4094, True),
        (4094, 0x0FFF, False),
    ],
)
def test_vlan(machine: Machine, own: int, tag: int | None, heard: bool) -> None:
    stack = Stack(machine, vlan=own)
    stack.deliver(Frame(OWN_MAC, PEER_MAC, IP, ping_packet().build(), tag).build())
    stack.deliver(Frame(BROADCAST, OTHER_MAC, ARP, request().build(), tag).build())
    stack.poll()
    assert [frame.type for frame in stack.take()] == ([IP, ARP] if heard else [])


@pytest.mark.parametrize("length", [14, 15, 16, 17, 18])
def test_truncated_tag(machine: Machine, length: int) -> None:
    stack = Stack(machine, vlan=100)
    stack.deliver(stack.frame(IP, ping_packet().build())[:length])
    stack.poll()
    assert stack.take() == []


def test_full_frame_in_a_vlan(machine: Machine) -> None:
    stack = Stack(machine, vlan=100)
    stack.send_packet(1, echo(b"z" * 1472))
    stack.poll()
    assert len(stack.raw[0]) == 1518


# --- ICMP errors --------------------------------------------------------------------------------


def unreachable(code: int, original: bytes, *, mtu: int = 0) -> bytes:
    """ICMP destination unreachable for the packet ``original`` (RFC 792, RFC 1191)."""
    raw = struct.pack(">BBHHH", 3, code, 0, 0, mtu) + original[:28]
    return raw[:2] + struct.pack(">H", checksum(raw)) + raw[4:]


def syn_answered_by(stack: Stack, code: int, spoil: int | None = None) -> None:
    """Each SYN draws an ICMP error about it; byte ``spoil`` of the message is wrong."""

    def listener(frame: Frame) -> None:
        if frame.packet and frame.segment:
            message = bytearray(unreachable(code, frame.packet_bytes()))
            if spoil is not None:
                message[spoil] ^= 0x55
                message[2:4] = b"\0\0"
                message[2:4] = struct.pack(">H", checksum(bytes(message)))
            stack.send_packet(1, bytes(message), GATEWAY_IP)

    stack.listeners.append(listener)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0, "ICMP_UNREACHABLE"),
        (1, "ICMP_UNREACHABLE"),
        (2, "ICMP_PORT"),
        (3, "ICMP_PORT"),
        (5, "ICMP_UNREACHABLE"),
        (13, "ICMP_UNREACHABLE"),
        (4, "TCP_CONNECT_TIMEOUT"),
    ],
)
def test_unreachable_is_the_reason(stack: Stack, code: int, name: str) -> None:
    stack.answer_arp()
    syn_answered_by(stack, code)
    start = stack.clock
    result = stack.connect(timeout=2000)
    assert result.cf and result.ax == stack.error(name)
    assert (stack.clock - start < 100) == (name == "ICMP_PORT")


# version, protocol, source, dest, both ports, sequence number, type
@pytest.mark.parametrize("position", [8, 17, 20, 24, 28, 30, 32, 0])
def test_unreachable_about_something_else_is_ignored(stack: Stack, position: int) -> None:
    stack.answer_arp()
    syn_answered_by(stack, 3, spoil=position)
    assert stack.connect(timeout=500).ax == stack.error("TCP_CONNECT_TIMEOUT")


def test_short_unreachable_is_ignored(stack: Stack) -> None:
    stack.answer_arp()

    def listener(frame: Frame) -> None:
        if frame.packet and frame.segment:
            raw = unreachable(3, frame.packet_bytes()[:27])
            stack.send_packet(1, raw)

    stack.listeners.append(listener)
    assert stack.connect(timeout=500).ax == stack.error("TCP_CONNECT_TIMEOUT")


# --- segments to nobody -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "data", "seq", "ack", "answer"),
    [
        (ACK, b"abc", 0, 77, 4),
        (SYN, b"", 501, 0, 4 | ACK),
        (SYN, b"abc", 504, 0, 4 | ACK),
        (0, b"abc", 503, 0, 4 | ACK),
    ],
)
def test_segment_to_no_connection_draws_a_reset(
    stack: Stack, flags: int, data: bytes, seq: int, ack: int, answer: int
) -> None:
    segment = Segment(3260, 50000, 500, 77, flags, data=data)
    stack.send_packet(TCP_PROTOCOL, segment.build(PEER_IP, OWN_IP))
    stack.poll()
    (frame,) = stack.take()
    reset = frame.segment
    assert frame.dest == PEER_MAC and reset and reset.flags == answer
    assert (reset.src_port, reset.dst_port) == (50000, 3260)
    assert (reset.seq, reset.ack) == ((77, 0) if flags & ACK else (0, seq))
    assert reset.data == b"" and ack in (0, 77)


@pytest.mark.parametrize(
    ("source", "flags"), [(PEER_IP, 4), (PEER_IP, 4 | ACK), ("224.1.1.1", ACK)]
)
def test_no_reset_for_a_reset_or_a_group(stack: Stack, source: str, flags: int) -> None:
    segment = Segment(3260, 50000, 500, 77, flags)
    stack.send_packet(TCP_PROTOCOL, segment.build(source, OWN_IP), source)
    stack.poll()
    assert stack.take() == []
