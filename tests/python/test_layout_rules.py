"""Places, assertions and budgets of a layout: kept, or told with the arithmetic and the map."""

from __future__ import annotations

import json

import pytest

from romgen.build import Built, build
from romgen.elf import read_program
from romgen.errors import RomgenError
from romgen.project import Project

NAME = "iscsi-e1000"
LAYOUT = f"layouts/{NAME}.toml"


def built(project: Project, more: str) -> Built:
    path = project.root / LAYOUT
    path.write_text(f"{path.read_text()}{more}\n")
    return build(project, NAME)


def symbol(made: Built, name: str) -> int:
    return read_program(made.elf).value(name)


def fails(project: Project, more: str) -> str:
    """What is said of the lines `more`, which begin in line 14 of the layout."""
    with pytest.raises(RomgenError) as caught:
        built(project, "\n" + more)
    return str(caught.value)


def test_places(tiny_project: Project) -> None:
    more = (
        '\n[[place]]\nsection = ".bss.counter"\nalign = 8\n'
        '\n[[place]]\nsection = ".init.prepare"\nat = 0x300\n'
        '\n[[place]]\nsection = ".text.remote"\nalign = 128\n'
        '\n[[place]]\nsection = ".text.remote2"\nafter = ".text.remote"\n'
        '\n[[assert]]\nthat = "prepare == 0x300 and remote % 128 == 0 and rom_end < 0x400"\n'
    )
    source = tiny_project.root / "asm/rom/boot.asm"
    calls = "call prepare\ncall remote\ncall remote2"
    code = "\nCODE remote2\nremote2: ret\nCODE remote\nremote: ret\n"
    text = source.read_text().replace("call    prepare", calls)
    source.write_text(f"{text}\nglobal remote, remote2, prepare{code}")
    made = built(tiny_project, more)
    far = symbol(made, "remote")
    assert symbol(made, "prepare") == 0x300
    assert far % 128 == 0 and far < symbol(made, "boot")
    assert symbol(made, "remote2") == far + 1
    assert made.rom.read_bytes()[0x300] == 0xB9


def test_overlap(tiny_project: Project) -> None:
    text = fails(tiny_project, '[[place]]\nsection = ".text.boot"\nat = 4\n')
    start = text.partition("ends at 0x")[2].partition(":")[0]
    assert text.startswith(f"{LAYOUT}:14: .text.boot is to be at 0x4, but what stands before it")
    assert f"0x{start}: {int(start, 16) - 4} bytes overlap" in text
    assert (tiny_project.build / f"{NAME}.map.json").is_file()
    assert not (tiny_project.build / f"{NAME}.rom").exists()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('section = ".text.bot"', "there is no section .text.bot in the image, did you mean"),
        ('section = ".initdata.x"', "there is no section .initdata.x in the image, it may be"),
        ('section = ".data.x"', "'section' cannot be '.data.x', give a section of the sources"),
        ('section = ".text.boot"\nalign = 3', "'align' is 3, give a power of 2"),
        ('section = ".text.boot"\nafter = ".text.x"', ".text.x has no place that .text.boot could"),
        ('section = ".text.boot"\nalgin = 3', "unknown key 'algin', did you mean 'align'?"),
        ("at = 3", "key 'section' is missing"),
    ],
)
def test_places_that_cannot_be(tiny_project: Project, row: str, message: str) -> None:
    text = fails(tiny_project, f"[[place]]\n{row}\n")
    assert text.startswith(LAYOUT) and message in text


def test_two_places(tiny_project: Project) -> None:
    row = '[[place]]\nsection = ".text.boot"\n'
    assert f".text.boot has a place already, see {LAYOUT}:14" in fails(tiny_project, row + row)


def test_another_part(tiny_project: Project) -> None:
    rows = '[[place]]\nsection = ".text.boot"\n[[place]]\nsection = ".bss.x"\nafter = ".text.boot"'
    assert ".bss.x cannot follow .text.boot: they go to different" in fails(tiny_project, rows)


def test_budgets_that_are_kept(tiny_project: Project) -> None:
    made = built(tiny_project, "[budget]\ntext = 4096\nresident = 4096\nstack = 1024\n")
    assert made.rom.is_file()


def test_budget_exceeded(tiny_project: Project) -> None:
    text = fails(tiny_project, "[budget]\n# code\ntext = 30\n")
    sections = json.loads((tiny_project.build / f"{NAME}.map.json").read_text())["rom"]["sections"]
    size = next(one["size"] for one in sections if one["name"] == ".text")
    over = f"text has {size} bytes, {size - 30} more than its budget of 30"
    assert text == f"{LAYOUT}:16: {over}"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("text = -1", ":15: 'text' is -1, at least 0"),
        ('text = "x"', ":15: 'text' is 'x', give a whole number"),
        ("txet = 9", ":15: no section 'txet' to have a budget, did you mean 'text'?"),
    ],
)
def test_budget_mistakes(tiny_project: Project, line: str, message: str) -> None:
    assert fails(tiny_project, f"[budget]\n{line}\n").startswith(LAYOUT + message)


@pytest.mark.parametrize(
    ("that", "message"),
    [
        ("stack_top == 0", "stack_top == 0: 1040 == 0 does not hold, 1040 apart"),
        ("0 < stack_top * 2 < 100", "2080 < 100 does not hold"),
        ("stack_top > 1 and -stack_top // 2 > 0", "-520 > 0 does not hold"),
        ("stack_top < 1 or stack_top < 2", "1040 < 1 does not hold and 1040 < 2 does not hold"),
        ("not stack_top > 0", "stack_top > 0 holds"),
        ("stack_tpo > 0", "the ROM has no symbol 'stack_tpo', did you mean 'stack_top'?"),
        ("undi.entry != 1", "1 != 1 does not hold"),
        ("1 / (stack_top - 1040) > 0", "it divides by 0"),
        ("stack_top", "'stack_top' is no comparison of symbols and numbers"),
        ("__import__('os') == 1", "is no comparison of symbols and numbers"),
        ("stack_top <", "'stack_top <' is no comparison"),
        ("1 << 9 > 0", "is no comparison"),
        ("1.5 > 0", "is no comparison"),
    ],
)
def test_assertions_that_do_not_hold(tiny_project: Project, that: str, message: str) -> None:
    row = f"[[assert]]\nthat = \"{that}\"\ntext = 'why'\n"
    text = fails(tiny_project, row)
    assert text.startswith(f"{LAYOUT}:14: ") and message in text
