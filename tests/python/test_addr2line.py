"""Addresses of a running ROM: line and symbol, whatever segment they come with."""

from __future__ import annotations

import json
import subprocess

import pytest

from romgen import cli
from romgen.build import Built, build
from romgen.elf import read_program
from romgen.project import Project

NAME = "iscsi-e1000"
ROM, UNDI, UNDI_DATA, DATA = 0xC900, 0x9D00, 0x9B00, 0x9A00


@pytest.fixture
def built(tiny_project: Project, monkeypatch: pytest.MonkeyPatch) -> Built:
    monkeypatch.setattr("romgen.commands.addr2line.Project", lambda: tiny_project)
    return build(tiny_project, NAME)


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    cli.main(["addr2line", *arguments, "--json"])
    (found,) = json.loads(capsys.readouterr().out)["addresses"]
    assert isinstance(found, dict)
    return found


def line_of(built: Built, text: str, file: str = "asm/rom/boot.asm") -> int:
    source = built.rom.parent.parent / file
    return next(n for n, line in enumerate(source.read_text().splitlines(), 1) if text in line)


def test_offset_in_the_rom(built: Built, capsys: pytest.CaptureFixture[str]) -> None:
    prepare = read_program(built.elf).value("boot")
    assert cli.main(["addr2line", NAME, f"{prepare + 3:x}", str(0x3FF0)]) == 1
    first, second = capsys.readouterr().out.splitlines()
    line = line_of(built, "cx, tbl_words_end")
    assert first.endswith(f"rom 0x{prepare + 3:04x} .text boot+0x3  asm/rom/boot.asm:{line}")
    assert second == "16368  outside of the ROM and its UNDI"


def test_as_binutils_say(built: Built, capsys: pytest.CaptureFixture[str]) -> None:
    program = read_program(built.elf)
    (text,) = (one for one in program.sections if one.name == ".text")
    offsets = [f"{text.address + at:x}" for at in range(text.size)]
    done = subprocess.run(
        ["addr2line", "-e", built.elf, *offsets], capture_output=True, text=True, check=True
    )
    assert cli.main(["addr2line", str(built.rom), *offsets]) == 0
    ours = [line.split()[-1] for line in capsys.readouterr().out.splitlines()]
    assert ours == done.stdout.split()


@pytest.mark.parametrize("shift", [0, 0x20])
def test_segments(built: Built, capsys: pytest.CaptureFixture[str], shift: int) -> None:
    program, undi = read_program(built.elf), read_program(built.undi_elf)
    places = ["--rom", f"{ROM:x}", "--undi", f"{UNDI:x}", "--data", f"{DATA:x}"]
    places += ["--undi-data", f"{UNDI_DATA:x}"]

    def at(segment: int, offset: int) -> dict[str, object]:
        address = f"{segment - shift:x}:{offset + shift * 16:x}"
        return ask(capsys, NAME, address, *places)

    found = at(ROM, program.value("boot"))
    assert (found["part"], found["symbol"], found["file"]) == ("rom", "boot", "asm/rom/boot.asm")
    found = at(UNDI, undi.value("transmit"))
    assert (found["part"], found["symbol"]) == ("undi", "transmit")
    assert found["file"] == "undi/nic/e1000.asm"
    found = at(DATA, program.value("counter") + 1)
    assert (found["part"], found["symbol"], found["offset"]) == ("data", "counter", 1)
    found = at(UNDI_DATA, 0)
    assert (found["part"], found["section"]) == ("undi-data", ".bss")
    assert found["line"] == 0 and "part" not in at(0x8000, 0)


def test_without_a_segment_known(built: Built, capsys: pytest.CaptureFixture[str]) -> None:
    # A segment that nobody has named: the ROM's, or its copy's, with the same offsets.
    symbols = {one.name: one.value for one in read_program(built.elf).symbols}
    offset = symbols["prepare"]
    assert ask(capsys, str(built.elf), f"1000:{offset:x}")["symbol"] == "prepare"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([NAME, "zz"], "zz: is no address, give OFF or SEG:OFF in hexadecimal"),
        ([NAME, "10000:1"], "10000:1: is no address"),
        (["no-such", "1"], "no-such.elf: is not there, romgen build writes it"),
        ([NAME, "1", "--rom", "zz"], "argument --rom: invalid segment value: 'zz'"),
    ],
)
def test_mistakes(
    built: Built, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert cli.main(["addr2line", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_no_elf(built: Built, capsys: pytest.CaptureFixture[str]) -> None:
    built.elf.write_bytes(b"nothing")
    assert cli.main(["addr2line", NAME, "1"]) == 2
    assert "cannot read" in capsys.readouterr().err
