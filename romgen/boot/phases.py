"""How far a boot came, and how long each part took.

Milestones are taken from SeaBIOS's log (host clock), from the capture (the machine's clock, which
starts with the machine), and from the end of the run. A phase lies between two milestones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from romgen.boot.console import Line
from romgen.boot.pcap import CONST, Frame, pdus, segments
from romgen.formats.iscsi import CONSTANTS as ISCSI

LOG_ROM = "Running option rom at"
LOG_HARD_DISK = "Booting from Hard Disk"
LOG_JUMP = "Booting from 0000:7c00"

PHASES = ("POST", "link", "ARP", "TCP", "login", "disk", "boot sector", "system")
"""In the order in which a boot passes them. `system`: what the booted program took."""

LOGIN_DONE = ISCSI["ISCSI_FLAG_TRANSIT"] | ISCSI["ISCSI_STAGE_FULL"]
CAPACITY_OPS = (ISCSI["SCSI_READ_CAPACITY_10"], ISCSI["SCSI_SERVICE_ACTION_IN_16"])


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase: name, when it ended and how long it took, in seconds since the start."""

    name: str
    end: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Wire:
    """Frames of a capture with the machine's clock: `zero` is the file's time of the start."""

    frames: Sequence[Frame]
    zero: float
    port: int
    mac: bytes

    def at(self, frame: Frame) -> float:
        """Seconds since the machine started."""
        return frame.at - self.zero

    def milestones(self) -> dict[str, float]:
        """Phase -> when the wire shows its end; a phase that did not end is absent."""
        found: dict[str, float] = {}
        for frame in self.frames:
            if frame.source == self.mac:
                found.setdefault("link", self.at(frame))
            elif frame.arp_op == CONST["ARP_REPLY"]:
                found.setdefault("ARP", self.at(frame))
            if "link" in found and "ARP" in found:
                break
        for segment in segments(self.frames):
            if segment.source[1] == self.port and segment.syn and "TCP" not in found:
                found["TCP"] = self.at(segment.frame)
                break
        self._iscsi_milestones(found)
        return found

    def _iscsi_milestones(self, found: dict[str, float]) -> None:
        capacity_tags: set[int] = set()
        for pdu in pdus(self.frames, self.port):
            fields = pdu.fields
            if pdu.opcode == ISCSI["ISCSI_LOGIN_RESPONSE"]:
                good = pdu.header[36] == 0  # Status-Class
                if good and fields.flags & LOGIN_DONE == LOGIN_DONE:
                    found.setdefault("login", self.at(pdu.frame))
            elif pdu.cdb and pdu.cdb[0] in CAPACITY_OPS:
                capacity_tags.add(fields.itt)
            elif not pdu.to_target and fields.itt in capacity_tags and pdu.data:
                if pdu.opcode == ISCSI["ISCSI_DATA_IN"]:
                    found["disk"] = self.at(pdu.frame)
            elif pdu.read:
                return


def zero_of(frames: Sequence[Frame], first_seen: float, slack: float) -> float:
    """The capture's time of the machine's start.

    QEMU stamps frames with whole seconds of the day plus the machine's clock, so the start lies on
    a whole second; `first_seen` (host clock since the start, late by up to `slack` seconds) says
    on which.
    """
    if not frames:
        return 0.0
    return float(math.floor(frames[0].at - (first_seen - slack / 2) + 0.5))


def log_milestones(log: Sequence[Line]) -> dict[str, float]:
    """Phase -> when the BIOS's log shows its end."""
    found: dict[str, float] = {}
    for line in log:
        if line.text.startswith(LOG_ROM):
            found.setdefault("POST", line.at)
        elif line.text.startswith(LOG_JUMP):
            found.setdefault("boot sector", line.at)
    return found


def phases(milestones: dict[str, float], end: float) -> list[Phase]:
    """The phases that were passed, in order; `end` closes `system` if the boot sector started.

    The first phase that is missing is where a boot stopped.
    """
    passed: list[Phase] = []
    before = 0.0
    for name in PHASES:
        at = end if name == "system" else milestones.get(name)
        if at is None:
            break
        at = max(at, before)
        passed.append(Phase(name, at, at - before))
        before = at
    return passed


def stopped_in(passed: Sequence[Phase]) -> str | None:
    """The phase that did not end, None if all did."""
    return PHASES[len(passed)] if len(passed) < len(PHASES) else None
