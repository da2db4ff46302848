"""Rules for the whole repository, checked like any other behaviour."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from romgen.project import ROOT


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def tracked() -> list[Path]:
    """Every file of the repository as text would be committed; without git, every source."""
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, timeout=30, check=False
    )
    if done.returncode:
        pytest.fail("git ls-files: " + done.stderr.decode())
    paths = [ROOT / name for name in done.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_ruff() -> None:
    run("ruff", "check", "--no-cache", "romgen", "tests")


def test_mypy() -> None:
    run("mypy")


def test_folder_qemu_is_no_package() -> None:
    # With an __init__.py it would hide the package qemu of qemu.qmp.
    assert not (ROOT / "qemu" / "__init__.py").exists()
    assert importlib.util.find_spec("romgen.__main__") is not None


def test_nothing_of_a_machine_is_committed() -> None:
    # The pattern is put together so that this file does not match itself.
    places = ("/wor" + "k/", "/opt/d" + "ev", "/root/\\.", "/ho" + "me/[a-z]")
    machine = re.compile("|".join(places))
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path.suffix not in (".bin", ".pcap")
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if machine.search(line)
    ]
    assert found == []


def test_generated_files_have_no_clock() -> None:
    # nasm's own time, date and file macros would make every build another one.
    clock = re.compile(r"__\??(UTC_)?(DATE|TIME|POSIX_TIME|FILE)")
    sources = [p for p in tracked() if p.suffix in (".asm", ".inc", ".j2")]
    assert sources
    assert [p.name for p in sources if clock.search(p.read_text())] == []
