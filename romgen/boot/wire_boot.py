"""A boot over the bad wire: QEMU, the wire, and one or two targets in a network namespace.

The disk is the demonstration disk, whose program reads and writes all of it and compares. What
came of a boot is one of three: the right data, a clear error, or wrong (see `Verdict`).
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from romgen.boot import ev
from romgen.boot.console import GuestReport, RomMessage, guest_report, rom_messages
from romgen.boot.disk import CheckDisk
from romgen.boot.guest import EXIT_PASS
from romgen.boot.netns import BadWire
from romgen.boot.pattern import SECTOR
from romgen.boot.pcap import Frame, read_frames
from romgen.boot.process import start, stop
from romgen.boot.qemu import Machine, Nic, Qmp, Run, Stop, run
from romgen.boot.tgt import Account, Lun, Tgtd
from romgen.boot.wire import Plan
from romgen.errors import EXIT_BOOT, RomgenError
from romgen.project import ROOT

INITIATOR, FIRST, SECOND = "10.10.10.12", "10.10.10.13", "10.10.10.14"
PREFIX_LENGTH = 24
PORT = 3260
LUN = 1
USER, SECRET, TARGET_SECRET = "initiator", "secretsecret12", "targettarget34"
DISK = CheckDisk(sectors=2048)
MIDDLE = "@ok 02.whole-disk"
"""The program's line behind which it reads the whole disk by EDD."""
START_PATIENCE = 15.0
POLL = 0.02


@dataclass(frozen=True, slots=True)
class Security:
    """What both sides are told: AuthMethod (None, CHAP, MutualCHAP), CRC32C for header, data."""

    auth: str = "None"
    header: bool = False
    data: bool = False

    def ev(self) -> dict[str, str]:
        """The variables of the ROM."""
        values = {"HeaderDigest": str(self.header), "DataDigest": str(self.data)}
        if self.auth != "None":
            values |= {"AuthMethod": self.auth, "CHAPUsername": USER, "CHAPSecret": SECRET}
        if self.auth == "MutualCHAP":
            values["CHAPMSecret"] = TARGET_SECRET
        return values


class Peer(Protocol):
    """A target inside the namespace, as far as faults go."""

    def kill(self) -> None:
        """End it as a crash would."""

    def restart(self) -> None:
        """End it as a crash would, and start it again at the same address."""


@dataclass(slots=True)
class ScriptedPeer:
    """`python -m romgen.target` in the namespace; a context manager."""

    wire: BadWire
    address: str
    image: Path
    security: Security
    folder: Path
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _starts: int = field(default=0, init=False)

    def __enter__(self) -> ScriptedPeer:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _argv(self) -> list[str]:
        words = ["-m", "romgen.target", "--listen", f"{self.address}:{PORT}"]
        words += ["--name", ev.TARGET_NAME, "--lun", f"{LUN}={self.image}"]
        if self.security.auth != "None":
            words += ["--user", f"{USER}:{SECRET}"]
        if self.security.auth == "MutualCHAP":
            words += ["--mutual", f"target:{TARGET_SECRET}"]
        for kind, wanted in (("header", self.security.header), ("data", self.security.data)):
            words += [f"--{kind}-digest", "CRC32C" if wanted else "None"]
        return self.wire.python(*words)

    def _start(self) -> None:
        self._starts += 1
        log = self.folder / f"target-{self.address}-{self._starts}.log"
        self._child = start(self._argv(), env={"PYTHONPATH": str(ROOT)}, log=log)
        deadline = time.monotonic() + START_PATIENCE
        while time.monotonic() < deadline and self._child.poll() is None:
            if log.read_text(errors="replace").startswith("ready"):
                return
            time.sleep(POLL)
        raise RomgenError(
            "target-start",
            self.address,
            "the scripted target did not start",
            detail=log.read_text(errors="replace"),
            status=EXIT_BOOT,
        )

    def kill(self) -> None:
        """End it as a crash would."""
        if self._child is not None:
            stop(self._child, polite=False)

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self._start()

    @property
    def log(self) -> str:
        """What its processes said, in order."""
        files = sorted(self.folder.glob(f"target-{self.address}-*.log"))
        return "".join(path.read_text(errors="replace") for path in files)


def tgtd_peer(wire: BadWire, address: str, image: Path, security: Security) -> Tgtd:
    """tgtd in the namespace, not started yet."""
    accounts = []
    if security.auth != "None":
        accounts.append(Account(USER, SECRET))
    if security.auth == "MutualCHAP":
        accounts.append(Account("target", TARGET_SECRET, outgoing=True))
    digests = (("HeaderDigest", security.header), ("DataDigest", security.data))
    return Tgtd(
        ev.TARGET_NAME,
        [Lun(LUN, image)],
        accounts,
        PORT,
        host=address,
        prefix=wire.command(),
        parameters={name: "CRC32C" if wanted else "None" for name, wanted in digests},
    )


PeerMaker = Callable[[BadWire, str, Path, Security, Path], AbstractContextManager[Peer]]
"""Makes a target: wire, address, image of its disk, security, a folder for its files."""
Fault = Callable[[BadWire, Sequence[Peer]], None]
"""What happens in the middle of the boot."""


@dataclass(frozen=True, slots=True)
class WireBoot:
    """One boot.

    target: `tgt`, `scripted`, or what makes another one
    both_targets: a second one at SECOND, which has the same disk
    variables: for the EV text, they replace what is there; fault: happens at MIDDLE
    """

    rom: Path
    device: str
    target: str | PeerMaker = "tgt"
    security: Security = field(default_factory=Security)
    plan: Plan = field(default_factory=Plan)
    both_targets: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None
    timeout: float = 120.0


class Verdict(Enum):
    """What came of a boot."""

    RIGHT = "right data"
    ERROR = "clear error"
    WRONG = "wrong"


@dataclass(slots=True)
class WireOutcome:
    """What came of a boot: the run, what the program and the ROM said, the disk, the frames.

    counters: of the wire (romgen.boot.wire.Counters); disk: the target's file afterwards;
    fault_done: the fault has happened
    """

    run: Run
    guest: GuestReport
    messages: list[RomMessage]
    frames: list[Frame]
    counters: dict[str, Any]
    disk: bytes
    fault_done: bool

    @property
    def verdict(self) -> Verdict:
        """WRONG: a wrong block was read or written, or it failed without a word."""
        if self.wrong_blocks():
            return Verdict.WRONG
        if not self.why:
            return Verdict.RIGHT
        return Verdict.ERROR if self.messages else Verdict.WRONG

    def wrong_blocks(self) -> list[str]:
        """Blocks with wrong contents: seen by the program, or left on the disk."""
        found = [
            f"{name} {values}"
            for name, values in self.guest.failed.items()
            if "contents" in values or "overrun" in values
        ]
        before, after = DISK.image(), DISK.image_after()
        for at in range(0, len(before), SECTOR):
            place = slice(at, at + SECTOR)
            if self.disk[place] not in (before[place], after[place]):
                found.append(f"sector {at // SECTOR} on the disk")
        return found

    @property
    def why(self) -> str:
        """Why it is not the right data; "" if it is."""
        if wrong := self.wrong_blocks():
            return "; ".join(wrong)
        if self.guest.failed:
            return "; ".join(f"{name} {values}" for name, values in self.guest.failed.items())
        if self.run.status != EXIT_PASS or not self.guest.complete:
            return f"the program did not finish: {self.run.ended} {self.run.status}"
        return "" if self.disk == DISK.image_after() else "what was written is not on the disk"


def wire_boot(boot: WireBoot) -> WireOutcome:
    """Boot over the wire. Errors: no root (code netns), a tool is missing or does not start."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="romgen-wire-")))
        image, capture = folder / "disk.img", folder / "net.pcap"
        image.write_bytes(DISK.image())
        addresses = [FIRST, SECOND] if boot.both_targets else [FIRST]
        wire = BadWire(folder, boot.plan, *(f"{each}/{PREFIX_LENGTH}" for each in addresses))
        stack.enter_context(wire)
        peers: list[Peer] = []
        for address in addresses:
            if boot.target == "tgt":
                peers.append(stack.enter_context(tgtd_peer(wire, address, image, boot.security)))
            elif boot.target == "scripted":
                scripted = ScriptedPeer(wire, address, image, boot.security, folder)
                peers.append(stack.enter_context(scripted))
            elif callable(boot.target):
                made = boot.target(wire, address, image, boot.security, folder)
                peers.append(stack.enter_context(made))
            else:
                raise ValueError(f"no target {boot.target}")
        done: list[str] = []

        def on_line(line: str, qmp: Qmp) -> None:
            if boot.fault is not None and line.startswith(MIDDLE) and not done:
                done.append(line)
                boot.fault(wire, peers)

        machine = Machine(
            # The adapter and the wire meet on a hub, where the capture is taken.
            nic=Nic(boot.device, boot.rom, netdev=None),
            ev=ev.text(variables(boot)),
            pcap=capture,
            extra=(
                *("-netdev", wire.netdev + ",id=wire0"),
                *("-netdev", "hubport,id=port1,hubid=0,netdev=wire0"),
            ),
        )
        result = run(machine, Stop(boot.timeout), folder, on_line=on_line)
        frames = read_frames(capture)
        # tgtd has written through to the file: its cache is the system's.
        disk = image.read_bytes()
    lines = result.console.lines
    return WireOutcome(
        result,
        guest_report(lines),
        rom_messages(lines),
        frames,
        wire.counters,
        disk,
        bool(done),
    )


def variables(boot: WireBoot) -> dict[str, str]:
    """The EV variables of a boot."""
    values = {
        "InitiatorName": ev.INITIATOR_NAME,
        "InitiatorIP": INITIATOR,
        "InitiatorNetmask": ev.NETMASK,
        "TargetName": ev.TARGET_NAME,
        "TargetIP": FIRST,
        "TargetPort": str(PORT),
        "LUN": str(LUN),
        **boot.security.ev(),
    }
    if boot.both_targets:
        values["TargetIP2"] = SECOND
    return values | boot.variables
