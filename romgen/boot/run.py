"""A boot as `romgen boot` does it: ROM, target, machine, judgement."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from romgen.boot import ev
from romgen.boot.console import GuestReport, guest_report, rom_messages
from romgen.boot.disk import CheckDisk, differences
from romgen.boot.guest import EXIT_FAIL, EXIT_LOAD, EXIT_PASS
from romgen.boot.pcap import Frame, read_frames
from romgen.boot.phases import LOG_HARD_DISK, LOG_JUMP, Wire, log_milestones, phases, zero_of
from romgen.boot.qemu import TICK, Machine, Nic, Run, Stop, run
from romgen.boot.report import BootReport, first_cause
from romgen.boot.tgt import LISTEN, Lun, Tgtd
from romgen.catalog import Nic as CatalogNic
from romgen.catalog import load_nics
from romgen.errors import RomgenError
from romgen.project import Project

DEFAULT_LAYOUT = "iscsi-e1000"
DEFAULT_TIMEOUT = 120.0
DATA_LUN = 1
"""tgt's LUN 0 is its controller."""
QUIET = 3.0
"""A foreign disk without `expect` has booted when the console says nothing for so long."""


@dataclass(frozen=True, slots=True)
class BootRequest:
    """What to boot.

    rom: the image in the adapter's socket; nic: short name of the adapter.
    option_rom: the image is a ROM of the machine's instead, which has to look for its adapter.
    disk: None is the demonstration disk; a user's image is written to by what it boots.
    ev_text: the user's EV text, completed for the private target unless it names a TargetIP.
    expect: a regular expression on the console that means success.
    """

    rom: Path
    nic: str
    disk: Path | None = None
    lun: int = DATA_LUN
    ev_text: str = ""
    expect: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    accel: str = "tcg"
    pcap: Path | None = None
    serial: Path | None = None
    gdb_port: int | None = None
    option_rom: bool = False


def qemu_device(project: Project, nic: str) -> str:
    """QEMU's device for an adapter's short name. Error: unknown, or QEMU has none."""
    nics: dict[str, CatalogNic] = load_nics(project.tables / "nics.toml", project.root)
    if nic not in nics or not nics[nic].qemu:
        known = ", ".join(name for name, row in nics.items() if row.qemu)
        raise RomgenError("boot-nic", nic, "QEMU has no such adapter", f"known are: {known}")
    return nics[nic].qemu


def option_rom(rom: Path) -> tuple[str, ...]:
    """QEMU's arguments for a ROM of the machine's, in no adapter's socket."""
    return ("-option-rom", str(rom.resolve()).replace(",", ",,"))


def boot(
    project: Project, request: BootRequest, show: Callable[[str], None] = lambda text: None
) -> BootReport:
    """Boot, and judge. Errors: wrong request, tool missing, QEMU or tgtd do not start."""
    device = qemu_device(project, request.nic)
    for path in filter(None, (request.rom, request.disk)):
        if not path.is_file():
            raise RomgenError("file-read", str(path), "no such file")
    pattern = _compiled(request.expect)
    check = CheckDisk() if request.disk is None else None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="romgen-boot-")))
        image = request.disk or folder / "disk.img"
        if check is not None:
            image.write_bytes(check.image())
        text, port = _connect(stack, request, image)
        capture = folder / "net.pcap"
        machine = Machine(
            nic=Nic(device, None if request.option_rom else request.rom),
            ev=text,
            accel=request.accel,
            gdb=None if request.gdb_port is None else f"tcp:{LISTEN}:{request.gdb_port}",
            pcap=capture,
            extra=option_rom(request.rom) if request.option_rom else (),
        )
        quiet = QUIET if check is None and pattern is None else None
        stop = Stop(request.timeout, pattern, quiet, LOG_JUMP)
        result = run(machine, stop, folder, show)
        damage = differences(image, check.image_after()) if check is not None else []
        frames = read_frames(capture)
        if request.pcap is not None:
            shutil.copyfile(capture, request.pcap)
    if request.serial is not None:
        request.serial.write_bytes(result.serial)
    what = "the demonstration disk" if check is not None else str(request.disk)
    return _report(request, result, frames, port, f"{what} through {request.nic}", damage)


def _compiled(expect: str | None) -> re.Pattern[str] | None:
    try:
        return None if expect is None else re.compile(expect)
    except re.error as error:
        raise RomgenError("boot-expect", "--expect", f"no regular expression: {error}") from error


def _connect(stack: ExitStack, request: BootRequest, image: Path) -> tuple[str, int]:
    """The EV text and the target's port; starts the private tgtd unless the text has a TargetIP."""
    given = ev.names(request.ev_text)
    if "TargetIP" in given:
        port = given.get("TargetPort", "")
        return request.ev_text, int(port) if port.isdecimal() else 3260
    name = given.get("TargetName", ev.TARGET_NAME)
    tgt = stack.enter_context(Tgtd(name, [Lun(request.lun, image)]))
    return ev.completed(request.ev_text, ev.defaults(tgt.port, request.lun, name)), tgt.port


def _report(
    request: BootRequest,
    result: Run,
    frames: list[Frame],
    port: int,
    what: str,
    damage: list[str],
) -> BootReport:
    guest = guest_report(result.console.lines)
    messages = rom_messages(result.console.lines)
    milestones = milestones_of(result, frames, port)
    passed = phases(milestones, result.seconds)
    causes = [
        messages[-1].text and f"RG-{messages[-1].number:04} {messages[-1].text}"
        if messages and "boot sector" not in milestones
        else "",
        _cause(request, result, guest),
        "; ".join(damage),
    ]
    ok = not any(causes[1:])
    notes = ["what it wrote is on the disk"] if ok and request.disk is None else []
    return BootReport(
        ok=ok,
        what=what,
        cause="" if ok else first_cause(causes),
        ended=result.ended,
        status=result.status,
        seconds=result.seconds,
        phases=passed,
        messages=messages,
        guest=guest,
        console=result.console.text,
        log=result.log.text,
        frames=len(frames),
        notes=notes,
    )


def milestones_of(result: Run, frames: list[Frame], port: int) -> dict[str, float]:
    """Milestones of a run from the BIOS's log and the wire."""
    found = log_milestones(result.log.lines)
    if frames and result.first_frame is not None:
        mac = bytes.fromhex(result.mac.replace(":", ""))
        zero = zero_of(frames, result.first_frame, TICK)
        found |= Wire(frames, zero, port, mac).milestones()
    return found


def _cause(request: BootRequest, result: Run, guest: GuestReport) -> str:
    """Why the run is not what was asked for; "" if it is."""
    if request.expect is not None:
        return "" if result.ended == "expect" else _ended(result, f"no '{request.expect}' came")
    if request.disk is not None:
        return "" if result.ended == "quiet" or _started(result) else _ended(result, "no boot")
    if guest.failed:
        name, values = next(iter(guest.failed.items()))
        return f"{len(guest.failed)} checks failed, first {name}: {values}"
    if result.status != EXIT_PASS or not guest.complete:
        return _ended(result, "the boot program did not finish")
    return ""


def _started(result: Run) -> bool:
    return LOG_JUMP in result.log.text


def _ended(result: Run, what: str) -> str:
    """`what`, and how the run ended."""
    if result.ended == "timeout":
        return f"{what} within {result.seconds:.0f} s"
    if result.status in (EXIT_FAIL, EXIT_LOAD):
        return f"{what}: the disk could not be read" if result.status == EXIT_LOAD else what
    if result.status == 0 and LOG_HARD_DISK not in result.log.text:
        return f"{what}: the BIOS found no disk to boot from"
    if result.status == 0:
        return f"{what}: the machine was reset"
    return f"{what}: QEMU ended with {result.status} {result.output.strip()}".strip()
