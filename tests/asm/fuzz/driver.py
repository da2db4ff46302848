"""The fuzzer: mutates inputs, keeps those that reach new blocks, reports what breaks a rule.

``python tests/asm/fuzz/driver.py SECONDS [TARGET ...]`` shares the time among the targets in turn.
Inputs live in ``tests/corpus/<target>/``: what reached something new as ``<sha1>``, what broke a
rule as ``crash-<sha1>``.  ``tests/asm/test_corpus.py`` replays them all.

A run is one call into the ROM in Unicorn with every check of the bench on: a stray write, a read of
unmapped memory, a hang or a broken contract is a finding.  Coverage is the set of basic blocks.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ASM_TESTS = Path(__file__).resolve().parents[1]
ROOT = ASM_TESTS.parents[1]
CORPUS = ROOT / "tests" / "corpus"
for folder in (ASM_TESTS, ROOT):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from bench.machine import BenchError, Machine  # noqa: E402

INTERESTING = (0, 1, 2, 4, 7, 8, 16, 20, 28, 32, 47, 48, 60, 63, 64, 127, 128, 192, 254, 255)


@dataclass
class Target:
    """One parser: ``prepare`` brings a machine to the state before the call, ``run`` gives it the
    input and may assert on what must hold afterwards.  ``seeds`` are valid inputs."""

    name: str
    prepare: Callable[[Machine], None]
    run: Callable[[Machine, bytes], None]
    seeds: list[bytes]
    maximum: int = 1514


@dataclass
class Session:
    """A prepared machine that is set back before each input."""

    target: Target
    machine: Machine
    seen: set[tuple[int, int]] = field(default_factory=set)
    saved: list[tuple[int, bytes]] = field(default_factory=list)

    @classmethod
    def start(cls, target: Target, machine: Machine) -> Session:
        target.prepare(machine)
        session = cls(target, machine)
        session.saved = [(start, machine.read(start, size)) for start, size in machine.writable()]
        return session

    def execute(self, data: bytes) -> tuple[bool, str | None]:
        """(reached a new block, the finding or None)."""
        for start, content in self.saved:
            self.machine.write(start, content)
        self.machine.new_blocks.clear()
        finding = None
        try:
            self.target.run(self.machine, data)
        except BenchError as error:
            finding = str(error)
        fresh = self.machine.new_blocks - self.seen
        self.seen |= fresh
        return bool(fresh), finding


def mutate(source: random.Random, pool: list[bytes], maximum: int) -> bytes:
    """One to six random changes to one input of the pool."""
    data = bytearray(source.choice(pool))
    for _ in range(source.randint(1, 6)):
        kind = source.randrange(8)
        if not data or kind == 0:
            place = source.randint(0, len(data))
            data[place:place] = source.randbytes(source.randint(1, 8))
        elif kind == 1:
            data[source.randrange(len(data))] ^= 1 << source.randrange(8)
        elif kind == 2:
            data[source.randrange(len(data))] = source.choice(INTERESTING)
        elif kind == 3:
            data[source.randrange(len(data))] = source.randrange(256)
        elif kind == 4:
            start = source.randrange(len(data))
            del data[start : start + source.randint(1, 16)]
        elif kind == 5:
            start = source.randrange(len(data))
            piece = data[start : start + source.randint(1, 64)]
            place = source.randint(0, len(data))
            data[place:place] = piece
        elif kind == 6:
            other = source.choice(pool)
            cut = source.randint(0, min(len(data), len(other)))
            data[cut:] = other[cut:]
        else:
            del data[source.randint(0, len(data)) :]
    return bytes(data[:maximum])


def corpus_of(target: Target) -> list[bytes]:
    """The seeds and what earlier runs kept."""
    folder = CORPUS / target.name
    kept = [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []
    return [*target.seeds, *kept]


def fuzz(
    target: Target,
    machine: Machine,
    seconds: float,
    seed: int,
    shown: Callable[[str], None] = print,
) -> int:
    """Fuzzes one target; returns the number of findings.  New inputs are written to the corpus."""
    source = random.Random(seed)
    session = Session.start(target, machine)
    pool, findings, runs = corpus_of(target), 0, 0
    for data in pool:
        session.execute(data)
    folder = CORPUS / target.name
    reported: set[str] = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutate(source, pool, target.maximum)
        fresh, finding = session.execute(data)
        runs += 1
        if finding is None and not fresh:
            continue
        name = hashlib.sha1(data, usedforsecurity=False).hexdigest()[:16]
        if finding is not None:
            place = finding.split(": ", 1)[0]
            if place in reported:
                continue
            reported.add(place)
            findings += 1
            name = "crash-" + name
            shown(f"{target.name}: {finding}\n    input: tests/corpus/{target.name}/{name}")
        else:
            pool.append(data)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    shown(
        f"{target.name}: {runs} runs, {len(session.seen)} blocks, {len(pool)} inputs, "
        f"{findings} findings"
    )
    return findings


def main(arguments: list[str] | None = None) -> int:
    from fuzz.targets import TARGETS, new_machine

    parser = argparse.ArgumentParser(description="fuzz the ROM's parsers")
    parser.add_argument("seconds", type=float, help="time for all targets together")
    parser.add_argument("targets", nargs="*", help="names; all where none is given")
    parser.add_argument(
        "--seed", type=int, default=None, help="of the mutations; default: the time"
    )
    args = parser.parse_args(arguments)
    unknown = set(args.targets) - set(TARGETS)
    if unknown:
        parser.error(
            f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}"
        )
    chosen = [TARGETS[name] for name in args.targets or TARGETS]
    seed = args.seed if args.seed is not None else time.time_ns()
    print(f"seed {seed}")
    findings = sum(
        fuzz(target, new_machine(), args.seconds / len(chosen), seed) for target in chosen
    )
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
