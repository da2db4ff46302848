"""A boot of the program that uses its disk as DOS does (qemu/guests/dos.asm), judged."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from romgen.boot import ev
from romgen.boot.console import GuestReport, guest_report
from romgen.boot.disk import TICKS_PER_SECOND, DosDisk, differences
from romgen.boot.guest import EXIT_PASS
from romgen.boot.qemu import Machine, Nic, Qmp, Run, Stop, run
from romgen.boot.tgt import Lun, Tgtd

LUN = 1
VGA = ("-vga", "std")
IO_TIMEOUT = 3
REACHED_BY_MEMORY = frozenset({"e1000", "vmxnet3"})
"""QEMU's devices whose registers lie above 1 MiB and nowhere else: out of reach in V86 mode."""
CONTROLLER_FAILED = 0x20
"""INT 13h status: at once, nobody waits for the time-out."""


@dataclass(slots=True)
class DosBoot:
    """What came of it; problems: everything that is not as it has to be."""

    run: Run
    report: GuestReport
    problems: list[str]


def dos_boot(
    rom: Path, device: str, disk: DosDisk, timeout: float = 90.0, picture: Path | None = None
) -> DosBoot:
    """Boot the disk through this ROM. Errors: tool missing, QEMU or tgtd do not start.

    picture: the machine has a screen, which goes into this PNG file near the end
    """

    def on_line(line: str, qmp: Qmp) -> None:
        if picture is not None and line.startswith("@fact v86"):
            qmp.execute("screendump", filename=str(picture), format="png")

    with tempfile.TemporaryDirectory(prefix="romgen-dos-") as name:
        folder = Path(name)
        image = folder / "disk.img"
        image.write_bytes(disk.image())
        with Tgtd(ev.TARGET_NAME, [Lun(LUN, image)]) as tgt:
            text = ev.for_tgtd(tgt, LUN, IOTimeout=str(IO_TIMEOUT))
            machine = Machine(Nic(device, rom), ev=text, extra=() if picture is None else VGA)
            result = run(machine, Stop(timeout), folder, on_line=on_line)
        reached = device not in REACHED_BY_MEMORY
        problems = differences(image, disk.image_after(copied=reached))
    report = guest_report(result.console.lines)
    problems += [f"{check}: {values}" for check, values in report.failed.items()]
    problems += [f"a monitor refuses {at}" for at in report.facts.get("fault", [])]
    if result.status != EXIT_PASS or not report.complete:
        problems.append(f"{result.ended}, QEMU's code {result.status}")
        return DosBoot(result, report, problems)
    retries = int(report.facts["dos"][0].split()[1])
    if retries != disk.refused():
        problems.append(f"{retries} calls failed, {disk.refused()} were to fail")
    status, copied, ticks, _ = report.facts["v86"][0].split()
    wanted = (0, disk.copy[2]) if reached else (CONTROLLER_FAILED, 0)
    if (int(status, 16) >> 8, int(copied)) != wanted:
        problems.append(f"V86: status {status}, {copied} sectors")
    if not reached and int(ticks) > TICKS_PER_SECOND:
        problems.append(f"V86: refused after {ticks} ticks")
    return DosBoot(result, report, problems)
