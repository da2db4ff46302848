"""What is measured, on which wire, and what the ratio to the other ROM should be at least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from romgen.bench.plan import WRITE_FIRST, WRITE_SPAN, WRITE_STEP, Row

RATE, CALLS, SECONDS = "KiB/s", "calls/s", "s"
"""Units. More is better, but of seconds."""
RACERS = ("e1000", "virtio")
POWER_ON = "power-on"
GRUB = "grub"
LINUX_LOADED, LINUX_FIRST, LINUX_LAST = "linux-loaded", "linux-first", "linux-last"
LONG_TICKS = 30 * 18
LOSS_TICKS = 4 * 18
"""Where the time goes into pauses, one second has too few of them."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One measured figure.

    group: the boot in which it is measured; row: of that boot's plan, None: something else;
    longest: of the row's calls the longest, in seconds; else their rate
    goal: least ratio of rates, or largest of seconds, on one of RACERS; goals: by adapter where it
    differs; None: no goal of its own
    """

    name: str
    title: str
    group: str
    row: Row | None = None
    unit: str = RATE
    goal: float | None = None
    goals: tuple[tuple[str, float], ...] = ()
    longest: bool = False

    def wanted(self, nic: str) -> float | None:
        """The goal for an adapter; one that is no racer has to be as fast as the other ROM."""
        return dict(self.goals).get(nic, self.goal if nic in RACERS else 1.0)


@dataclass(frozen=True, slots=True)
class Group:
    """Boots of one kind: the wire's delay (there and back, in seconds) and loss; None: no such
    wire but QEMU's user network. system: what boots, one of romgen.bench.systems; "": the boot
    program of the rows. pairs: that many at most."""

    name: str
    title: str
    delay: float | None = None
    loss: float = 0.0
    system: str = ""
    pairs: int | None = None

    @property
    def wired(self) -> bool:
        """Over the bad wire, which needs root."""
        return self.delay is not None


GROUPS = (
    Group("user", "QEMU's user network"),
    Group("delay-2", "2 ms there and back", 0.002),
    Group("delay-5", "5 ms there and back", 0.005),
    Group("delay-20", "20 ms there and back", 0.020),
    Group("loss-1", "1 % of the frames lost", 0.0, 0.01),
    Group("long", "QEMU's user network, 10,000 calls", pairs=1),
    Group("grub", "GRUB", system="grub", pairs=2),
    Group("linux", "Linux", system="linux", pairs=3),
)


def _write(sectors: int, number: int) -> Row:
    return Row("write", sectors, WRITE_FIRST + number * WRITE_STEP, WRITE_SPAN)


def _delayed(ms: int, goals: dict[int, float]) -> list[Workload]:
    return [
        Workload(
            f"delay-{ms}-read-{sectors}",
            f"{sectors} sectors, in order, {ms} ms",
            f"delay-{ms}",
            Row("read", sectors),
            goal=goals.get(sectors),
        )
        for sectors in (127, 64, 8)
    ]


def _lossy(sectors: int) -> Workload:
    return Workload(
        f"loss-1-read-{sectors}",
        f"{sectors} sectors, in order, 1 % loss",
        "loss-1",
        Row("read", sectors, ticks=LOSS_TICKS),
    )


GOALS_DELAYED = {127: 1.2, 64: 1.2, 8: 3.0}
WORKLOADS = (
    Workload(
        POWER_ON,
        "power-on to the first boot-sector instruction",
        "user",
        unit=SECONDS,
        goals=(("virtio", 0.7), ("e1000e", 0.7), ("e1000", 0.85)),
        goal=1.0,
    ),
    Workload("read-127", "127 sectors, in order", "user", Row("read", 127), goal=1.3),
    Workload("read-64", "64 sectors, in order", "user", Row("read", 64), goal=1.3),
    Workload("read-8", "8 sectors, in order", "user", Row("read", 8), goal=3.0),
    Workload("read-1", "1 sector, in order", "user", Row("read", 1), goal=8.0),
    Workload("chs-1", "1 sector by CHS, in order", "user", Row("chs", 1), goal=8.0),
    Workload("random-8", "8 sectors at random", "user", Row("read", 8, random=True), goal=1.1),
    Workload("write-127", "127 sectors written", "user", _write(127, 0), goal=10.0),
    Workload("write-8", "8 sectors written", "user", _write(8, 1), goal=10.0),
    Workload("reset", "AH=00h, calls a second", "user", Row("reset", checked=1), CALLS),
    *_delayed(2, GOALS_DELAYED),
    *_delayed(5, GOALS_DELAYED),
    *_delayed(20, {}),
    _lossy(127),
    _lossy(8),
    Workload(
        "longest-127",
        "the longest of 10,000 calls, 127 sectors, in order",
        "long",
        Row("read", 127, ticks=LONG_TICKS, calls=10_000),
        SECONDS,
        goal=1.0,
        longest=True,
    ),
    Workload(GRUB, "GRUB reads a file of 64 MiB", "grub", goal=1.0),
    Workload(LINUX_LOADED, "power-on to Linux in memory", "linux", unit=SECONDS, goal=1.0),
    Workload(LINUX_FIRST, "power-on to Linux's first message", "linux", unit=SECONDS, goal=1.0),
    Workload(LINUX_LAST, "power-on to Linux's last message", "linux", unit=SECONDS, goal=1.0),
)


def chosen(only: Sequence[str]) -> list[Workload]:
    """The workloads of these names or groups; all where none is given."""
    return [each for each in WORKLOADS if not only or each.name in only or each.group in only]
