"""Layouts made of parents and variants: what holds where, names, mistakes with their line."""

from __future__ import annotations

import pytest

from romgen import layout_help
from romgen.catalog import Nic, load_nics
from romgen.errors import RomgenError
from romgen.layout import Layout, load_layout, load_layouts, names
from romgen.project import Project

PARENT = """abstract = true
kind = "iscsi"
product = "from {kind} for {nic}"
manufacturer = "parent"
size_max = 4096

[memory]
stack = 1024
ooo_slots = 2

[[assert]]
that = "rom_end > 0"
"""
NIC = """
[[nic]]
name = "other"
driver = "e1000"
title = "x"
ids = ["1af4:1000"]
modules = []
"""
NAMES: dict[str, Nic] = {}
"""For what needs no adapter."""


def write(project: Project, **files: str) -> None:
    """Replace all layouts; the adapters are e1000 and other."""
    (project.layouts / "iscsi-e1000.toml").unlink(missing_ok=True)
    for name, text in {"parent": PARENT, **files}.items():
        (project.layouts / f"{name}.toml").write_text(text)
    table = project.tables / "nics.toml"
    table.write_text(table.read_text().partition(NIC)[0] + NIC)


def load(project: Project, name: str) -> Layout:
    nics = load_nics(project.tables / "nics.toml", project.root)
    return load_layout(project.layouts, name, nics, project.root)


def test_child_before_parent(tiny_project: Project) -> None:
    child = 'extends = "parent"\nnic = "e1000"\nmanufacturer = "child"\n[memory]\nooo_slots = 0\n'
    write(tiny_project, **{"iscsi-e1000": child + '[[assert]]\nthat = "rom_end > 1"\n'})
    assert names(tiny_project.layouts, NAMES) == ["iscsi-e1000"]
    layout = load(tiny_project, "iscsi-e1000")
    assert (layout.manufacturer, layout.product) == ("child", "from iscsi for e1000")
    assert (layout.memory.stack, layout.memory.ooo_slots) == (1024, 0)
    assert layout.size_max_where == "layouts/parent.toml:5"
    assert [one.where for one in layout.rules.assertions] == [
        "layouts/parent.toml:11",
        "layouts/iscsi-e1000.toml:6",
    ]


def test_variants_span_arrays(tiny_project: Project) -> None:
    text = (
        'extends = "parent"\n[[variant]]\nname = "{kind}-{nic}-bev"\nnic = ["e1000", "other"]\n'
        'boot = "BEV"\n[[variant]]\nnic = "e1000"\ndefault = true\nmemory.stack = 2048\n'
    )
    write(tiny_project, iscsi=text)
    assert names(tiny_project.layouts, NAMES) == [
        "iscsi-e1000", "iscsi-e1000-bev", "iscsi-other-bev"
    ]  # fmt: skip
    one, two = (load(tiny_project, name) for name in ("iscsi-e1000", "iscsi-other-bev"))
    assert (one.boot, one.default, one.memory.stack) == ("BCV", True, 2048)
    assert (two.boot, two.default, two.memory.stack) == ("BEV", False, 1024)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "parnt"\n', "x.toml:1: there is no file 'parnt.toml' to extend, did you mean"),
        ("extends = 1\n", "x.toml:1: 'extends' is 1, give a string"),
        ('\nextends = "x"\n', "x.toml:2: 'extends' goes in a circle: x -> x"),
        ('abstract = true\n[[variant]]\nnic = "e1000"\n', "x.toml:1: an abstract file makes no"),
        ('[[variant]]\nextends = "parent"\n', "x.toml:2: 'extends' is no key of a variant"),
        ("[[variant]]\nnic = []\n", "x.toml:2: 'nic' is an empty array"),
        ('[[variant]]\nname = "a-{nik}"\n', "x.toml:2: unknown placeholder '{nik}', did you mean"),
        ('[[variant]]\nname = "A"\n', "x.toml:2: 'name' cannot be 'A', give small letters"),
        ('variant = "a"\n', "x.toml:1: 'variant' is 'a', give an array"),
    ],
)
def test_mistakes_in_a_file(tiny_project: Project, text: str, message: str) -> None:
    write(tiny_project, x=text)
    with pytest.raises(RomgenError) as caught:
        names(tiny_project.layouts, NAMES, tiny_project.root)
    assert str(caught.value).startswith("layouts/" + message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("memory.stak = 1024", ":4: unknown key 'stak', did you mean 'stack'?"),
        ('memory.stack = ["x"]', ":4: 'stack' is ['x'], give a whole number"),
        ('product = "{nci}"', ":4: unknown placeholder '{nci}', did you mean '{nic}'?"),
        (f'product = "{"x" * 60}{{nic}}"', ":4: length of 'product' is 65, at most 63"),
        ("size_max = 4095", ":4: 'size_max' is 4095, give a multiple of 512"),
        ('default = "yes"', ":4: 'default' is 'yes', give true or false"),
    ],
)
def test_mistakes_in_a_variant(tiny_project: Project, line: str, message: str) -> None:
    write(tiny_project, iscsi=f'extends = "parent"\n[[variant]]\nnic = "e1000"\n{line}\n')
    with pytest.raises(RomgenError) as caught:
        load(tiny_project, "iscsi-e1000")
    assert str(caught.value).startswith("layouts/iscsi.toml" + message)


def test_mistake_of_the_parent_stands_there(tiny_project: Project) -> None:
    write(tiny_project, iscsi='extends = "parent"\n[[variant]]\nnic = "e1000"\n')
    (tiny_project.layouts / "parent.toml").write_text(PARENT.replace("4096", "4097"))
    with pytest.raises(RomgenError) as caught:
        load(tiny_project, "iscsi-e1000")
    assert caught.value.where == "layouts/parent.toml:5"


def test_two_of_one_name(tiny_project: Project) -> None:
    text = 'extends = "parent"\n[[variant]]\nnic = "e1000"\n[[variant]]\nnic = "e1000"\n'
    write(tiny_project, iscsi=text)
    with pytest.raises(RomgenError) as caught:
        names(tiny_project.layouts, NAMES, tiny_project.root)
    assert str(caught.value).startswith(
        "layouts/iscsi.toml:4: a second layout 'iscsi-e1000', the first is at layouts/iscsi.toml:2"
    )


def test_missing_key_is_told_at_the_image(tiny_project: Project) -> None:
    write(tiny_project, iscsi='extends = "parent"\n[[variant]]\nname = "iscsi-x"\n')
    with pytest.raises(RomgenError, match=r"iscsi\.toml:2: key 'nic' is missing"):
        load(tiny_project, "iscsi-x")


def test_a_file_is_no_layout(tiny_project: Project) -> None:
    write(tiny_project, iscsi='extends = "parent"\n[[variant]]\nnic = "e1000"\n')
    with pytest.raises(RomgenError, match="'iscsi' is no layout itself, it makes iscsi-e1000"):
        load(tiny_project, "iscsi")
    with pytest.raises(RomgenError, match="'parent' is no layout itself, it is abstract"):
        load(tiny_project, "parent")


def test_ours() -> None:
    project = Project()
    nics = load_nics(project.tables / "nics.toml", project.root)
    layouts = {one.name: one for one in load_layouts(project.layouts, nics, project.root)}
    assert {f"iscsi-{name}" for name in nics} | {"iscsi-universal"} <= layouts.keys()
    assert [name for name, one in layouts.items() if one.default] == ["iscsi-e1000"]


def test_the_reference_is_up_to_date() -> None:
    text = layout_help.PAGE.read_text(encoding="utf-8")
    assert layout_help.page(text) == text
    keys = {name: key for _, table in layout_help.TABLES for name, key in table.items()}
    assert [name for name, key in keys.items() if not key.doc] == []


def test_every_adapter_that_is_not_named(tiny_project: Project) -> None:
    text = 'extends = "parent"\n[[variant]]\nnic = "*"\n'
    write(tiny_project, iscsi=text)
    nics = load_nics(tiny_project.tables / "nics.toml", tiny_project.root)
    assert names(tiny_project.layouts, nics) == ["iscsi-e1000", "iscsi-other"]
    text += '[[variant]]\nnic = "e1000"\nname = "iscsi-e1000-one"\n'
    write(tiny_project, iscsi=text)
    assert names(tiny_project.layouts, nics) == ["iscsi-e1000-one", "iscsi-other"]


def test_the_adapters_own_number_of_buffers(tiny_project: Project) -> None:
    text = 'extends = "parent"\n[[variant]]\nnic = "*"\n'
    write(tiny_project, iscsi=text)
    table = tiny_project.tables / "nics.toml"
    table.write_text(table.read_text() + "rx_frames = 9\n")  # of the last row
    assert load(tiny_project, "iscsi-other").memory.rx_frames == 9
    assert load(tiny_project, "iscsi-e1000").memory.rx_frames == 16
    write(tiny_project, iscsi=text + "memory.rx_frames = 5\n")
    table.write_text(table.read_text() + "rx_frames = 9\n")
    assert load(tiny_project, "iscsi-other").memory.rx_frames == 5
