"""What holds for every command: --json, the exit codes, mistakes that are no bugs."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

import pytest
from rom_kit import make_image

from romgen import cli
from romgen.cli import COMMANDS, main

MEASURING = ("nics", "bench")
"""These write their JSON into build/."""
NOTHING = "no-such-file"
# How each command is called with a file that is not there; "" for those that read none.
READING = {
    "build": "--ev {}",
    "boot": "--rom {} --nic e1000",
    "ev": "check {}",
    "ibft": "dump {}",
    "info": "{}",
    "check": "{}",
    "ls": "{}",
    "extract": "{} 0 -o x",
    "fix": "{}",
    "patch": "{} pcir.vendor=1",
    "merge": "{} -o x",
    "map": "{}",
    "diff": "{} {}",
    "stamp": "{} --version 1.0.0",
    "verify": "{} --public-key {}",
    "undi": "extract {}",
    "addr2line": "{} 1",
    "sizes": "--build-dir {}",
    "release": "--attach x -o y --public-key {}",
}
# What ends with which code, with a good ROM, one that is none, and an empty PATH.
CASES = [
    ("info good.rom", 0),
    ("info bad.rom", 1),
    ("info good.rom --check-version 1.0.0", 1),
    ("check good.rom", 0),
    ("check bad.rom", 1),
    ("explain ROM014", 0),
    ("explain ROM999", 2),
    ("ls good.rom", 0),
    ("ls bad.rom", 1),
    ("extract good.rom 0 -o x", 0),
    ("extract bad.rom 0 -o x", 1),
    ("extract good.rom 9 -o x", 2),
    ("fix good.rom", 0),
    ("fix --check wrong.rom", 1),
    ("patch good.rom pcir.vendor=0x8086", 0),
    ("patch good.rom pcir.vender=1", 2),
    ("patch bad.rom pcir.vendor=1", 1),
    ("merge good.rom -o x", 0),
    ("merge bad.rom -o x", 1),
    ("map good.rom", 2),
    ("diff good.rom good.rom", 0),
    ("diff good.rom wrong.rom", 0),
    ("diff good.rom other.rom", 1),
    ("stamp good.rom --version 1.0.0", 0),
    ("stamp bad.rom --version 1.0.0", 1),
    ("stamp good.rom --version 1", 2),
    ("errors 3012", 0),
    ("errors 1", 2),
    ("ev check good.ev", 0),
    ("ev check bad.ev", 1),
    ("ibft dump bad.rom", 2),
    ("undi extract good.rom", 0),
    ("undi extract bad.rom", 1),
    ("undi extract none.rom", 2),
    ("release", 2),
    ("verify . --public-key bad.rom", 2),
    ("doctor", 3),
    ("addr2line bad.rom 1", 2),
    ("sizes --build-dir out", 2),
    ("debug no-such-layout", 2),
    ("completion bash", 0),
    ("build iscsi-e1000 --build-dir out", 3),
    ("build no-such-layout --build-dir out", 2),
    ("generate iscsi-e1000 --build-dir out", 0),
    ("generate no-such-layout --build-dir out", 2),
    ("boot --rom good.rom --nic e1000", 3),
    ("boot --layout no-such-layout", 2),
]
EV = """InitiatorName=iqn.2024-01.example:client
InitiatorIP=10.0.2.15
InitiatorNetmask=255.255.255.0
TargetName=iqn.2024-01.example:disk
TargetIP=10.0.2.2
LUN=1
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    good = make_image()
    files = {
        "good.rom": good,
        "bad.rom": b"MZ" + bytes(600),
        "wrong.rom": good[:6] + bytes([good[6] ^ 1]) + good[7:],
        "other.rom": make_image(data={"vendor": 0x1234}),
        "good.ev": EV.encode(),
        "bad.ev": EV.replace("LUN=1", "LUN=x").encode(),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    # Also where find_tool looks beside PATH.
    monkeypatch.setattr("romgen.boot.process.SBIN", ())
    return tmp_path


def parser_of(name: str) -> list[argparse.ArgumentParser]:
    """The parser of a command, or those of its actions."""
    top = argparse.ArgumentParser()
    sub = top.add_subparsers()
    importlib.import_module(f"romgen.commands.{name}").add_parser(sub)
    parser = sub.choices[name]
    groups = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return list(groups[0].choices.values()) if groups else [parser]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in MEASURING])
def test_every_command_has_json(name: str) -> None:
    assert any("--json" in parser.format_help() for parser in parser_of(name))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_and_wrong_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert main([name, "--no-such-option"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("name", READING)
def test_file_that_is_not_there(
    name: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = READING[name].replace("{}", NOTHING).split()
    assert main([name, *arguments]) == 2
    printed = capsys.readouterr()
    assert NOTHING in printed.err and printed.err.count("\n") == 1 and not printed.out
    assert main([name, *arguments, "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert NOTHING in error["where"] and error["status"] == 2 and error["code"]


@pytest.mark.parametrize(("line", "status"), CASES, ids=[case[0] for case in CASES])
def test_exit_codes(
    line: str, status: int, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (here / "good.rom").read_bytes()
    assert main([*line.split(), "--json"]) == status
    printed = capsys.readouterr()
    assert isinstance(json.loads(printed.out), dict | list)
    assert "Traceback" not in printed.err
    (here / "good.rom").write_bytes(before)
    assert main(line.split()) == status


@pytest.mark.parametrize("name", COMMANDS)
def test_bug_is_70(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(args: argparse.Namespace) -> int:
        raise ZeroDivisionError("planted")

    class Parser:
        def parse_args(self, arguments: list[str]) -> argparse.Namespace:
            return argparse.Namespace(run=broken)

    monkeypatch.setattr(cli, "build_parser", lambda names: Parser())
    assert main([name]) == 70
    assert "internal error, please report it" in capsys.readouterr().err
