"""`romgen doctor`: what is there, what is wrong, and the command that mends it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from romgen import tools
from romgen.cli import main
from romgen.errors import RomgenError
from romgen.project import ROOT
from romgen.tools import BAD, MISSING, NOTE, OK, OLD, Known, Need, State

SHELL = shutil.which("sh")  # before a test takes the path away


def fake(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!{SHELL}\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only one with commands."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "locate", lambda what: shutil.which(what, path=str(tmp_path)))
    return tmp_path


@pytest.mark.parametrize(
    ("said", "state", "version"),
    [
        ("NASM version 2.16.03 compiled on x", OK, "2.16.3"),
        ("NASM version 2.16.01", NOTE, "2.16.1"),
        ("NASM version 2.13.02", OLD, "2.13.2"),
        ("no number", BAD, ""),
    ],
)
def test_versions(path: Path, said: str, state: str, version: str) -> None:
    fake(path, "nasm", f'[ "$1" = -v ] && echo "{said}"')
    found = tools.tool_state(Need("rom", "nasm", "nasm"))
    assert (found.state, found.version) == (state, version)
    assert found.wrong is (state in (OLD, BAD))


def test_missing_and_hanging(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tools.tool_state(Need("rom", "nasm", "nasm")).state == MISSING
    monkeypatch.setattr(tools, "PROBE_TIMEOUT", 0.2)
    fake(path, "ld", "while :; do :; done")
    found = tools.tool_state(Need("rom", "ld", "binutils"))
    assert (found.state, found.detail.endswith("does not say its version")) == (BAD, True)


def test_tool_without_known_versions(path: Path) -> None:
    fake(path, "mcopy", "exit 1")
    assert tools.tool_state(Need("test", "mcopy", "mtools")).state == OK


def test_known_bad() -> None:
    known = Known(traps=(((1, 0), (1, 2), "eats files", True),))
    assert tools.judge((1, 1, 9), known) == (BAD, "eats files")
    assert tools.judge((1, 2), known) == (OK, "")


def test_table_is_the_set_ups_own() -> None:
    needs = tools.read_needs(ROOT / "tools" / "bootstrap.sh")
    assert Need("rom", "nasm", "nasm") in needs
    assert {one.goal for one in needs} <= set(tools.GOALS)
    assert set(tools.KNOWN) <= {one.what for one in needs}
    for goal in tools.GOALS:
        assert tools.read_pins(ROOT / "tools" / "requirements", goal)["construct"]


def test_goals() -> None:
    assert tools.goals_of("rom") == ("rom",)
    assert tools.goals_of("test") == ("rom", "boot", "test")
    assert tools.goals_of("coverage") == ("rom", "boot", "test", "coverage")


def test_unreadable_tables(tmp_path: Path) -> None:
    with pytest.raises(RomgenError, match="cannot read"):
        tools.read_needs(tmp_path / "none")
    with pytest.raises(RomgenError, match="cannot read"):
        tools.read_pins(tmp_path, "rom")
    (tmp_path / "empty").write_text("#!/bin/sh\n")
    with pytest.raises(RomgenError, match="no table of tools"):
        tools.read_needs(tmp_path / "empty")


def test_packages() -> None:
    pins = {"construct": "0.0.1", "no-such-package-here": "1"}
    found = {one.name: one.state for one in tools.package_states("rom", pins)}
    assert found == {"python": OK, "construct": NOTE, "no-such-package-here": MISSING}


def test_remedies(path: Path) -> None:
    states = [
        State("rom", "nasm", MISSING, "", "", "nasm"),
        State("rom", "ld", OLD, "", "", "binutils"),
        State("rom", "qemu", OK, "", "", "qemu"),
        State("rom", "lief", MISSING, "", "", ""),
    ]
    assert tools.remedies(states, "rom") == [
        "with the system's package manager (names as on Debian): binutils nasm",
        "tools/bootstrap.sh rom",
    ]
    fake(path, "apt-get", "exit 0")
    assert tools.remedies(states[:3], "rom") == [
        "sudo apt-get install -y --no-install-recommends binutils nasm"
    ]
    assert tools.remedies(states[2:3], "rom") == []


def test_command(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake(path, "nasm", "echo NASM version 2.16.03")
    fake(path, "ld", "echo GNU ld 2.40")
    assert main(["doctor", "--goal", "rom"]) == 0
    assert "to mend" not in capsys.readouterr().out
    (path / "ld").unlink()
    assert main(["doctor", "--goal", "rom", "--json"]) == 3
    data = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in data["tools"] if one["wrong"]] == ["ld"]
    assert data["commands"] == ["with the system's package manager (names as on Debian): binutils"]
    assert main(["doctor", "--goal", "nothing"]) == 2
