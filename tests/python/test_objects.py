"""Objects are shared and kept by what they are made from: nothing is stale, nothing made twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from romgen.build import build
from romgen.build_all import build_all
from romgen.errors import RomgenError
from romgen.project import ROOT, Project
from romgen.slices import Slicer

NAME = "iscsi-e1000"
BOOT = "asm/rom/boot.asm"
PRODUCTS = (".rom", ".elf", ".undi.elf", ".map.json")


def edit(project: Project, name: str, old: str, new: str) -> None:
    path = project.root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def append(project: Project, name: str, text: str) -> None:
    path = project.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + text)


def products(project: Project, name: str = NAME) -> dict[str, bytes]:
    return {end: (project.build / f"{name}{end}").read_bytes() for end in PRODUCTS}


def fresh(project: Project, name: str = NAME) -> dict[str, bytes]:
    """What a build without any object gives."""
    shutil.rmtree(project.build)
    build(project, name)
    return products(project, name)


def stored(project: Project) -> set[str]:
    return {path.name for path in project.objects.glob("*.o")}


def second_layout(project: Project) -> None:
    text = (project.layouts / f"{NAME}.toml").read_text()
    other = text.replace("tiny ROM", "the other").replace("true", "false")
    (project.layouts / f"{NAME}-other.toml").write_text(other)


def test_second_build_makes_no_object(tiny_project: Project) -> None:
    build(tiny_project, NAME)
    before, objects = products(tiny_project), stored(tiny_project)
    places = {path: path.stat().st_ino for path in tiny_project.objects.glob("*.o")}
    build(tiny_project, NAME)
    assert (products(tiny_project), stored(tiny_project)) == (before, objects)
    assert {path: path.stat().st_ino for path in places} == places


@pytest.mark.parametrize(
    ("name", "old", "new", "made"),
    [
        (BOOT, "times 100 nop", "times 99 nop", 1),
        (BOOT, "retf", "retf ; a comment", 1),
        ("asm/include/romgen.inc", "; ", "; ; ", 7),
        ("layouts/iscsi-e1000.toml", "tiny ROM", "tiny rom", 1),
        ("layouts/iscsi-e1000.toml", "stack = 1024", "stack = 2048", 0),
        ("romgen/tables/errors/tiny.toml", "first in order", "first in ordre", 1),
        ("romgen/tables/nics.toml", "8086:100e", "8086:100d", 1),
    ],
)
def test_a_change_makes_what_it_touches(
    tiny_project: Project, name: str, old: str, new: str, made: int
) -> None:
    append(tiny_project, "undi/api.asm", '\n%include "romgen.inc"\n')
    build(tiny_project, NAME)
    before = stored(tiny_project)
    edit(tiny_project, name, old, new)
    build(tiny_project, NAME)
    assert len(stored(tiny_project) - before) <= made
    assert (len(stored(tiny_project) - before) > 0) == (made > 0)
    assert products(tiny_project) == fresh(tiny_project)


def test_embedded_files_count(tiny_project: Project) -> None:
    append(tiny_project, "asm/include/blob", "one")
    append(tiny_project, BOOT, '\nCODE boot\n incbin "asm/include/blob"\n')
    build(tiny_project, NAME)
    (tiny_project.root / "asm/include/blob").write_text("two")
    build(tiny_project, NAME)
    assert b"two" in products(tiny_project)[".rom"]


def test_an_include_that_comes_before_another(tiny_project: Project) -> None:
    # nasm searches the folder in which it runs first.
    append(tiny_project, "undi/include/x.inc", "%define LETTER 'ZYXW'\n")
    append(tiny_project, BOOT, '\n%include "x.inc"\nCODE boot\n dd LETTER\n')
    build(tiny_project, NAME)
    assert b"ZYXW" in products(tiny_project)[".rom"]
    append(tiny_project, "asm/include/x.inc", "%define LETTER 'VUTS'\n")
    build(tiny_project, NAME)
    assert b"VUTS" in products(tiny_project)[".rom"]


@pytest.mark.parametrize(
    "code",
    [
        # A name that a macro puts together: from a piece and a word, from pieces alone.
        "%macro SIZE 1\n dw %1_size\n%endmacro\n SIZE pcir\n",
        "%macro NUMBER 1\n dw ERR_%1\n%endmacro\n NUMBER FIRST\n",
        "%define FIELD(x) pcir. %+ x\n dw FIELD(length)\n",
        "%define JOIN(x, y) x %+ y\n dw JOIN(pcir.len, gth)\n",
        # What depends on more than texts is assembled with everything.
        "%define X STACK\n%ifdef %[X]_SIZE\n dw STACK_SIZE\n%endif\n",
        "%ifenv %!HOME\n nop\n%endif\n",
        "%define NAME_OF_FILE 'x.inc'\n",
    ],
)
def test_names_that_are_put_together(tiny_project: Project, code: str) -> None:
    append(tiny_project, BOOT, f"\nCODE boot\n{code}")
    build(tiny_project, NAME)
    before = products(tiny_project)
    build(tiny_project, NAME)
    assert products(tiny_project) == before == fresh(tiny_project)


def test_a_mistake_stands_in_the_real_include(tiny_project: Project) -> None:
    path = tiny_project.templates / "layout.inc.j2"
    path.write_text(path.read_text() + "\n%define PRODUCT_TWO 1 +\n")
    append(tiny_project, BOOT, "\nCODE boot\n dw PRODUCT_TWO\n")
    with pytest.raises(RomgenError) as caught:
        build(tiny_project, NAME)
    assert "objects/" not in str(caught.value)
    assert f"{BOOT}:" in str(caught.value)


def test_a_warning_comes_each_time(tiny_project: Project) -> None:
    append(tiny_project, BOOT, " db 300\n")
    first = build(tiny_project, NAME).messages
    assert "warning" in first
    assert build(tiny_project, NAME).messages == first


def test_a_slice_has_what_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "gen").mkdir()
    (tmp_path / "gen" / "g.inc").write_text(
        "%define ONE 1\n%define TWO THREE\nTHREE equ 3\n%define FOUR(x) x\n%define FIVE 5\n"
    )
    source = tmp_path / "s.asm"
    source.write_text('%include "g.inc"\n dw TWO ; ONE\n')
    made = Slicer(tmp_path).slice(source, [tmp_path / "gen"], tmp_path / "gen")
    assert made is not None
    assert dict(made.generated)["g.inc"].decode().splitlines() == [
        "%define ONE 1",
        "%define TWO THREE",
        "THREE equ 3",
        "%define FOUR(x) x",
    ]
    source.write_text('%include "absent.inc"\n')
    assert Slicer(tmp_path).slice(source, [tmp_path / "gen"], tmp_path / "gen") is None


def test_layouts_share(tiny_project: Project) -> None:
    second_layout(tiny_project)
    names = (NAME, f"{NAME}-other")
    outcomes = build_all(tiny_project, names)
    assert [(one.name, one.error) for one in outcomes] == [(name, None) for name in names]
    together = [products(tiny_project, name) for name in names]
    sources = len(list(tiny_project.work(NAME).glob("obj/**/*.o")))
    assert len(stored(tiny_project)) == sources + 1  # only the one with the product's name
    for name, made in zip(names, together, strict=True):
        assert fresh(tiny_project, name) == made


def test_one_that_fails_does_not_stop_the_others(tiny_project: Project) -> None:
    second_layout(tiny_project)
    edit(tiny_project, f"layouts/{NAME}-other.toml", "size_max = 4096", "size_max = 512")
    append(tiny_project, BOOT, "\nCODE boot\n times 600 nop\n")
    told: list[str] = []
    names = [f"{NAME}-other", NAME]
    outcomes = build_all(tiny_project, names, told=lambda one: told.append(one.name))
    assert sorted(told) == sorted(names)
    failed, good = outcomes
    assert failed.error is not None and "more than size_max = 512" in str(failed.error)
    assert failed.error.status == 1
    assert good.built is not None and good.built.rom.is_file()
    assert (tiny_project.build / f"{NAME}-other.map.json").is_file()


def test_a_mistake_in_the_first_of_many_sources(tiny_project: Project) -> None:
    """Those behind it are not waited for in vain."""
    second_layout(tiny_project)
    append(tiny_project, "asm/lib/a.asm", '%include "romgen.inc"\nCODE a\n mov ax\n')
    for number in range(60):
        append(tiny_project, f"asm/lib/b{number}.asm", f'%include "romgen.inc"\nCODE b{number}\n')
    for outcome in build_all(tiny_project, [NAME, f"{NAME}-other"]):
        assert outcome.error is not None and "asm/lib/a.asm:3" in str(outcome.error)


def test_two_at_once(tiny_project: Project) -> None:
    second_layout(tiny_project)
    code = (
        "import sys; from pathlib import Path; from romgen.project import Project\n"
        "from romgen.build_all import build_all\n"
        f"project = Project(Path({str(tiny_project.root)!r}), Path({str(tiny_project.build)!r}))\n"
        "outcomes = build_all(project, sys.argv[1:])\n"
        "sys.exit(any(one.error for one in outcomes))\n"
    )
    names = (NAME, f"{NAME}-other")
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code, *order], env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        for order in (names, names[::-1], names[:1])
    ]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    for name in names:
        made = products(tiny_project, name)
        assert made == fresh(tiny_project, name)
        for other in names:
            build(tiny_project, other)


def broken(*_: object) -> None:
    raise ZeroDivisionError("planted")


def test_a_bug_in_a_process_is_told(
    tiny_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_layout(tiny_project)
    monkeypatch.setattr("romgen.finish.compose", broken)
    with pytest.raises(RuntimeError, match="planted"):
        build_all(tiny_project, [NAME, f"{NAME}-other"])


def test_the_oldest_go(tiny_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("romgen.objects.MOST", 3)
    build(tiny_project, NAME)
    assert len(list(tiny_project.objects.iterdir())) == 3
    assert fresh(tiny_project) == products(tiny_project)
