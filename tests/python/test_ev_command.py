"""`romgen ev` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from romgen.cli import main
from romgen.ev.block import pack, unpack

GOOD = """InitiatorName=iqn.2003-05.com.example:client
TargetName=iqn.2003-05.com.example:disk
TargetIP=10.10.10.13
InitiatorIP=10.10.10.2
InitiatorNetmask=255.255.255.0
CHAPSecret=TOPSECRET1234
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "ev.txt"
    path.write_text(GOOD)
    return path


def test_check_good(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ev", "check", str(file)]) == 0
    assert capsys.readouterr().out == "ev.txt: 0 errors, 0 warnings\n"


def test_check_bad(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(GOOD + "vlan=5\n")
    assert main(["ev", "check", "ev.txt"]) == 1
    out = capsys.readouterr().out
    assert "ev.txt:7: error: RG-2101: unknown variable 'vlan', did you mean VLAN?\n" in out


def test_check_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(GOOD + "LUN=x\n")
    assert main(["ev", "check", "--json", str(file)]) == 1
    text = capsys.readouterr().out
    report = json.loads(text)
    assert (report["ok"], report["findings"][0]["line"]) == (False, 7)
    assert report["values"]["CHAPSecret"] == "(set)"
    assert "TOPSECRET" not in text


def test_fix_in_place(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(GOOD + "lun=01\n")
    assert main(["ev", "check", "--fix", str(file)]) == 0
    assert file.read_text() == GOOD + "LUN=1\n"
    assert "ev.txt:7: mended: wrote LUN for lun\n" in capsys.readouterr().out


def test_fix_elsewhere(file: Path) -> None:
    file.write_text(GOOD + "lun=1\n")
    assert main(["ev", "check", "--fix", "-o", "new.txt", str(file)]) == 0
    assert file.read_text() == GOOD + "lun=1\n"
    assert Path("new.txt").read_text() == GOOD + "LUN=1\n"


def test_fix_keeps_the_files_mode(file: Path) -> None:
    file.chmod(0o600)
    file.write_text(GOOD + "lun=1\n")
    assert main(["ev", "check", "--fix", str(file)]) == 0
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("arguments", [["-"], ["-o", "x", "ev.txt"], ["none.txt"]])
def test_wrong_use(file: Path, arguments: list[str]) -> None:
    fix = ["--fix"] if arguments == ["-"] else []
    assert main(["ev", "check", *fix, *arguments]) == 2


def test_block_and_show(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ev", "block", "ev.txt", "-o", "ev.bin", "--capacity", "512"]) == 0
    raw = Path("ev.bin").read_bytes()
    assert unpack(raw) == GOOD.encode()
    assert len(raw) == 528
    capsys.readouterr()
    assert main(["ev", "show", "ev.bin"]) == 0
    out = capsys.readouterr().out
    assert "TargetIP=10.10.10.13" in out
    assert "CHAPSecret=(set)" in out


def test_block_of_a_bad_text_is_not_made(file: Path) -> None:
    file.write_text(GOOD + "LUN=x\n")
    assert main(["ev", "block", "ev.txt", "-o", "ev.bin"]) == 1
    assert not Path("ev.bin").exists()


def test_show_of_a_rom(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = b"\x55\xaa" + bytes(30)
    Path("a.rom").write_bytes(head + pack(GOOD.encode(), 0))
    assert main(["ev", "show", "a.rom"]) == 0
    Path("b.rom").write_bytes(head + pack(b"", 100))
    assert main(["ev", "show", "b.rom"]) == 2
    Path("c.rom").write_bytes(head + pack(GOOD.encode(), 0)[:-1] + b"!")
    assert main(["ev", "show", "c.rom"]) == 1
    assert "c.rom+0x20: RG-2002: Invalid Configuration Data" in capsys.readouterr().err
