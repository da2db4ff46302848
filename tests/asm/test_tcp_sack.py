"""TCP: selective acknowledgements (RFC 2018): what is kept out of order is told, newest first."""

from __future__ import annotations

import random

import pytest
from bench.machine import Machine
from peer.packets import ACK, SACK_PERMITTED, SYN, Segment, mss_option, syn_options
from peer.stack import Stack
from peer.tcp import TcpPeer, connected

SIZE = 700
OOO_SIZE = 4 + 4 + 1460
Blocks = list[tuple[int, int]]


@pytest.fixture
def stack(machine: Machine) -> Stack:
    return Stack(machine)


@pytest.fixture(params=[0xFFFFFA00, 0x7FFFFA00])
def peer(stack: Stack, request: pytest.FixtureRequest) -> TcpPeer:
    """Connected, with SACK; the numbers wrap at 2^32 and at 2^31 on the way."""
    return connected(stack, isn=request.param, options=syn_options(1460))


def blocks(segment: Segment) -> Blocks:
    """The blocks of a segment's SACK option; it is the only option there is."""
    options = segment.options
    if not options:
        return []
    assert options[:3] == b"\1\1\5" and options[3] == len(options) - 2
    words = [int.from_bytes(options[at : at + 4], "big") for at in range(4, len(options), 4)]
    return list(zip(words[::2], words[1::2], strict=True))


def piece(first: int, index: int) -> tuple[int, int]:
    return (first + SIZE * index) % (1 << 32), (first + SIZE * (index + 1)) % (1 << 32)


def send(stack: Stack, peer: TcpPeer, first: int, index: int) -> Segment:
    """Send one piece of the stream; the ACK that it draws."""
    content = random.Random(index).randbytes(SIZE)
    peer.send(content, seq=(first + SIZE * index) % (1 << 32))
    stack.poll()
    (answer,) = stack.segments()
    return answer


def test_the_syn_offers_it(stack: Stack) -> None:
    stack.answer_arp()
    seen: list[Segment] = []
    stack.on_poll = lambda: seen.extend(stack.segments())
    stack.connect(timeout=100)
    assert seen[0].flags == SYN
    assert seen[0].options == syn_options(1460)


def test_the_newest_block_comes_first(stack: Stack, peer: TcpPeer) -> None:
    first = peer.seq
    assert blocks(send(stack, peer, first, 1)) == [piece(first, 1)]
    answer = send(stack, peer, first, 4)
    assert blocks(answer)[0] == piece(first, 4) and answer.ack == first
    assert set(blocks(answer)) == {piece(first, 1), piece(first, 4)}
    assert blocks(send(stack, peer, first, 2))[0] == piece(first, 2)
    answer = send(stack, peer, first, 0)
    assert answer.ack == piece(first, 2)[1]
    assert blocks(answer) == [piece(first, 4)]
    answer = send(stack, peer, first, 3)
    assert answer.ack == piece(first, 4)[1] and answer.options == b""
    expected = b"".join(random.Random(index).randbytes(SIZE) for index in range(5))
    assert stack.received == expected


def test_four_blocks_at_most(stack: Stack, peer: TcpPeer) -> None:
    first = peer.seq
    for index in (1, 3, 5, 7, 9):
        answer = send(stack, peer, first, index)
    assert len(blocks(answer)) == 4
    assert blocks(answer)[0] == piece(first, 9)
    known = {piece(first, index) for index in (1, 3, 5, 7, 9)}
    assert set(blocks(answer)) < known and len(set(blocks(answer))) == 4


def test_data_has_no_option(stack: Stack, peer: TcpPeer) -> None:
    send(stack, peer, peer.seq, 1)
    stack.queue(b"x" * 48)
    stack.poll()
    (segment,) = stack.segments()
    assert segment.data == b"x" * 48 and segment.options == b""


@pytest.mark.parametrize(
    "options", [mss_option(1460), b"", b"\x04\x03\x00\x00", mss_option(1460) + b"\x04"]
)
def test_a_peer_that_does_not_offer_it_gets_none(stack: Stack, options: bytes) -> None:
    peer = connected(stack, options=options)
    answer = send(stack, peer, peer.seq, 1)
    assert answer.options == b"" and answer.flags == ACK


def test_a_new_connection_begins_without_it(stack: Stack) -> None:
    peer = connected(stack, options=mss_option(1460) + SACK_PERMITTED)
    assert blocks(send(stack, peer, peer.seq, 1))
    peer.options = mss_option(1460)
    assert not stack.connect().cf
    stack.take()
    assert stack.machine.get("tcp_sack", 1) == 0


def test_until_the_login_is_over_one_segment_is_kept(stack: Stack) -> None:
    """The login's texts are in the memory of the others."""
    machine = stack.machine
    stack.answer_arp()
    peer = TcpPeer(stack, options=syn_options(1460))
    assert not stack.connect().cf
    stack.take()
    behind = machine.address("scratch") + OOO_SIZE
    texts = bytes(range(1, 252)) * 13
    machine.write(machine.data + behind, texts)
    first = peer.seq
    told = [blocks(send(stack, peer, first, index)) for index in (2, 1, 3)]
    assert told == [[piece(first, 2)]] * 3
    assert machine.read(machine.data + behind, len(texts)) == texts
    peer.send(random.Random(0).randbytes(SIZE), seq=first)
    stack.poll()
    stack.take()
    assert stack.received == random.Random(0).randbytes(SIZE)
    stack.machine.call("tcp_slots_all")
    told = [blocks(send(stack, peer, first, index)) for index in (3, 5)]
    assert told == [[piece(first, 3)], [piece(first, 5), piece(first, 3)]]
