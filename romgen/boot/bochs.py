"""One run of Bochs: another machine with another BIOS, and an e1000 that is QEMU's.

Its BIOS (package bochsbios) calls a ROM's init with AX = F000h, the boot connection vector straight
after it, and has no PMM. Debian's Bochs has the debugger built in; a file of commands starts
the machine, and reads its screen when the boot program or a time-out stops it.
The network is Bochs's own slirp, with the addresses of QEMU's; no fw_cfg: the ROM has its boot
variables in its EV block.
"""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from romgen.boot.console import GuestReport, Line, guest_report
from romgen.boot.process import start, stop
from romgen.errors import EXIT_BOOT, EXIT_TOOL, RomgenError

BIOS = Path("/usr/share/bochs/BIOS-bochs-latest")
VGA_BIOS = Path("/usr/share/seabios/vgabios-stdvga.bin")
"""Bochs's own is another package; this one knows its display, too."""
INSTRUCTIONS_PER_SECOND = 50_000_000
"""Of the machine's time. A host that is faster makes its seconds shorter than ours."""
SCREEN, SCREEN_BYTES = 0xB8000, 4000
COLUMNS = 80
STARTED = "Next at t=0"
"""The debugger's first word."""
PANIC = re.compile(r"VGABIOS panic at vgabios\.c, line (\d+)")
"""What Bochs makes of a byte at the port that is isa-debug-exit in QEMU (EXIT_PORT)."""
SCREEN_PATIENCE = 3.0
"""Seconds between the time-out and the end: time to read the screen."""


@dataclass(frozen=True, slots=True)
class BochsMachine:
    """What is started. slot: of the e1000 on the PCI bus; disk: local, the first on ATA 0."""

    rom: Path
    slot: int = 1
    disk: Path | None = None
    memory_mib: int = 32
    mac: str = "52:54:00:12:34:56"

    def config(self, folder: Path) -> str:
        """The file bochsrc."""
        lines = [
            "display_library: term",
            f"megs: {self.memory_mib}",
            f"romimage: file={BIOS}",
            f"vgaromimage: file={VGA_BIOS}",
            f"cpu: ips={INSTRUCTIONS_PER_SECOND}, reset_on_triple_fault=0",
            "clock: sync=none",
            f"pci: enabled=1, chipset=i440fx, slot{self.slot}=e1000",
            f"e1000: card=0, enabled=1, mac={self.mac}, ethmod=slirp, bootrom={self.rom}",
            f"ata0: enabled={int(self.disk is not None)}, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14",
            "ata1: enabled=0",
            "floppya: type=none",
            "boot: disk",
            f"com2: enabled=1, mode=file, dev={folder / 'report'}",
            f"log: {folder / 'bochs.log'}",
            "panic: action=fatal",
            "error: action=report",
            "info: action=report",
            "debug: action=ignore",
        ]
        if self.disk is not None:
            lines.append(f"ata0-master: type=disk, mode=flat, path={self.disk}")
        return "".join(line + "\n" for line in lines)


@dataclass(slots=True)
class BochsRun:
    """What a run left behind.

    value: what the boot program wrote to EXIT_PORT, None: nothing; report: its lines on COM2
    screen: the text screen at the end; log: Bochs's, with the BIOS's lines; seconds: on our clock
    """

    value: int | None
    report: GuestReport
    screen: str
    log: str
    seconds: float

    @property
    def text(self) -> str:
        """What helps to understand a failure."""
        return f"{self.screen}\n{self.report}\n{self.log[-2000:]}"


def run(machine: BochsMachine, timeout: float, folder: Path) -> BochsRun:
    """Start the machine, wait for its end. Errors: a part of Bochs is missing, or fails."""
    for path, package in ((BIOS, "bochsbios"), (VGA_BIOS, "seabios")):
        if not path.is_file():
            raise RomgenError(
                "tool-missing",
                str(path),
                "not installed",
                f"run: apt-get install --no-install-recommends {package}",
                status=EXIT_TOOL,
            )
    picture, output = folder / "screen", folder / "output"
    (folder / "bochsrc").write_text(machine.config(folder))
    # The debugger's commands: each begins when the one before has stopped the machine or is done.
    (folder / "commands").write_text(f'c\nwritemem "{picture}" {SCREEN:#x} {SCREEN_BYTES}\nc\n')
    begin = time.monotonic()
    child = start(
        ["bochs", "-q", "-f", str(folder / "bochsrc"), "-rc", str(folder / "commands")],
        env={"TERM": "xterm"},
        log=output,
    )
    try:
        child.wait(timeout)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGINT)  # stops the machine: the screen is read
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(SCREEN_PATIENCE)
    finally:
        stop(child, polite=False)
    said = output.read_text(errors="replace")
    if STARTED not in said:
        raise RomgenError(
            "bochs-start", "bochs", "did not start", detail=said[-2000:], status=EXIT_BOOT
        )
    panic = PANIC.search(said)
    report = folder / "report"
    text = report.read_text("ascii", errors="replace") if report.exists() else ""
    return BochsRun(
        value=int(panic[1]) if panic else None,
        report=guest_report([Line(0.0, line) for line in text.splitlines()]),
        screen=_screen(picture.read_bytes()) if picture.exists() else "",
        log=(folder / "bochs.log").read_text(errors="replace"),
        seconds=time.monotonic() - begin,
    )


def _screen(memory: bytes) -> str:
    """The characters of the VGA's text memory, without the blanks at the lines' ends."""
    text = memory[::2].decode("cp437").replace("\0", " ")
    rows = (text[at : at + COLUMNS].rstrip() for at in range(0, len(text), COLUMNS))
    return "\n".join(rows).rstrip()
