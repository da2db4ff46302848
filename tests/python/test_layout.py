"""A mistake in a layout or a table is reported with its line and the way out."""

from __future__ import annotations

import pytest

from romgen.catalog import PciId, load_errors, load_nics
from romgen.errors import RomgenError
from romgen.layout import KEYS, load_layout, load_layouts
from romgen.project import Project

LAYOUT = "layouts/iscsi-e1000.toml"


def load(project: Project) -> object:
    nics = load_nics(project.tables / "nics.toml", project.root)
    return load_layout(project.layouts, "iscsi-e1000", nics, project.root)


def edit(project: Project, name: str, old: str, new: str) -> None:
    path = project.root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("stack = 1024", "stak = 1024", ":9: unknown key 'stak', did you mean 'stack'?"),
        ("[memory]", "[memry]", ":8: unknown key 'memry', did you mean 'memory'?"),
        ("product =", "xyzzy =", ":4: unknown key 'xyzzy', known are: " + ", ".join(KEYS)),
        ("stack = 1024", 'stack = "big"', ":9: 'stack' is 'big', give a whole number"),
        ("stack = 1024", "stack = true", ":9: 'stack' is true, give a whole number"),
        ("stack = 1024", "stack = 12", ":9: 'stack' is 12, at least 1024"),
        ("capacity = 64", "capacity = 4097", ":12: 'capacity' is 4097, at most 4096"),
        ("4096", "4097", ":6: 'size_max' is 4097, give a multiple of 512"),
        ('"e1000"', '"e100"', ":3: unknown adapter 'e100', did you mean 'e1000'?"),
        ('"e1000"', '"zzz"', ":3: unknown adapter 'zzz', known are: e1000"),
        ('"iscsi"', '"iscsy"', ":1: 'kind' cannot be 'iscsy', did you mean 'iscsi'?"),
        ('"tiny ROM"', '"tiny\\tROM"', ":4: 'product' cannot be 'tiny\\tROM', give printable"),
        ('"tiny ROM"', '""', ":4: 'product' cannot be ''"),
        ('"tiny ROM"', f'"{"x" * 64}"', ":4: length of 'product' is 64, at most 63"),
        ("default = true", "default = 1", ":2: 'default' is 1, give true or false"),
        ('kind = "iscsi"\n', "", ":1: key 'kind' is missing"),
        ("[memory]", "[memory", ":8: expected ']'"),
        ("[memory]\nstack = 1024", "memory = 1", ":8: 'memory' is 1, give a table"),
    ],
)
def test_mistakes(tiny_project: Project, old: str, new: str, message: str) -> None:
    edit(tiny_project, LAYOUT, old, new)
    with pytest.raises(RomgenError) as caught:
        load(tiny_project)
    assert str(caught.value).startswith(LAYOUT + message)
    assert caught.value.status == 2


def test_layout_has_the_name_of_its_adapter(tiny_project: Project) -> None:
    (tiny_project.root / LAYOUT).rename(tiny_project.layouts / "iscsi-other.toml")
    nics = load_nics(tiny_project.tables / "nics.toml")
    with pytest.raises(RomgenError, match=r"iscsi-other'.*\bname it 'iscsi-e1000'"):
        load_layout(tiny_project.layouts, "iscsi-other", nics, tiny_project.root)


def test_unknown_layout(tiny_project: Project) -> None:
    with pytest.raises(RomgenError, match="did you mean 'iscsi-e1000'"):
        load_layout(tiny_project.layouts, "iscsi-e100", {}, tiny_project.root)


def test_unreadable_layout(tiny_project: Project) -> None:
    (tiny_project.root / LAYOUT).write_bytes(b"kind = '\xff'\n")
    with pytest.raises(RomgenError, match="not UTF-8"):
        load(tiny_project)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"8086:100c"', '"8086:100e"', ":5: 8086:100e is already an id of 'e1000'"),
        ('"8086:100c"', '"8086-100e"', ":5: '8086-100e' is no PCI id, give 8086:100e"),
        ('["8086:100e", "8086:100c"]', "[]", ":5: 'ids' is empty"),
        ('["8086:100e", "8086:100c"]', "[1]", ":5: 'ids' holds 1, each element is a string"),
        ('driver = "e1000"', 'driver = "../x"', ":3: 'driver' cannot be '../x'"),
        ('"e1000"\n', '"e1000"\ndrivr = "x"\n', ":3: unknown key 'drivr', did you mean 'driver'?"),
    ],
)
def test_adapter_mistakes(tiny_project: Project, old: str, new: str, message: str) -> None:
    edit(tiny_project, "romgen/tables/nics.toml", old, new)
    with pytest.raises(RomgenError) as caught:
        load(tiny_project)
    assert str(caught.value).startswith("romgen/tables/nics.toml" + message)


def test_adapter_ids(tiny_project: Project) -> None:
    nic = load_nics(tiny_project.tables / "nics.toml")["e1000"]
    assert nic.ids == (PciId(0x8086, 0x100E), PciId(0x8086, 0x100C))
    assert str(nic.pci) == "8086:100e"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("number = 1001", "number = 3012", ":10: number 3012 is already used, see "),
        ('"FIRST"', '"SECOND"', ":10: name SECOND is already used, see "),
        ('"ip"', '"ipv4"', ":6: 'detail' cannot be 'ipv4', did you mean 'ip'?"),
        ("1001", "999", ":10: 'number' is 999, at least 1000"),
        ('"first in order"', '"\u00fc"', ":12: 'text' cannot be '\u00fc', give printable ASCII"),
        ('name = "FIRST"\n', "", ":9: key 'name' is missing in [error.1]"),
    ],
)
def test_error_table_mistakes(tiny_project: Project, old: str, new: str, message: str) -> None:
    edit(tiny_project, "romgen/tables/errors/tiny.toml", old, new)
    with pytest.raises(RomgenError) as caught:
        load_errors(tiny_project.tables / "errors", tiny_project.root)
    assert str(caught.value).startswith("romgen/tables/errors/tiny.toml" + message)


def test_real_layouts_and_tables() -> None:
    project = Project()
    nics = load_nics(project.tables / "nics.toml", project.root)
    layouts = load_layouts(project.layouts, nics, project.root)
    assert any(layout.default for layout in layouts)
    assert load_errors(project.tables / "errors", project.root)
