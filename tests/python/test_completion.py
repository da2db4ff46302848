"""Completion as the shells themselves do it: bash, zsh and fish are asked for real."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from romgen import cli
from romgen.completion import SHELLS, node, script
from romgen.project import ROOT

# A command line, and what is to be among the completions of its last word, and what is not.
CASES = [
    ("romgen ", "build addr2line completion", "--json"),
    ("romgen bu", "build", "boot"),
    ("romgen --v", "--version", "build"),
    ("romgen build iscsi-e1", "iscsi-e1000 iscsi-e1000e", "iscsi-virtio"),
    ("romgen build --", "--ev --build-dir --json", "--layout"),
    ("romgen build --ev e", "ev.txt erom", "build"),
    ("romgen build --build-dir e", "erom", "ev.txt"),
    ("romgen boot --layout pxe-", "pxe-e1000", "iscsi-e1000"),
    ("romgen boot --accel ", "tcg kvm", "build"),
    ("romgen ev ", "check", "build"),
    ("romgen ev check e", "ev.txt", "build"),
    ("romgen info e", "ev.txt", "build"),
    ("romgen addr2line iscsi-ne", "iscsi-ne2k", "build"),
    ("romgen map --format h", "html", "text"),
    ("romgen nics --cell st", "storm", "boot"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file and a folder to complete, and a command `romgen` in bin/."""
    folder = tmp_path_factory.mktemp("completion")
    (folder / "ev.txt").write_text("")
    (folder / "erom").mkdir()
    command = folder / "bin" / "romgen"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m romgen "$@"\n')
    command.chmod(0o755)
    for shell in SHELLS:
        (folder / f"complete.{shell}").write_text(script(shell, cli.build_parser()))
    return folder


def ask(place: Path, argv: list[str], **more: str) -> set[str]:
    path = f"{place / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        argv,
        cwd=place,
        env={**os.environ, "PATH": path, "HOME": str(place), **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return {line.split("\t")[0].rstrip("/ ") for line in done.stdout.splitlines()}


def bash(place: Path, line: str) -> set[str]:
    code = (
        "source complete.bash; words=$1; read -ra COMP_WORDS <<<\"$1\"\n"
        'case $1 in *" ") COMP_WORDS+=("") ;; esac\n'
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$1 COMP_POINT=${#1}\n"
        'complete -p romgen >/dev/null || exit 1; _romgen; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return ask(place, ["bash", "--norc", "-c", code, "bash", line])


def zsh(place: Path, line: str) -> set[str]:
    # The builtins of the line editor are stood in for: what they get is what is offered.
    code = (
        "compdef() { }; compadd() { shift; print -rl -- ${(M)@:#$want*} }\n"
        "_files() { if [[ $1 == -/ ]]; then print -rl -- ${want}*(N/); "
        "else print -rl -- ${want}*(N); fi }\n"
        'source complete.zsh; words=("${(@s: :)1}"); CURRENT=$#words; want=$words[-1]; _romgen'
    )
    return ask(place, ["zsh", "-f", "-c", code, "zsh", line])


def fish(place: Path, line: str) -> set[str]:
    code = "source complete.fish; complete -C \"$LINE\""
    return ask(place, ["fish", "--no-config", "-c", code], LINE=line)


@pytest.mark.parametrize("shell", [bash, zsh, fish])
@pytest.mark.parametrize(("line", "offered", "other"), CASES)
def test_completion(place: Path, shell: object, line: str, offered: str, other: str) -> None:
    assert callable(shell)
    found = shell(place, line)
    assert set(offered.split()) <= found
    assert other not in found


def test_every_command_and_option_is_there() -> None:
    top = node(cli.build_parser())
    assert {action.path[-1] for action in top.actions} == set(cli.COMMANDS)
    texts = [script(shell, cli.build_parser()) for shell in SHELLS]
    for one in top.all():
        for option in one.options:
            for flag in option.flags:
                assert all(flag.lstrip("-") in text for text in texts)


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", "bash"]) == 0
    assert capsys.readouterr().out.strip() == script("bash", cli.build_parser()).strip()
    assert cli.main(["completion", "layouts"]) == 0
    assert "iscsi-e1000" in capsys.readouterr().out.splitlines()
    assert cli.main(["completion", "csh"]) == 2
