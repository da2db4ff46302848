"""The command line: exit codes, messages, what is printed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from romgen import __version__, cli
from romgen.commands import build as build_command
from romgen.errors import RomgenError
from romgen.project import ROOT, Project

EV_TEXT = """InitiatorName=iqn.2024-01.example:client
InitiatorIP=10.0.2.15
InitiatorNetmask=255.255.255.0
TargetName=iqn.2024-01.example:disk
TargetIP=10.0.2.2
LUN=1
"""


@pytest.fixture
def in_tiny(tiny_project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The commands work on the tiny project."""
    for module in ("build", "generate"):
        monkeypatch.setattr(
            f"romgen.commands.{module}.Project",
            lambda build=tiny_project.build: Project(tiny_project.root, build),
        )
    monkeypatch.chdir(tiny_project.root)
    return tiny_project


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"romgen {__version__}\n"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    printed = capsys.readouterr().out
    modules = {path.stem for path in (ROOT / "romgen" / "commands").glob("[a-z]*.py")}
    assert modules == {name for name in cli.COMMANDS if name in modules}
    assert [name for name in modules if f"    {name} " not in printed] == []


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["build", "--nonsense"]])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    assert "usage: romgen" in capsys.readouterr().err


def test_build(in_tiny: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["build"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("build/iscsi-e1000.rom: 512 bytes, ")
    assert out.count("\n") == 1


def test_build_json(in_tiny: Project, capsys: pytest.CaptureFixture[str]) -> None:
    ev = in_tiny.root / "ev.txt"
    ev.write_text(EV_TEXT + "#" * 300 + "\n")
    assert cli.main(["build", "iscsi-e1000", "--ev", str(ev), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    (image,) = result["images"]
    assert image["layout"] == "iscsi-e1000"
    assert image["image"]["size"] == Path(image["rom"]).stat().st_size == 1024


def test_ev_file_is_checked(in_tiny: Project, capsys: pytest.CaptureFixture[str]) -> None:
    ev = in_tiny.root / "ev.txt"
    ev.write_text(EV_TEXT.replace("TargetIP", "TargetIp"))
    assert cli.main(["build", "--ev", "ev.txt"]) == 2
    assert "ev.txt:5: error: RG-2" in capsys.readouterr().err
    assert not in_tiny.build.exists()
    ev.write_text(EV_TEXT.replace("10.0.2.2", "10.0.2.02"))
    assert cli.main(["build", "--ev", "ev.txt"]) == 0
    assert "ev.txt:5: warning: RG-2" in capsys.readouterr().err


def test_build_elsewhere(in_tiny: Project, tmp_path: Path) -> None:
    assert cli.main(["build", "all", "--build-dir", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "iscsi-e1000.rom").is_file()
    assert not in_tiny.build.exists()


def test_only_default_layouts_without_a_name(
    in_tiny: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    path = in_tiny.layouts / "iscsi-e1000.toml"
    path.write_text(path.read_text().replace("default = true", "default = false"))
    assert build_command.chosen(in_tiny, []) == []
    assert cli.main(["build"]) == 2
    assert "no layout is marked default" in capsys.readouterr().err


def test_mistake_is_one_line(in_tiny: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["build", "iscsi-e100"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "layouts: no layout 'iscsi-e100', did you mean 'iscsi-e1000'?\n"


def test_nasm_error_is_a_finding(in_tiny: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (in_tiny.root / "asm/rom/boot.asm").write_text("bogus ax\n")
    assert cli.main(["build"]) == 1
    assert "asm/rom/boot.asm:1: error:" in capsys.readouterr().err


def test_generate(in_tiny: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["generate"]) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert folder == in_tiny.generated("iscsi-e1000")
    assert {"formats.inc", "errors.inc", "layout.inc", "error_table.asm"} <= {
        path.name for path in folder.iterdir()
    }


def test_bug_says_so(
    in_tiny: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(build_command, "build_all", broken)
    assert cli.main(["build"]) == 70
    assert "internal error, please report it" in capsys.readouterr().err


def test_interrupt(in_tiny: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(build_command, "build_all", interrupted)
    assert cli.main(["build"]) == 130


def test_error_text() -> None:
    error = RomgenError("code", "file:1", "is wrong", "mend it", detail="tool: said\n")
    assert str(error) == "tool: said\nfile:1: is wrong, mend it"
    assert str(RomgenError("code", "", "is wrong")) == "is wrong"


def test_as_a_module_from_anywhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "romgen", "--version"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"romgen {__version__}\n")
