"""What each adapter's driver does in QEMU: the cells of the table in docs/adapters.md.

A cell boots a machine and judges what came of it. A new one is a function and its line in `CELLS`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from romgen.boot import chain, ev
from romgen.boot.console import GuestReport, guest_report
from romgen.boot.disk import (
    MIB_SECTORS,
    TICKS_PER_SECOND,
    CheckDisk,
    LossDisk,
    SequentialDisk,
    differences,
)
from romgen.boot.guest import EXIT_PASS, assemble
from romgen.boot.qemu import Machine, Nic, Qmp, Run, Stop, run
from romgen.boot.run import option_rom
from romgen.boot.storm import Storm
from romgen.boot.tgt import Lun, Tgtd
from romgen.build import build
from romgen.catalog import PciId
from romgen.compose import with_pci_id
from romgen.layout import UNIVERSAL, Layout
from romgen.project import Project

LUN = 1
PATIENCE = 120.0
SEQUENTIAL_SECTORS = 64 * MIB_SECTORS
STORM_SECTORS = 8 * MIB_SECTORS
IO_TIMEOUT, CONNECT_TIMEOUT = 3, 2
LONGEST = IO_TIMEOUT + CONNECT_TIMEOUT + 2
MODES_SECTORS = 20_160  # 20 cylinders of 16 heads, 63 sectors
V86_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """A driver's ROM in one device of QEMU. rom_args: QEMU's arguments where the ROM is not in
    the adapter's socket (`rom` None)."""

    nic: str
    device: str
    rom: Path | None
    rom_args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """One measured cell: did it hold, what to write into it, what came if it did not."""

    ok: bool
    text: str
    detail: str = ""


def subjects(project: Project, layout: Layout, folder: Path) -> list[Subject]:
    """The devices of QEMU that a layout's drivers are for, each with the ROM made for its id.

    A ROM with several drivers is in no socket: it has to look for its adapter itself.
    """
    built = build(Project(project.root, folder), layout.name).rom
    image = built.read_bytes()
    found = []
    for nic in layout.nics:
        devices: list[tuple[str, PciId]] = [(nic.qemu, nic.pci)] if nic.qemu else []
        for number, (device, pci) in enumerate([*devices, *nic.variants]):
            if layout.nic.name == UNIVERSAL:
                found.append(Subject(UNIVERSAL, device, None, option_rom(built)))
                continue
            rom = folder / f"{layout.name}-{number}.rom"
            rom.write_bytes(with_pci_id(image, pci))
            found.append(Subject(nic.name, device, rom))
    return found


def _machine(subject: Subject, text: str, extra: tuple[str, ...] = ()) -> Machine:
    nic = Nic(subject.device, subject.rom)
    return Machine(nic=nic, ev=text, extra=(*subject.rom_args, *extra))


def _failed(report: GuestReport, result: Run) -> Cell:
    what = next(iter(report.failed.items()), None)
    text = f"{what[0]}: {what[1]}" if what else f"{result.ended}, QEMU's code {result.status}"
    return Cell(False, f"**fails**: {text}", result.console.text)


def boot_check(subject: Subject, folder: Path) -> Cell:
    """The demonstration disk: its checks, and the disk afterwards."""
    check = CheckDisk()
    image = folder / "disk.img"
    image.write_bytes(check.image())
    with Tgtd(ev.TARGET_NAME, [Lun(LUN, image)]) as tgt:
        result = run(_machine(subject, ev.for_tgtd(tgt, LUN)), Stop(PATIENCE), folder)
        damage = differences(image, check.image_after())
    report = guest_report(result.console.lines)
    if result.status != EXIT_PASS or not report.complete or report.failed:
        return _failed(report, result)
    if damage:
        return Cell(False, f"**fails**: {damage[0]}", result.console.text)
    return Cell(True, f"{len(report.ok)} checks, {result.seconds:.1f} s")


def sequential(subject: Subject, folder: Path) -> Cell:
    """64 MiB in order, each byte compared in the machine."""
    return read_in_order(subject, folder, SEQUENTIAL_SECTORS, None)


def storm(subject: Subject, folder: Path) -> Cell:
    """8 MiB in order while broadcasts, runts and oversized frames come in."""
    return read_in_order(subject, folder, STORM_SECTORS, Storm(folder))


def read_in_order(subject: Subject, folder: Path, sectors: int, storm: Storm | None) -> Cell:
    """The first `sectors` of a disk, each byte compared in the machine."""
    image = folder / "disk.img"
    image.write_bytes(SequentialDisk(sectors).image())
    with Tgtd(ev.TARGET_NAME, [Lun(LUN, image)]) as tgt:
        text = ev.for_tgtd(tgt, LUN)
        if storm is None:
            result = run(_machine(subject, text), Stop(PATIENCE), folder)
        else:
            machine = _machine(subject, text, storm.extra())

            def on_line(line: str, qmp: Qmp) -> None:
                if line.startswith("@fact ready"):
                    storm.start()

            with storm:
                result = run(machine, Stop(PATIENCE), folder, on_line=on_line)
    report = guest_report(result.console.lines)
    if result.status != EXIT_PASS or not report.complete or report.failed:
        return _failed(report, result)
    read, ticks = (int(word) for word in report.facts["sequential"][0].split())
    seconds = max(int(ticks), 1) / TICKS_PER_SECOND
    speed = f"{read / MIB_SECTORS / seconds:.1f} MiB/s"
    if storm is None:
        return Cell(True, speed)
    return Cell(storm.sent > 0, f"{storm.sent} frames, {speed}")


def unplug(subject: Subject, folder: Path) -> Cell:
    """The cable is pulled while the system reads: errors in time, and good reads afterwards."""
    image = folder / "disk.img"
    image.write_bytes(LossDisk().image())
    with Tgtd(ev.TARGET_NAME, [Lun(LUN, image)]) as tgt:

        def on_line(line: str, qmp: Qmp) -> None:
            if line.startswith("@fact ready"):
                qmp.execute("set_link", name="nic0", up=False)
            elif line.startswith("@fact failed"):
                qmp.execute("set_link", name="nic0", up=True)

        limits = {"IOTimeout": str(IO_TIMEOUT), "ConnectTimeout": str(CONNECT_TIMEOUT)}
        text = ev.for_tgtd(tgt, LUN, **limits, ConnectRetries="0")
        result = run(_machine(subject, text), Stop(PATIENCE), folder, on_line=on_line)
    report = guest_report(result.console.lines)
    if result.status != EXIT_PASS or not report.complete:
        return _failed(report, result)
    failed = [line.split() for line in report.facts.get("failed", [])]
    longest = max((int(ticks) / TICKS_PER_SECOND for _, ticks in failed), default=0.0)
    ok = bool(failed) and longest <= LONGEST
    return Cell(ok, f"error after {longest:.1f} s, then goes on", result.console.text)


def v86(subject: Subject, folder: Path) -> Cell:
    """INT 13h in virtual-8086 mode: works, or fails at once."""
    image = folder / "disk.img"
    defines = {"DISK_ID": 7, "DISK_SECTORS": MODES_SECTORS, "PART_FIRST": 63}
    with image.open("wb") as stream:
        stream.write(assemble("modes", defines))
        stream.truncate(MODES_SECTORS * 512)
    with Tgtd(ev.TARGET_NAME, [Lun(LUN, image)]) as tgt:
        text = ev.for_tgtd(tgt, LUN, IOTimeout=str(IO_TIMEOUT))
        result = run(_machine(subject, text), Stop(PATIENCE), folder)
    report = guest_report(result.console.lines)
    if result.status != EXIT_PASS or not report.complete:
        return _failed(report, result)
    status, ticks, _ = report.facts["v86"][0].split()
    code, seconds = int(status, 16) >> 8, int(ticks) / TICKS_PER_SECOND
    if code == 0:
        return Cell(seconds <= V86_SECONDS, "works")
    return Cell(seconds <= V86_SECONDS, f"error {code:02x}h after {seconds:.1f} s")


def undionly(subject: Subject, folder: Path) -> Cell:
    """iPXE's undionly.kpxe on the ROM's UNDI: DHCP, TFTP, HTTP."""
    disk = chain.chain_disk(folder / "disk.img")
    with chain.served(folder) as netdev:
        machine = Machine(
            nic=Nic(subject.device, subject.rom, netdev),
            ev=chain.EV,
            disks=(disk,),
            extra=subject.rom_args,
        )
        result = run(machine, Stop(PATIENCE), folder)
    report = guest_report(result.console.lines)
    if result.status != EXIT_PASS or chain.FILE_CHECK not in report.ok:  # two programs report
        return _failed(report, result)
    return Cell(True, f"DHCP, TFTP, HTTP, {result.seconds:.1f} s", result.console.text)


CELLS: dict[str, Callable[[Subject, Path], Cell]] = {
    "boot": boot_check,
    "64 MiB": sequential,
    "storm": storm,
    "unplugged": unplug,
    "V86": v86,
    "undionly": undionly,
}


def measure(subject: Subject, cell: str) -> Cell:
    """One cell. Errors: tool missing, QEMU or tgtd do not start."""
    with tempfile.TemporaryDirectory(prefix="romgen-nic-") as folder:
        return CELLS[cell](subject, Path(folder))
