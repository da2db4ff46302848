"""The cases of the matrix, and the table of what came of them (docs/interop.md)."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from romgen.project import ROOT, write_atomic

PAGE = ROOT / "docs" / "interop.md"
REPORT = ROOT / "build" / "report" / "matrix.md"
COLUMNS = (
    "clean",
    "1 % loss",
    "5 % loss",
    "reorder",
    "duplicate",
    "corrupt",
    "cut for 3 s",
    "restarted",
    "first killed",
)
TARGETS, METHODS = ("tgt", "scripted"), ("None", "CHAP", "MutualCHAP")
CLEAN_TARGETS = ("LIO", "istgt")
"""Targets that boot over a clean wire only."""
DIGESTS = {
    "off": (False, False),
    "header": (True, False),
    "data": (False, True),
    "both": (True, True),
}
"""Name -> (HeaderDigest, DataDigest)."""
CASES = len(COLUMNS) * len(TARGETS) * len(METHODS) * len(DIGESTS)
CLEAN_CASES = len(CLEAN_TARGETS) * len(METHODS) * len(DIGESTS)
MENUS = 8
"""Targets behind a menu that is left open (test_menu.py)."""
BY_HAND = "<!-- Written by hand from here on: `make test-matrix` keeps it. -->"
INTRODUCTION = """\
# Boots from other people's targets, and over a bad wire

Written by `make test-matrix` (tests/matrix) when every case of it has run; after a part of it the
table is in build/report/matrix.md. Each cell is one boot of the demonstration disk (1 MiB) in QEMU
through the e1000 ROM. The disk's program reads all of it by CHS and by EDD, compares every byte
with the pattern, writes, and reads back; afterwards the target's file is compared byte by byte.

A number is the seconds from power-on to the program's end: every byte was right, no INT 13h call
failed. `error`: a clear error instead, with the ROM's number. `wrong`: a wrong block, or a failure
without a word. `failed`: the test itself failed. `-`: not run. Four boots share two cores.

## A bad wire
The wire harms frames in both directions (romgen/boot/wire.py); the targets are on the kernel's TCP.

| column | what happens |
|---|---|
| 1 % loss, 5 % loss | so many frames of each direction are lost |
| reorder | 5 % of the frames arrive 4 ms late, behind later ones |
| duplicate | 5 % of the frames arrive twice |
| corrupt | one bit is wrong in 1 % of the frames, anywhere behind the Ethernet header |
| cut for 3 s | nothing passes for 3 s in the middle of reading the whole disk |
| restarted | the target is killed in the middle of reading, and started again |
| first killed | the first of two targets is killed in the middle of reading |
"""
CLEAN_WIRE = """\
## The Linux kernel's target and istgt
LIO runs in a QEMU guest of Debian's kernel and busybox (romgen/systems/lio.py), istgt comes from
Debian's package (romgen/systems/istgt.py). The wire is clean; columns are digests.
tests/matrix/test_lio.py also boots with each CHAP algorithm alone, and has wrong secrets and names
refused by LIO and by the ROM.
"""
MENU = """\
## A boot menu left open for ten minutes
The booted program does nothing for 600 s, then reads a sector (tests/matrix/test_menu.py).
"""
Case = tuple[str, str, str, str]
"""Target, AuthMethod, digests, weather."""


@dataclass
class Results:
    """What the reports of the tests said."""

    cells: dict[Case, str] = field(default_factory=dict)
    menus: dict[str, str] = field(default_factory=dict)
    versions: set[str] = field(default_factory=set)
    failed: int = 0

    def add(self, seen: Mapping[str, object], passed: bool) -> None:
        """One test's properties."""
        self.failed += not passed
        for name, value in seen.items():
            kind, _, rest = name.partition(" ")
            if kind == "menu":
                self.menus[rest] = str(value)
        if "version" in seen:
            self.versions.add(str(seen["version"]))
        if "weather" in seen:
            names = ("target", "auth", "digests", "weather")
            target, auth, digests, weather = (str(seen[name]) for name in names)
            self.cells[target, auth, digests, weather] = _cell(seen, passed)

    @property
    def whole(self) -> bool:
        """Every case has run."""
        return len(self.cells) == CASES + CLEAN_CASES and len(self.menus) == MENUS

    def write(self) -> None:
        """Write the report; the page too if every case has run, with what is there by hand."""
        text = INTRODUCTION + "\n" + "\n".join(self._lines()) + "\n"
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(REPORT, text)
        if self.whole:
            write_atomic(PAGE, text + by_hand(PAGE))

    def _lines(self) -> Iterator[str]:
        right = sum(1 for cell in self.cells.values() if cell[0].isdecimal())
        day = time.strftime("%Y-%m-%d", time.gmtime())
        number = f"{len(self.cells)} of {CASES + CLEAN_CASES} boots"
        yield f"Run of {day}: {number}, {right} with the right data; {self.failed} tests failed."
        commit = _first(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"])
        yield f"Versions: romgen {commit};"
        versions = [
            _first(["qemu-system-i386", "--version"]),
            f"tgt {_first(['tgtd', '--version'])}",
        ]
        yield ";\n".join([*versions, *sorted(self.versions)]) + "."
        yield ""
        yield "| target | AuthMethod | digests | " + " | ".join(COLUMNS) + " |"
        yield "|---" * (3 + len(COLUMNS)) + "|"
        for target in TARGETS:
            for auth in METHODS:
                for digests in DIGESTS:
                    cells = [self._at(target, auth, digests, each) for each in COLUMNS]
                    yield f"| {target} | {auth} | {digests} | " + " | ".join(cells) + " |"
        yield "\n" + CLEAN_WIRE
        yield "| target | AuthMethod | " + " | ".join(DIGESTS) + " |"
        yield "|---" * (2 + len(DIGESTS)) + "|"
        for target in CLEAN_TARGETS:
            for auth in METHODS:
                cells = [self._at(target, auth, digests, "clean") for digests in DIGESTS]
                yield f"| {target} | {auth} | " + " | ".join(cells) + " |"
        yield "\n" + MENU
        yield "| target | the read took | logins |"
        yield "|---|---|---|"
        for name, value in self.menus.items() or {"-": "-"}.items():
            seconds, _, logins = value.partition(", ")
            yield f"| {name} | {seconds} | {logins or '-'} |"

    def _at(self, target: str, auth: str, digests: str, weather: str) -> str:
        return self.cells.get((target, auth, digests, weather), "-")


def by_hand(page: Path) -> str:
    """The part of the page that is not written by the tests, with its mark."""
    _, mark, rest = page.read_text().partition(BY_HAND) if page.is_file() else ("", "", "")
    return f"\n{BY_HAND}{rest}" if mark else f"\n{BY_HAND}\n"


def _cell(seen: Mapping[str, object], passed: bool) -> str:
    verdict = seen.get("verdict")
    if passed:
        return str(seen["seconds"])
    if verdict == "ERROR":
        return f"error {seen['said']}"
    return "wrong" if verdict == "WRONG" else "failed"


def _first(argv: list[str]) -> str:
    """First line of what a tool prints, `unknown` where it is not there."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return (done.stdout.strip() or "unknown").splitlines()[0]
