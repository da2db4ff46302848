"""One boot of the benchmark: the machine, the wire, the figures."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from romgen.bench import rival
from romgen.bench.cores import apart
from romgen.bench.plan import damage, disk
from romgen.bench.systems import SYSTEMS
from romgen.bench.workloads import CALLS, POWER_ON, Group, Workload
from romgen.boot import ev
from romgen.boot.console import Line, guest_report
from romgen.boot.guest import EXIT_PASS
from romgen.boot.netns import BadWire
from romgen.boot.qemu import Machine, Nic, Qmp, Run, Stop, run
from romgen.boot.tgt import Lun, Tgtd
from romgen.boot.wire import Plan
from romgen.boot.wire_boot import FIRST, INITIATOR, PORT, PREFIX_LENGTH
from romgen.errors import EXIT_BOOT, RomgenError

LUN = 1
PATIENCE = 60.0
"""Seconds for a boot, beside what its rows take."""
TICKS_A_SECOND = 18.2
SLOWEST = 3.0
"""Seconds that a row may go on behind its time: the last call, a connection that is made anew."""
BESIDE = "user0"
"""QEMU's user network beside the bad wire: iPXE's script comes from there; then it is unplugged."""


@dataclass(frozen=True, slots=True)
class Side:
    """Which ROM in which device; rival: it is iPXE's."""

    name: str
    device: str
    rom: Path
    rival: bool


def boot(side: Side, group: Group, work: Sequence[Workload]) -> dict[str, float]:
    """Boot once, and take the figures: workload -> rate (KiB a second), or seconds.

    Error: no boot, wrong data, no root for the wire.
    """
    rows = [each.row for each in work if each.row is not None]
    system = SYSTEMS.get(group.system)
    with ExitStack() as stack:
        processor = stack.enter_context(apart())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="romgen-bench-")))
        if system is not None:
            machine = system.machine(_machine(stack, side, group, system.disk(), folder))
            result = run(machine, system.stop, folder, on_start=processor)
            return system.figures(result, rival=side.rival)
        image = folder / "disk.img"
        image.write_bytes(disk(rows))
        machine = _machine(stack, side, group, image, folder)
        seconds = sum(row.ticks / TICKS_A_SECOND + SLOWEST for row in rows)
        result = run(machine, Stop(PATIENCE + seconds), folder, on_line=_unplug, on_start=processor)
        figures, calls = _figures(side, result, work)
        if wrong := damage(image.read_bytes(), rows[: len(calls)], calls):
            raise RomgenError("bench-data", side.name, wrong, status=EXIT_BOOT)
    return figures


def _machine(stack: ExitStack, side: Side, group: Group, image: Path, folder: Path) -> Machine:
    unit = [Lun(LUN, image)]
    if group.delay is None:
        tgt = stack.enter_context(Tgtd(ev.TARGET_NAME, unit))
        wires = rival.netdev(folder, ev.GUEST_IP, ev.HOST_IP, tgt.port) if side.rival else ""
        nic = Nic(side.device, side.rom, netdev=wires, bootindex=0)
        return Machine(nic, ev=None if side.rival else ev.for_tgtd(tgt, LUN))
    # The delay is that of one direction.
    wire = BadWire(folder, Plan(delay=group.delay / 2, loss=group.loss), f"{FIRST}/{PREFIX_LENGTH}")
    stack.enter_context(wire)
    stack.enter_context(Tgtd(ev.TARGET_NAME, unit, port=PORT, host=FIRST, prefix=wire.command()))
    extra = [
        *("-netdev", wire.netdev + ",id=wire0"),
        *("-netdev", "hubport,id=port1,hubid=0,netdev=wire0"),
    ]
    if side.rival:
        beside = rival.netdev(folder, INITIATOR, FIRST, PORT, wait=True)
        extra += ["-netdev", f"user,id={BESIDE},{beside}"]
        extra += ["-netdev", f"hubport,id=port2,hubid=0,netdev={BESIDE}"]
    text = ev.defaults(PORT, LUN) | {"InitiatorIP": INITIATOR, "TargetIP": FIRST}
    return Machine(
        Nic(side.device, side.rom, netdev=None, bootindex=0),
        ev=None if side.rival else ev.text(text),
        extra=tuple(extra),
    )


def _unplug(line: str, qmp: Qmp) -> None:
    """iPXE has its script: from now on there is the wire alone."""
    if line.startswith(rival.WAIT):
        qmp.execute("set_link", name=BESIDE, up=False)


def _figures(
    side: Side, result: Run, work: Sequence[Workload]
) -> tuple[dict[str, float], list[int]]:
    """Workload -> rate (KiB a second) or seconds; calls of each row.

    Where the rival hangs in a row, it has made one call at most in all the time that it had, and
    what comes behind is not measured.
    """
    lines = result.console.lines
    report = guest_report(lines)
    done = result.status == EXIT_PASS and report.complete
    first = _mark(lines, "@")
    if first is None or not (done or (side.rival and not report.failed)):
        raise RomgenError(
            "bench-boot",
            side.name,
            f"the benchmark did not finish: {result.ended}, QEMU's code {result.status}",
            detail="\n".join(line.text for line in lines[-10:]),
            status=EXIT_BOOT,
        )
    figures: dict[str, float] = {}
    calls: list[int] = []
    for each in work:
        if each.name == POWER_ON:
            at = first.at
            figures[each.name] = rival.power_on(lines, at) if side.rival else at
        elif each.row is not None:
            number = len(calls)
            begin, end = (_mark(lines, f"@fact {word} {number}") for word in ("begin", "end"))
            if begin is None and calls:
                break  # in the row before, which has its figure
            if begin is None or end is None:
                figures[each.name] = _hung(each, result.seconds - (begin or first).at)
                break
            count, sectors, longest = (int(word) for word in end.text.split()[3:6])
            if each.longest:
                figures[each.name] = max(longest, 1) / TICKS_A_SECOND
            else:
                amount = count if each.unit == CALLS else sectors / 2
                figures[each.name] = amount / (end.at - begin.at)
            calls.append(count)
    return figures, calls


def _hung(each: Workload, seconds: float) -> float:
    """The figure of a row in which one call took all this time."""
    assert each.row is not None
    if each.longest:
        return seconds
    return (1 if each.unit == CALLS else each.row.sectors / 2) / seconds


def _mark(lines: Sequence[Line], text: str) -> Line | None:
    """The line of a row, which begins with `text`."""
    return next((line for line in lines if f"{line.text} ".startswith(f"{text} ")), None)
