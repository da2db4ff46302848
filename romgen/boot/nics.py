"""What each adapter's driver does in QEMU: the cells of the table in docs/adapters.md.

A cell boots a machine and judges what came of it. A new one is a function and its line in `CELLS`.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from romgen.boot.foreign import IPXE_ROMS, foreign_build
from romgen.boot.guest import EXIT_PASS, assemble
from romgen.boot.qemu import Disk, Machine, Nic, Qmp, Run, Stop, run
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
CLOSED_PORT = 9
"""Of the host, where nobody listens."""
PCI_MASTER, PCI_INTERRUPT = 1 << 2, 1 << 3
"""Bits of a PCI adapter's command and status."""
LINUX_MIB = 256
LINUX_PATIENCE = 300.0
LINUX_EMULATOR = "qemu-system-x86_64"
NO_ROM = "no such ROM"


@dataclass(frozen=True, slots=True)
class Subject:
    """A driver's ROM in one device of QEMU. rom_args: QEMU's arguments where the ROM is not in
    the adapter's socket (`rom` None); pci: the device's id."""

    nic: str
    device: str
    rom: Path | None
    rom_args: tuple[str, ...] = ()
    pci: PciId | None = None


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
        if layout.nic.name != UNIVERSAL:  # the same drivers: one device for each is enough
            devices += nic.variants
        for number, (device, pci) in enumerate(devices):
            if layout.nic.name == UNIVERSAL:
                found.append(Subject(UNIVERSAL, device, None, option_rom(built), pci))
                continue
            rom = folder / f"{layout.name}-{number}.rom"
            rom.write_bytes(with_pci_id(image, pci))
            found.append(Subject(nic.name, device, rom, pci=pci))
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


def handover(subject: Subject, folder: Path) -> Cell:
    """The ROM gives up, a local disk boots: the adapter is silent and writes nowhere any more."""
    local = folder / "local.img"
    numbers = {"DISK_ID": 8, "DISK_SECTORS": MODES_SECTORS, "PART_FIRST": 63}
    with local.open("wb") as stream:
        stream.write(assemble("handover", numbers))
        stream.truncate(MODES_SECTORS * 512)
    target = ev.text(ev.defaults(CLOSED_PORT, LUN) | {"ConnectTimeout": "1", "ConnectRetries": "0"})
    wind = Storm(folder)
    machine = replace(_machine(subject, target, wind.extra()), disks=(Disk(local),))

    def on_line(line: str, qmp: Qmp) -> None:
        if line.startswith("@fact ready"):
            wind.start()

    with wind:
        result = run(machine, Stop(PATIENCE), folder, on_line=on_line)
    report = guest_report(result.console.lines)
    tried = f"Target {ev.HOST_IP}:{CLOSED_PORT}" in result.console.text
    if result.status != EXIT_PASS or not report.complete or report.failed or not tried:
        return _failed(report, result)
    command, status = (int(word, 16) for word in report.facts["pci"][0].split())
    wrong = [
        text
        for text, bit in (
            ("bus mastering is on", command & PCI_MASTER),
            ("an interrupt is pending", status & PCI_INTERRUPT),
            ("no frame was sent", wind.sent == 0),
        )
        if bit
    ]
    if wrong:
        return Cell(False, f"**fails**: {', '.join(wrong)}", result.console.text)
    return Cell(True, "bus mastering and interrupt off, no writes", result.console.text)


def linux(subject: Subject, folder: Path) -> Cell:
    """Linux, booted through the ROM, takes the adapter over: its own driver, ping, 2 MiB."""
    # Imported here: romgen.systems stands behind this package.
    from romgen.systems.takeover import FILE, FILE_SIZE, takeover_disk

    disk, files = folder / "disk.img", folder / "served"
    shutil.copyfile(takeover_disk(Project()), disk)
    files.mkdir()
    content = random.Random(7).randbytes(FILE_SIZE)
    (files / FILE).write_bytes(content)
    with Tgtd(ev.TARGET_NAME, [Lun(LUN, disk)]) as tgt:
        machine = Machine(
            nic=Nic(subject.device, subject.rom, f"tftp={files}"),
            ev=ev.for_tgtd(tgt, LUN),
            memory_mib=LINUX_MIB,
            emulator=LINUX_EMULATOR,
            extra=subject.rom_args,
        )
        result = run(machine, Stop(LINUX_PATIENCE), folder)
    said: dict[str, str] = {}
    for line in result.console.lines:
        if line.text.startswith("@"):
            word, _, rest = line.text.rstrip().partition(" ")
            said.setdefault(word, rest)
    if said.get("@firmware"):  # the driver's own want, with or without our ROM
        return Cell(True, f"{said['@driver']} wants firmware that is not free", result.console.text)
    checks = {
        "it did not come to its end": "@done" not in said,
        said.get("@fail", ""): "@fail" in said,
        "no answer to ping": " 0% packet loss" not in said.get("@ping", ""),
        "the file differs": hashlib.sha256(content).hexdigest() not in said.get("@sum", ""),
    }
    wrong = [text for text, failed in checks.items() if failed]
    if wrong:
        return Cell(False, f"**fails**: {wrong[0]}", result.console.text)
    again = ", link down and up first" if "@again" in said else ""
    text = f"{said['@driver']}{again}, {result.seconds:.0f} s"
    return Cell(True, text, result.console.text)


def over_ipxe(subject: Subject, folder: Path) -> Cell:
    """The demonstration disk by our ROM over the UNDI in iPXE's ROM for the adapter."""
    rom = IPXE_ROMS.get(subject.nic)
    if rom is None or subject.pci is None:
        return Cell(True, NO_ROM)
    built = foreign_build(Project(), folder, subject.nic, rom).rom
    image = folder / "foreign.rom"
    image.write_bytes(with_pci_id(built.read_bytes(), subject.pci))
    return boot_check(replace(subject, rom=image, rom_args=()), folder)


CELLS: dict[str, Callable[[Subject, Path], Cell]] = {
    "boot": boot_check,
    "64 MiB": sequential,
    "storm": storm,
    "unplugged": unplug,
    "V86": v86,
    "undionly": undionly,
    "over iPXE's UNDI": over_ipxe,
    "given back": handover,
    "Linux takes over": linux,
}


def measure(subject: Subject, cell: str) -> Cell:
    """One cell. Errors: tool missing, QEMU or tgtd do not start."""
    with tempfile.TemporaryDirectory(prefix="romgen-nic-") as folder:
        return CELLS[cell](subject, Path(folder))
