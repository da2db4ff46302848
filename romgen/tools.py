"""Which tools of the system and which Python packages are there, and whether they are good enough.

What is needed for which goal, and which package brings it, stands in tools/bootstrap.sh; the
packages' versions in tools/requirements. Here is only what is known of versions.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from romgen.errors import RomgenError, shown

Version = tuple[int, ...]

GOALS = ("rom", "boot", "test", "os", "coverage")
"""As in tools/bootstrap.sh; each of the first three needs those before it."""
PYTHON_MIN = (3, 11)
PROBE_TIMEOUT = 20.0
"""Seconds for a tool to say its version."""
OK, OLD, BAD, MISSING, NOTE = "ok", "too old", "known bad", "missing", "note"
_TABLE = re.compile(r"^tools='\n(.*?)^'$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a tool's versions.

    probe: arguments that make it say its version
    least: the oldest version that can work, and `why`
    traps: (first, behind the last, what is wrong with it, whether romgen stumbles over it)
    """

    probe: tuple[str, ...] = ("--version",)
    least: Version = ()
    why: str = ""
    traps: tuple[tuple[Version, Version, str, bool], ...] = ()


KNOWN = {
    "nasm": Known(
        probe=("-v",),
        least=(2, 14),
        why="older ones were never tried",
        traps=(
            ((2, 16, 0), (2, 16, 2), "-MD omits %include files (romgen does not use it)", False),
        ),
    ),
    "ld": Known(least=(2, 39), why="--no-warn-rwx-segments came with 2.39"),
    "qemu-system-i386": Known(),
    "tgtadm": Known(),
    "gcc": Known(),
}
KNOWN_PACKAGES = {
    "unicorn": Known(least=(2, 1, 4), why="memory hooks break a real-mode retf before it"),
}


@dataclass(frozen=True, slots=True)
class Need:
    """A line of the table in tools/bootstrap.sh. what: a command, or a file that has to exist."""

    goal: str
    what: str
    package: str


@dataclass(frozen=True, slots=True)
class State:
    """What was found. name: of the tool or package; package: what brings it; "" for unknown."""

    goal: str
    name: str
    state: str
    version: str
    detail: str
    package: str

    @property
    def wrong(self) -> bool:
        """Whether something has to be done about it."""
        return self.state not in (OK, NOTE)


def read_needs(script: Path) -> list[Need]:
    """The table of tools. Error: the script has none."""
    try:
        found = _TABLE.search(script.read_text(encoding="utf-8"))
    except OSError as error:
        raise RomgenError("file-read", shown(script), f"cannot read: {error.strerror}") from error
    if found is None:
        raise RomgenError("tools-table", shown(script), "there is no table of tools")
    return [Need(*line.split()) for line in found[1].splitlines() if line.strip()]


def read_pins(folder: Path, goal: str) -> dict[str, str]:
    """Pinned versions of the packages that a goal needs."""
    pins: dict[str, str] = {}
    path = folder / f"{goal}.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise RomgenError("file-read", shown(path), f"cannot read: {error.strerror}") from error
    for line in lines:
        if line.startswith("-r "):
            pins |= read_pins(folder, line.removeprefix("-r ").removesuffix(".txt"))
        elif "==" in line and not line.startswith("#"):
            name, _, version = line.partition("==")
            pins[name.strip()] = version.strip()
    return pins


def goals_of(goal: str) -> tuple[str, ...]:
    """The goal and those that it builds on."""
    base = GOALS[: min(GOALS.index(goal), 2) + 1]
    return base if goal in base else (*base, goal)


def number(text: str) -> Version:
    """The first version number in a text: () where there is none."""
    found = _NUMBER.search(text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def locate(what: str) -> str | None:
    """Where a command or file is; commands also in /usr/sbin, as the set-up looks there."""
    if what.startswith("/"):
        return what if Path(what).exists() else None
    return shutil.which(what) or shutil.which(what, path="/usr/sbin")


def _probe(path: str, known: Known) -> str:
    """What the tool says about its version; "" where it says nothing."""
    try:
        done = subprocess.run(
            [path, *known.probe],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = (done.stdout + done.stderr).splitlines()
    return lines[0] if lines else ""


def judge(version: Version, known: Known) -> tuple[str, str]:
    """State and detail of a version; () for an unknown one."""
    if version and known.least and version < known.least:
        least = ".".join(str(part) for part in known.least)
        return OLD, f"at least {least}: {known.why}"
    for first, behind, what, stumbles in known.traps:
        if first <= version < behind:
            return (BAD if stumbles else NOTE), what
    return OK, ""


def tool_state(need: Need) -> State:
    """What is there of one line of the table."""
    path = locate(need.what)
    if path is None:
        return State(need.goal, need.what, MISSING, "", "", need.package)
    known = KNOWN.get(need.what)
    if known is None:
        return State(need.goal, need.what, OK, "", path, need.package)
    said = _probe(path, known)
    version = number(said)
    if not version:
        detail = f"{path} does not say its version"
        return State(need.goal, need.what, BAD, "", detail, need.package)
    state, detail = judge(version, known)
    text = ".".join(str(part) for part in version)
    return State(need.goal, need.what, state, text, detail or path, need.package)


def package_states(goal: str, pins: dict[str, str]) -> Iterator[State]:
    """Python itself, then each pinned package as it is installed."""
    running = sys.version_info[:3]
    text = ".".join(str(part) for part in running)
    least = ".".join(str(part) for part in PYTHON_MIN)
    state = OK if running >= PYTHON_MIN else OLD
    yield State(goal, "python", state, text, "" if state == OK else f"at least {least}", "")
    for name, pinned in sorted(pins.items(), key=lambda item: item[0].lower()):
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield State(goal, name, MISSING, "", f"pinned {pinned}", "")
            continue
        state, detail = judge(number(version), KNOWN_PACKAGES.get(name.lower(), Known()))
        if state == OK and version != pinned:
            state, detail = NOTE, f"pinned {pinned}"
        yield State(goal, name, state, version, detail, "")


def remedies(states: list[State], goal: str) -> list[str]:
    """The commands that mend what is wrong."""
    found = []
    packages = sorted({one.package for one in states if one.wrong and one.package})
    if packages:
        names = " ".join(packages)
        if shutil.which("apt-get"):
            found.append(f"sudo apt-get install -y --no-install-recommends {names}")
        else:
            found.append(f"with the system's package manager (names as on Debian): {names}")
    if any(one.wrong and not one.package for one in states):
        found.append(f"tools/bootstrap.sh {goal}")
    return found
