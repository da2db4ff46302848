"""A boot menu left open: the booted program sits idle for a while, then reads one sector.

The targets do what real ones do meanwhile: ping, or end a session that is not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from romgen.boot import ev
from romgen.boot.console import RomMessage, guest_report, rom_messages
from romgen.boot.disk import TICKS_PER_SECOND
from romgen.boot.guest import EXIT_PASS, assemble
from romgen.boot.qemu import Machine, Nic, Stop, run
from romgen.boot.tgt import Lun, Tgtd
from romgen.target import Disk, Script, Target
from romgen.target.script import Act

SECTOR = 512
SECTORS = 20_160
"""20 cylinders of 16 heads and 63 sectors."""
MARGIN = 60.0
"""Seconds for everything but the waiting."""
NOON = ("-rtc", "base=2026-01-01T12:00:00")
"""The program counts the BIOS's ticks, which begin anew at midnight."""


@dataclass(frozen=True, slots=True)
class MenuTarget:
    """What the target does while the menu is open; seconds.

    ping: pings after so long, each must be answered before the next but `patience`
    limit: ends a session after so long without a word from the initiator, in the way of `act`
    tgt: it is tgtd, else the scripted target
    """

    name: str
    ping: float = 0.0
    patience: float = 0.0
    limit: float = 0.0
    act: Act = Act.CLOSE
    tgt: bool = False

    def script(self) -> Script:
        """For the scripted target."""
        return Script(
            nop_interval=self.ping,
            nop_timeout=self.patience,
            idle_limit=self.limit,
            idle_act=self.act,
        )


@dataclass(slots=True)
class MenuOutcome:
    """What came of it.

    status: of the read, INT 13h; seconds: that it took; logins: -1 where they cannot be counted
    events: of the scripted target; problem: why there is no read, "" if there is
    """

    status: int
    seconds: float
    logins: int
    events: list[str]
    messages: list[RomMessage]
    problem: str


def menu_image(path: Path, idle: float) -> Path:
    """The disk whose program waits for `idle` seconds; written to `path`."""
    numbers = {"DISK_ID": 0x1D1E, "DISK_SECTORS": SECTORS, "PART_FIRST": 63}
    with path.open("wb") as stream:
        ticks = int(idle * TICKS_PER_SECOND)
        stream.write(assemble("idle", {**numbers, "IDLE_TICKS": ticks}))
        stream.truncate(SECTORS * SECTOR)
    return path


def menu_boots(
    rom: Path, device: str, folder: Path, idle: float, targets: Sequence[MenuTarget]
) -> dict[str, MenuOutcome]:
    """One boot for each target, all at once; `idle` seconds of menu in each."""
    image = menu_image(folder / "disk.img", idle)

    def one(target: MenuTarget) -> MenuOutcome:
        own = folder / target.name
        own.mkdir()
        return _boot(rom, device, own, idle, target, image)

    with ThreadPoolExecutor(len(targets)) as pool:
        found = pool.map(one, targets)
        return {target.name: outcome for target, outcome in zip(targets, found, strict=True)}


def _boot(
    rom: Path, device: str, folder: Path, idle: float, target: MenuTarget, image: Path
) -> MenuOutcome:
    with ExitStack() as stack:
        scripted: Target | None = None
        if target.tgt:
            pings = {"nop_interval": f"{target.ping:.0f}", "nop_count": "2"}
            tgt = Tgtd(ev.TARGET_NAME, [Lun(1, image)], parameters=pings)
            text = ev.for_tgtd(stack.enter_context(tgt), 1)
        else:
            scripted = stack.enter_context(Target(target.script(), Disk(image)))
            text = ev.text(ev.defaults(scripted.port, 1, scripted.script.name))
        machine = Machine(nic=Nic(device, rom), ev=text, extra=NOON)
        result = run(machine, Stop(idle + MARGIN), folder)
    report = guest_report(result.console.lines)
    outcome = MenuOutcome(
        status=-1,
        seconds=-1.0,
        logins=scripted.logins if scripted is not None else -1,
        events=list(scripted.events) if scripted is not None else [],
        messages=rom_messages(result.console.lines),
        problem="" if result.status == EXIT_PASS and report.complete else result.console.text,
    )
    if report.facts.get("read"):
        status, ticks = report.facts["read"][0].split()
        outcome.status, outcome.seconds = int(status, 16) >> 8, int(ticks) / TICKS_PER_SECOND
    return outcome
