"""One boot of a real system through the ROM: what it says, how long it takes, how it looks."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from romgen.boot import ev
from romgen.boot.console import RomMessage, rom_messages
from romgen.boot.netns import BadWire
from romgen.boot.qemu import Machine, Nic, Qmp, Run, Stop, run
from romgen.boot.tgt import Account, Lun, Tgtd
from romgen.boot.wire import Plan
from romgen.boot.wire_boot import FIRST, INITIATOR, PORT, PREFIX_LENGTH
from romgen.errors import RomgenError
from romgen.project import Project, write_atomic

MEMORY_MIB = 512
LUN = 1
MARK = "@"
"""Begins every line that is for the host."""
SHOT = "@shot"
"""The system asks for a picture of its screen."""
EMULATOR = "qemu-system-x86_64"
VGA = ("-vga", "std")
MAC = "52:54:00:12:34:56"


@dataclass(frozen=True, slots=True)
class SystemBoot:
    """What to boot.

    name: of the report and the picture; disk: exported as LUN 1, written to
    ev: variables added or replaced; accounts: of the target; mac: the adapter's
    shot: regular expression of the line at which its screen is pictured
    vlan: of the wire; its target is in a network namespace then (needs root); 0: no wire
    expect: what ends the run, None: the machine ends by itself; extra: arguments of QEMU
    """

    name: str
    disk: Path
    timeout: float
    ev: Mapping[str, str] = field(default_factory=dict)
    accounts: Sequence[Account] = ()
    shot: str = rf"^{SHOT}\s*$"
    expect: str | None = None
    mac: str = MAC
    vlan: int = 0
    memory_mib: int = MEMORY_MIB
    extra: tuple[str, ...] = ()


@dataclass(slots=True)
class Booted:
    """What came of it.

    lines: those that begin with `@`, in order; seconds: until the last of them; port: the target's;
    messages: the ROM's errors; pictures: files
    """

    run: Run
    lines: list[str]
    seconds: float
    port: int
    messages: list[RomMessage]
    pictures: list[Path]

    def values(self, word: str) -> list[str]:
        """What stands behind `@word` in each of its lines."""
        return [line.partition(" ")[2] for line in self.lines if line.split(" ")[0] == MARK + word]


def boot_system(
    project: Project,
    rom: Path,
    device: str,
    what: SystemBoot,
    on_line: Callable[[str, Qmp], None] = lambda line, qmp: None,
) -> Booted:
    """Boot it from a private tgtd. Pictures and the console go to `build/report/systems/`."""
    folder = report_folder(project)
    folder.mkdir(parents=True, exist_ok=True)
    pictures: list[Path] = []

    wanted = re.compile(what.shot)

    def watch(line: str, qmp: Qmp) -> None:
        if wanted.search(line) and not pictures:
            pictures.append(screenshot(qmp, folder, what.name))
        on_line(line, qmp)

    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="romgen-system-")))
        tgt, variables, netdev, wire = _network(stack, work, what)
        machine = Machine(
            nic=Nic(device, rom, netdev=netdev, mac=what.mac),
            ev=ev.for_tgtd(tgt, LUN, **{**variables, **what.ev}),
            memory_mib=what.memory_mib,
            emulator=EMULATOR,
            extra=(*VGA, *wire, *what.extra),
        )
        expect = re.compile(what.expect) if what.expect is not None else None
        stop = Stop(what.timeout, expect)
        result = run(machine, stop, work, on_line=watch)
        port = tgt.port
    write_atomic(folder / f"{what.name}.console", result.console.text)
    marked = [line for line in result.console.lines if line.text.startswith(MARK)]
    return Booted(
        run=result,
        lines=[line.text.rstrip() for line in marked],
        seconds=marked[-1].at if marked else result.seconds,
        port=port,
        messages=rom_messages(result.console.lines),
        pictures=pictures,
    )


def _network(
    stack: contextlib.ExitStack, work: Path, what: SystemBoot
) -> tuple[Tgtd, dict[str, str], str | None, tuple[str, ...]]:
    """The running target, variables that lead to it, the adapter's netdev, QEMU's arguments."""
    luns = [Lun(LUN, what.disk)]
    if not what.vlan:
        tgt = Tgtd(ev.TARGET_NAME, luns, accounts=what.accounts)
        return stack.enter_context(tgt), {}, "", ()
    wire = BadWire(work, Plan(vlan=what.vlan), f"{FIRST}/{PREFIX_LENGTH}")
    stack.enter_context(wire)
    tgt = Tgtd(ev.TARGET_NAME, luns, what.accounts, port=PORT, host=FIRST, prefix=wire.command())
    hub = ("-netdev", f"{wire.netdev},id=wire0", "-netdev", "hubport,id=port1,hubid=0,netdev=wire0")
    variables = {"InitiatorIP": INITIATOR, "TargetIP": FIRST, "VLAN": str(what.vlan)}
    return stack.enter_context(tgt), variables, None, hub


def report_folder(project: Project) -> Path:
    """Where pictures, consoles and the table of seconds go."""
    return project.build / "report" / "systems"


def screenshot(qmp: Qmp, folder: Path, name: str) -> Path:
    """The machine's screen as PNG."""
    path = folder / f"{name}.png"
    qmp.execute("screendump", filename=str(path), format="png")
    return path


def record(project: Project, name: str, title: str, booted: Booted, *, build: float = 0.0) -> None:
    """One row of the table. build: seconds that making the image took, 0 = from the cache."""
    row = {
        "name": name,
        "title": title,
        "seconds": round(booted.seconds, 1),
        "build": round(build, 1),
        "pictures": [path.name for path in booted.pictures],
    }
    write_atomic(report_folder(project) / f"{name}.json", json.dumps(row, indent=2) + "\n")


def table(project: Project) -> str:
    """All rows as Markdown."""
    out = ["| system | seconds | image made in | picture |", "|---|---|---|---|"]
    for path in sorted(report_folder(project).glob("*.json")):
        try:
            row = json.loads(path.read_text())
            pictures = ", ".join(f"[{name}]({name})" for name in row["pictures"])
            made = f"{row['build']} s" if row["build"] else "cached"
            out.append(f"| {row['title']} | {row['seconds']} | {made} | {pictures} |")
        except (ValueError, KeyError) as error:
            raise RomgenError("report-row", str(path), f"damaged: {error}") from error
    return "\n".join(out) + "\n"
