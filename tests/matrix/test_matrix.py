"""Every target, authentication and digest over every wire: right data or a clear error.

Not part of `make test`; `make test-matrix` runs it and makes the table of docs/interop.md.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from romgen.boot.matrix import DIGESTS, METHODS, TARGETS
from romgen.boot.netns import BadWire
from romgen.boot.pcap import segments
from romgen.boot.wire import Plan
from romgen.boot.wire_boot import (
    SECOND,
    Fault,
    Peer,
    Security,
    Verdict,
    WireBoot,
    WireOutcome,
    wire_boot,
)

TIMEOUT = 300.0
CUT = 3.0
MOMENT = 0.05
"""Seconds from the program's line to the kill: the next read is then under way."""


def cut(wire: BadWire, peers: Sequence[Peer]) -> None:
    wire.cut(CUT)


def restart(wire: BadWire, peers: Sequence[Peer]) -> None:
    time.sleep(MOMENT)
    peers[0].restart()


def kill(wire: BadWire, peers: Sequence[Peer]) -> None:
    time.sleep(MOMENT)
    peers[0].kill()


def connections(outcome: WireOutcome, address: str | None = None) -> int:
    """Connections that a target (None: any) has accepted."""
    answers = {
        (segment.source, segment.dest, segment.seq)
        for segment in segments(outcome.frames)
        if segment.syn and segment.flags & 0x10 and address in (None, segment.source[0])
    }
    return len(answers)


@dataclass(frozen=True)
class Weather:
    """What the wire and the targets do, and how a run shows that they did."""

    plan: dict[str, float]
    happened: Callable[[WireOutcome], bool]
    fault: Fault | None = None
    both_targets: bool = False


def counted(name: str) -> Callable[[WireOutcome], bool]:
    """The wire has harmed frames in this way."""
    return lambda outcome: outcome.counters[name] > 0


WEATHER = {
    "clean": Weather({}, lambda outcome: outcome.counters["lost"] == 0),
    "1 % loss": Weather({"loss": 0.01}, counted("lost")),
    "reorder": Weather({"reorder": 0.05}, counted("reordered")),
    "duplicate": Weather({"duplicate": 0.05}, counted("duplicated")),
    "corrupt": Weather({"corrupt": 0.01}, counted("corrupted")),
    "cut for 3 s": Weather({}, counted("cut"), cut),
    "restarted": Weather({}, lambda outcome: connections(outcome) > 1, restart),
    "first killed": Weather({}, lambda outcome: connections(outcome, SECOND) > 0, kill, True),
    "5 % loss": Weather({"loss": 0.05}, counted("lost")),
}


@pytest.mark.parametrize("digests", DIGESTS)
@pytest.mark.parametrize("auth", METHODS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("weather", WEATHER)
def test_boot(
    rom: Path,
    device: str,
    weather: str,
    target: str,
    auth: str,
    digests: str,
    record_property: Callable[[str, object], None],
) -> None:
    for name, value in (
        ("weather", weather),
        ("target", target),
        ("auth", auth),
        ("digests", digests),
    ):
        record_property(name, value)
    chosen = WEATHER[weather]
    seed = zlib.crc32(f"{weather} {target} {auth} {digests}".encode())
    outcome = wire_boot(
        WireBoot(
            rom,
            device,
            target,
            Security(auth, *DIGESTS[digests]),
            Plan(seed=seed, **chosen.plan),  # type: ignore[arg-type]
            chosen.both_targets,
            fault=chosen.fault,
            timeout=TIMEOUT,
        )
    )
    record_property("verdict", outcome.verdict.name)
    record_property("seconds", round(outcome.run.seconds, 1))
    record_property("said", " ".join(f"RG-{each.number:04}" for each in outcome.messages))
    story = f"{outcome.why}\n{outcome.counters}\n{outcome.run.console.text}"
    assert outcome.verdict is not Verdict.WRONG, story
    assert outcome.verdict is Verdict.RIGHT, story
    assert chosen.happened(outcome), f"the wire did nothing: {outcome.counters}"
