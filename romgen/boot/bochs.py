"""One run of Bochs: another machine with another BIOS, and an e1000 that is QEMU's.

Its BIOS (package bochsbios) calls a ROM's init with AX = F000h, the boot connection vector straight
after it, and has no PMM. Debian's Bochs has the debugger built in; it is driven over a pseudo
terminal: to start the machine, and to read its screen when the boot program or a time-out stops it.
The network is Bochs's own slirp, with the addresses of QEMU's; no fw_cfg: the ROM has its boot
variables in its EV block.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from romgen.boot.console import GuestReport, Line, guest_report
from romgen.boot.process import find_tool
from romgen.errors import EXIT_BOOT, EXIT_TOOL, RomgenError

BIOS = Path("/usr/share/bochs/BIOS-bochs-latest")
VGA_BIOS = Path("/usr/share/seabios/vgabios-stdvga.bin")
"""Bochs's own is another package; this one knows its display, too."""
INSTRUCTIONS_PER_SECOND = 50_000_000
"""Of the machine's time. A host that is faster makes its seconds shorter than ours."""
SCREEN, SCREEN_BYTES = 0xB8000, 4000
COLUMNS = 80
PROMPT = re.compile(rb"<bochs:\d+>")
PANIC = re.compile(rb"VGABIOS panic at vgabios\.c, line (\d+)")
"""What Bochs makes of a byte at the port that is isa-debug-exit in QEMU (EXIT_PORT)."""
INTERRUPT = b"\x03"
STOP_PATIENCE = 10.0
CHUNK = 65536


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
    (folder / "bochsrc").write_text(machine.config(folder))
    begin = time.monotonic()
    with _Debugger(folder) as debugger:
        if not debugger.prompt(STOP_PATIENCE):
            raise RomgenError(
                "bochs-start",
                "bochs",
                "did not start",
                detail=debugger.output.decode(errors="replace")[-2000:],
                status=EXIT_BOOT,
            )
        debugger.say("c")
        stopped = debugger.prompt(timeout)
        if not stopped:
            debugger.type(INTERRUPT)
            debugger.prompt(STOP_PATIENCE)
        picture = folder / "screen"
        debugger.say(f'writemem "{picture}" {SCREEN:#x} {SCREEN_BYTES}')
        debugger.prompt(STOP_PATIENCE)
        debugger.say("c" if stopped else "q")
        debugger.prompt(STOP_PATIENCE)
        panic = PANIC.search(debugger.output)
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


@dataclass(slots=True)
class _Debugger:
    """Bochs on a pseudo terminal. A context manager: it is gone afterwards in any case."""

    folder: Path
    output: bytes = b""
    ended: bool = False
    _child: int = field(default=0, init=False)
    _terminal: int = field(default=-1, init=False)
    _seen: int = field(default=0, init=False)

    def __enter__(self) -> _Debugger:
        # setpriv: the kernel kills it when we die.
        program = [find_tool("setpriv"), "--pdeathsig", "KILL", "--", find_tool("bochs")]
        program += ["-q", "-f", str(self.folder / "bochsrc")]
        self._child, self._terminal = pty.fork()
        if self._child == 0:
            os.execve(program[0], program, {**os.environ, "TERM": "xterm"})
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        os.close(self._terminal)

    def type(self, keys: bytes) -> None:
        """What a person would type."""
        with contextlib.suppress(OSError):
            os.write(self._terminal, keys)

    def say(self, command: str) -> None:
        """A command to the debugger."""
        self.type(command.encode() + b"\n")

    def prompt(self, patience: float) -> bool:
        """Wait for the next prompt. False: it ended (`ended`), or the time is over."""
        deadline = time.monotonic() + patience
        while True:
            if found := PROMPT.search(self.output, self._seen):
                self._seen = found.end()
                return True
            left = deadline - time.monotonic()
            if self.ended or left <= 0:
                return False
            if select.select([self._terminal], [], [], left)[0]:
                try:
                    data = os.read(self._terminal, CHUNK)
                except OSError:  # Linux's way to say that the other end is closed
                    data = b""
                self.output += data
                self.ended = not data
