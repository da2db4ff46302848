"""What a boot came to: for a person one line, for a script JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from romgen.boot.console import GuestReport, RomMessage
from romgen.boot.phases import Phase, stopped_in


@dataclass(slots=True)
class BootReport:
    """The result of one boot.

    ok: it ended as expected; cause: why not, or "". what: what was booted through what.
    ended: "exit", "expect", "quiet", "timeout"; status: QEMU's exit code. console: the text.
    """

    ok: bool
    what: str
    cause: str
    ended: str
    status: int | None
    seconds: float
    phases: list[Phase]
    messages: list[RomMessage]
    guest: GuestReport
    console: str
    log: str
    frames: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def failed_phase(self) -> str | None:
        """Where it stopped, None if every phase was passed or it is not known."""
        return None if self.ok else stopped_in(self.phases)

    def json(self) -> dict[str, Any]:
        """The report as JSON values; times in seconds."""
        return {
            "ok": self.ok,
            "what": self.what,
            "cause": self.cause or None,
            "failed_phase": self.failed_phase,
            "ended": self.ended,
            "qemu_status": self.status,
            "seconds": round(self.seconds, 4),
            "phases": [
                {"name": p.name, "seconds": round(p.seconds, 4), "end": round(p.end, 4)}
                for p in self.phases
            ],
            "messages": [
                {"number": f"RG-{m.number:04}", "text": m.text, "at": round(m.at, 4)}
                for m in self.messages
            ],
            "checks": {"passed": len(self.guest.ok), "failed": self.guest.failed},
            "facts": self.guest.facts,
            "frames": self.frames,
            "notes": self.notes,
            "console": self.console,
        }

    def line(self) -> str:
        """The closing line."""
        times = ", ".join(f"{p.name} {p.seconds:.2f} s" for p in self.phases)
        if self.ok:
            checks = f"; {len(self.guest.ok)} checks passed" if self.guest.ok else ""
            notes = "".join(f", {note}" for note in self.notes)
            return f"booted {self.what} in {self.seconds:.2f} s ({times}){checks}{notes}"
        place = f" in phase '{self.failed_phase}'" if self.failed_phase else ""
        return (
            f"did not boot {self.what} as expected{place}: {self.cause} "
            f"({times or 'no phase passed'}; {self.seconds:.2f} s)"
        )


def first_cause(causes: Sequence[str]) -> str:
    """The first that is not empty."""
    return next((cause for cause in causes if cause), "")
