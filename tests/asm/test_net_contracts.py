"""The inner routines of the network stack keep what their banners say: the bench checks it."""

from __future__ import annotations

from typing import Any

import pytest
from bench.machine import DATA_SEGMENT, Machine
from peer.packets import ACK, Packet, mss_option
from peer.stack import OWN_IP, PEER_IP, Stack
from peer.tcp import connected

CALLS: dict[str, dict[str, Any]] = {
    "arp_init": {},
    "arp_request": {},
    "arp_route": {"eax": 0x010200C0},
    "ip_header": {"eax": 6, "cx": 20, "edx": 0x010200C0},
    "tcp_ack": {"eax": 0, "ecx": 0, "edx": ACK},
    "tcp_ack_duplicate": {},
    "tcp_ack_new": {"ebp": 10},
    "tcp_challenge": {},
    "tcp_choose": {},
    "tcp_drop": {"ax": 3020},
    "tcp_fail": {"ax": 3020},
    "tcp_halve": {},
    "tcp_init": {},
    "tcp_next_record": {},
    "tcp_output": {"eax": 1},
    "tcp_rto_set": {},
    "tcp_rtt_sample": {},
    "tcp_send_flags": {"ebx": ACK},
    "tcp_send_syn": {},
    "tcp_sendable": {},
    "tcp_slots": {},
    "tcp_timer_start": {"eax": 1},
    "tcp_timers": {},
    "tcp_tx_free": {},
}


@pytest.fixture
def stack(machine: Machine) -> Stack:
    """Connected, with three records queued of which the first two are under way."""
    stack = Stack(machine)
    connected(stack, options=mss_option(536), window=900)
    for size in (300, 300, 1000):
        stack.queue(b"h" * 48, b"p" * size, b"tail")
    stack.poll()
    stack.take()
    return stack


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("seed", [1, 2])
def test_banner(stack: Stack, name: str, seed: int) -> None:
    stack.machine.call(name, seed=seed, carry=seed == 2, **CALLS[name])


@pytest.mark.parametrize("name", ["eth_answer", "ip_checksum", "tcp_options", "tcp_store"])
def test_banner_of_what_reads_a_packet(stack: Stack, name: str) -> None:
    packet = Packet(PEER_IP, OWN_IP, 6, bytes(20) + mss_option(1000) + b"data").build()
    segment, offset = Machine.far(stack.machine.buffer(len(packet), packet, writable=False))
    stack.machine.set("eth_frame", offset)
    registers: dict[str, Any] = {
        "es": segment,
        "ebx": offset,
        "esi": offset + 20,
        "edi": 24,
        "eax": 6,
        "ecx": 24,
    }
    stack.machine.call(name, **registers)


@pytest.mark.parametrize("count", [0, 1, 47, 48, 49, 348, 352, 353, 700, 1052 + 352])
def test_gather(stack: Stack, count: int) -> None:
    machine = stack.machine
    stream = b"".join(b"h" * 48 + b"p" * size + b"tail" for size in (300, 300, 1000))
    first = machine.get("tcp_snd_una", 4)
    frame = machine.address("net_tx_frame")
    result = machine.call(
        "tcp_gather", eax=first, ecx=0xABCD0000 | count, es=DATA_SEGMENT, edi=frame
    )
    assert not result.cf and result.di == frame + count
    assert machine.bytes_of("net_tx_frame", count) == stream[:count]
