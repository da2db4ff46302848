"""What was measured, pair by pair, kept as JSON; medians and ratios."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from romgen.bench.workloads import SECONDS, Workload
from romgen.errors import RomgenError
from romgen.project import write_atomic

TIE = 0.02
"""So far from 1 a ratio says that both are as fast."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure of each ROM, one measured right behind the other."""

    nic: str
    workload: str
    ours: float
    other: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """The pairs of one workload on one adapter.

    ours, other: medians of the figures; ratio: median of the pairs' ratios (ours by the other's);
    low, high: the least and the largest of them
    """

    nic: str
    workload: Workload
    pairs: int
    ours: float
    other: float
    ratio: float
    low: float
    high: float

    @property
    def goal(self) -> float | None:
        """What the ratio should be: at least, or at most for seconds."""
        return self.workload.wanted(self.nic)

    @property
    def held(self) -> bool | None:
        """Is the goal reached? None: there is none."""
        goal = self.goal
        if goal is None:
            return None
        slack = TIE if goal == 1.0 else 0.0
        if self.workload.unit == SECONDS:
            return self.ratio <= goal + slack
        return self.ratio >= goal - slack


def ratios(pairs: Sequence[Pair], work: Sequence[Workload]) -> list[Ratio]:
    """One row for each adapter and workload that was measured."""
    found = []
    for nic in dict.fromkeys(pair.nic for pair in pairs):
        for each in work:
            mine = [pair for pair in pairs if pair.nic == nic and pair.workload == each.name]
            if not mine:
                continue
            values = [pair.ours / pair.other for pair in mine]
            found.append(
                Ratio(
                    nic,
                    each,
                    len(mine),
                    statistics.median(pair.ours for pair in mine),
                    statistics.median(pair.other for pair in mine),
                    statistics.median(values),
                    min(values),
                    max(values),
                )
            )
    return found


def load(path: Path) -> list[Pair]:
    """The pairs of a file; none where there is no file. Error: damaged."""
    if not path.is_file():
        return []
    try:
        return [Pair(**row) for row in json.loads(path.read_text())["pairs"]]
    except (ValueError, KeyError, TypeError) as error:
        raise RomgenError("bench-file", str(path), f"damaged: {error}", "remove it") from error


def store(path: Path, pairs: Sequence[Pair]) -> None:
    """Keep the pairs."""
    text = json.dumps({"pairs": [asdict(pair) for pair in pairs]}, indent=1)
    write_atomic(path, text + "\n")


def without(pairs: Sequence[Pair], nic: str, work: Sequence[Workload]) -> list[Pair]:
    """The pairs but those of these workloads on this adapter: they are measured anew."""
    names = {each.name for each in work}
    return [pair for pair in pairs if pair.nic != nic or pair.workload not in names]
