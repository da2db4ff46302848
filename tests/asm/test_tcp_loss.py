"""TCP over a wire that loses, doubles, reorders and damages: every byte arrives once, in order."""

from __future__ import annotations

import random

import pytest
from bench.machine import Machine
from peer.endpoint import Endpoint, Harm
from peer.stack import ESTABLISHED, PEER_IP, Stack

PLANS = {
    "clean": Harm(1),
    "loss 1 %": Harm(2, lose=0.01),
    "loss 5 %": Harm(3, lose=0.05),
    "loss 20 %": Harm(4, lose=0.20),
    "reorder": Harm(5, delay=0.3),
    "double": Harm(6, double=0.3),
    "damage": Harm(7, damage=0.05),
    "everything": Harm(8, lose=0.05, double=0.05, delay=0.2, damage=0.03),
}


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("numbers", [0xFFFFF000, 0x7FFFF000])
def test_both_streams_arrive_whole(machine: Machine, name: str, numbers: int) -> None:
    harm = Harm(**{key: value for key, value in vars(PLANS[name]).items() if key != "source"})
    harm.seed += numbers & 0xF0000000
    stack = Stack(machine, step=2, random_dword=numbers)
    source = random.Random(name)
    records = [
        (source.randbytes(48), source.randbytes(source.randrange(6000)), source.randbytes(4))
        for _ in range(10)
    ]
    outgoing = source.randbytes(40_000)
    end = Endpoint(stack, harm, outgoing, numbers + 77, window=12_000)
    stack.on_poll = end.tick
    assert not stack.connect(PEER_IP, timeout=60_000).cf
    expected, waiting = b"".join(b"".join(record) for record in records), list(records)
    deadline = stack.clock + 300_000
    while len(stack.received) < len(outgoing) or waiting or not stack.idle:
        assert stack.clock < deadline, f"{len(stack.received)} and {len(end.incoming)} bytes"
        assert stack.state == ESTABLISHED, stack.tcp_error
        while waiting and machine.get("tx_count", 1) < 8:
            stack.queue(*waiting.pop(0))
        stack.clock += 3
        stack.poll()
    assert stack.received == outgoing
    assert bytes(end.incoming) == expected
    assert end.resets == 0
