"""Sizes beside those at the last release, and the table of several layouts."""

from __future__ import annotations

import json

import pytest

from romgen import __version__, cli
from romgen.project import Project
from romgen.sizes import baseline_path, read_baseline

NAME = "iscsi-e1000"


@pytest.fixture
def tiny(tiny_project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The commands work on the tiny project, which has two layouts that are built."""
    for module in ("build", "sizes"):
        monkeypatch.setattr(f"romgen.commands.{module}.Project", lambda: tiny_project)
    monkeypatch.chdir(tiny_project.root)
    text = (tiny_project.layouts / f"{NAME}.toml").read_text()
    (tiny_project.layouts / f"{NAME}-two.toml").write_text(text)
    assert cli.main(["build", "all"]) == 0
    return tiny_project


def grow(project: Project) -> None:
    boot = project.root / "asm/rom/boot.asm"
    boot.write_text(boot.read_text() + "\nCODE boot\n times 16 nop\nBSS more\n resb 16\n")
    assert cli.main(["build", "all"]) == 0


def test_since_the_release(tiny: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sizes"]) == 0
    assert "since no release" in capsys.readouterr().out
    assert cli.main(["sizes", "--write"]) == 0
    baseline = read_baseline(baseline_path(tiny))
    assert baseline.version == __version__ and len(baseline.layouts) == 2
    # The folder of the layouts holds it, and it is no layout.
    assert cli.main(["sizes", "--most", "0"]) == 0
    capsys.readouterr()
    grow(tiny)
    table = capsys.readouterr().out.splitlines()
    assert table[0].split()[-3:] == ["since", __version__, "result"]
    assert table[1].split()[0] == NAME and table[1].split()[-2:] == ["+16", "ok"]
    assert cli.main(["sizes", NAME]) == 0
    assert "+16  text +16, resident +16" in capsys.readouterr().out
    assert cli.main(["sizes", "--format", "markdown", NAME]) == 0
    assert "| +16 | text +16, resident +16 |" in capsys.readouterr().out


def test_growth_is_limited(tiny: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sizes", "--write"]) == 0
    grow(tiny)
    assert cli.main(["sizes", "--most", "16"]) == 0
    assert cli.main(["sizes", "--most", "11"]) == 1
    error = capsys.readouterr().err
    assert f"sizes.toml: {NAME} has grown by 16 bytes to " in error
    assert "5 more than the 11 that" in error


def test_json(tiny: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sizes", "--write", NAME]) == 0
    capsys.readouterr()
    assert cli.main(["sizes", "--json"]) == 0
    one, two = json.loads(capsys.readouterr().out)["layouts"]
    assert one["sizes"] == one["before"] and two["before"] is None
    assert {"image", "text", "stack"} <= one["sizes"].keys()


def test_what_was_not_built(tiny: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (tiny.build / f"{NAME}.map.json").unlink()
    assert cli.main(["sizes"]) == 2
    assert f"{NAME}.map.json: cannot read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[layout.x]\nimage = 1\n", "sizes.toml:1: key 'version' is missing"),
        ('version = "1"\n[layout.x]\nimage = "1"\n', "sizes.toml:3: 'image' is '1', give a whole"),
        ('version = "1"\nlayout.x = 1\n', "sizes.toml:2: 'x' is no table of sizes"),
    ],
)
def test_mistakes(
    tiny: Project, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    baseline_path(tiny).parent.mkdir()
    baseline_path(tiny).write_text(text)
    assert cli.main(["sizes"]) == 2
    assert message in capsys.readouterr().err


def test_a_layout_that_fails_is_in_the_table(
    tiny: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny.layouts / f"{NAME}-two.toml"
    path.write_text(path.read_text().replace("size_max = 4096", "size_max = 512"))
    capsys.readouterr()
    boot = tiny.root / "asm/rom/boot.asm"
    boot.write_text(boot.read_text() + "\nCODE boot\n times 600 nop\n")
    assert cli.main(["build", "all"]) == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[2].split() == [f"{NAME}-two", "failed"]
    assert "1 of 2 layouts" in told.out and "more than size_max = 512" in told.err


def test_a_shared_mistake_is_told_once(
    tiny: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny.root / "asm/rom/boot.asm").write_text("bogus ax\n")
    capsys.readouterr()
    assert cli.main(["build", "all"]) == 1
    assert capsys.readouterr().err.count("boot.asm:1: error:") == 1
