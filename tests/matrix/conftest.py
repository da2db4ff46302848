"""The ROM under test, and the table of what came of each case."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from romgen.boot.run import qemu_device
from romgen.build import build
from romgen.project import ROOT, Project

LAYOUT = "iscsi-e1000"
NIC = "e1000"
TABLE_VARIABLE = "ROMGEN_MATRIX_TABLE"
"""Environment variable: where the table goes, docs/interop.md unless given."""
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
DIGESTS = ("off", "header", "data", "both")
CASES = len(COLUMNS) * len(TARGETS) * len(METHODS) * len(DIGESTS)
INTRODUCTION = """\
# Boots over a bad wire

Written by `make test-matrix` (tests/matrix); do not edit. Each cell is one boot of the
demonstration disk (1 MiB) in QEMU through the e1000 ROM, over a wire that harms frames in both
directions (romgen/boot/wire.py), from a target on the kernel's TCP. The disk's program reads all
of it by CHS and by EDD, compares every byte with the pattern, writes, and reads back; afterwards
the target's file is compared byte by byte.

| column | what happens |
|---|---|
| 1 % loss, 5 % loss | so many frames of each direction are lost |
| reorder | 5 % of the frames arrive 4 ms late, behind later ones |
| duplicate | 5 % of the frames arrive twice |
| corrupt | one bit is wrong in 1 % of the frames, anywhere behind the Ethernet header |
| cut for 3 s | nothing passes for 3 s in the middle of reading the whole disk |
| restarted | the target is killed in the middle of reading, and started again |
| first killed | the first of two targets is killed in the middle of reading |

A number is the seconds from power-on to the program's end: every byte was right, no INT 13h call
failed. `error`: a clear error instead, with the ROM's number. `wrong`: a wrong block, or a failure
without a word. `failed`: the test itself failed. `-`: not run.
"""

_results: dict[tuple[str, str, str, str], str] = {}


@pytest.fixture(scope="session")
def rom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layout's ROM, built into a folder of this session's own."""
    return build(Project(ROOT, tmp_path_factory.mktemp("build")), LAYOUT).rom


@pytest.fixture(scope="session")
def device() -> str:
    """QEMU's name of the adapter."""
    return qemu_device(Project(ROOT), NIC)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Runs in every process; with xdist the controller sees all reports."""
    seen = dict(report.user_properties)
    if report.when != "call" or "weather" not in seen:
        return
    key = tuple(str(seen[name]) for name in ("target", "auth", "digests", "weather"))
    _results[key] = _cell(seen, report.passed)  # type: ignore[index]


def _cell(seen: dict[str, object], passed: bool) -> str:
    verdict = seen.get("verdict")
    if passed:
        return str(seen["seconds"])
    if verdict == "ERROR":
        return f"error {seen['said']}"
    return "wrong" if verdict == "WRONG" else "failed"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The controller (or the only process) writes the table."""
    if os.environ.get("PYTEST_XDIST_WORKER") or not _results:
        return
    path = Path(os.environ.get(TABLE_VARIABLE, ROOT / "docs" / "interop.md"))
    path.write_text(INTRODUCTION + "\n" + "\n".join(_lines()) + "\n")


def _lines() -> Iterable[str]:
    right = sum(1 for cell in _results.values() if cell[0].isdecimal())
    day = time.strftime("%Y-%m-%d", time.gmtime())
    yield f"Run of {day}: {len(_results)} of {CASES} cases, {right} with the right data."
    yield f"Versions: romgen {_first(['git', '-C', str(ROOT), 'rev-parse', '--short', 'HEAD'])};"
    yield f"{_first(['qemu-system-i386', '--version'])}; tgt {_first(['tgtd', '--version'])}."
    yield ""
    yield "| target | AuthMethod | digests | " + " | ".join(COLUMNS) + " |"
    yield "|---" * (3 + len(COLUMNS)) + "|"
    for target in TARGETS:
        for auth in METHODS:
            for digests in DIGESTS:
                cells = [_results.get((target, auth, digests, each), "-") for each in COLUMNS]
                yield f"| {target} | {auth} | {digests} | " + " | ".join(cells) + " |"


def _first(argv: list[str]) -> str:
    """First line of what a tool prints, `unknown` where it is not there."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return (done.stdout.strip() or "unknown").splitlines()[0]
