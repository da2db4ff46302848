"""Every key of a TOML text is found on its line."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from romgen.toml_locator import KeyPath, locate


def paths(value: Any, path: KeyPath = ()) -> list[KeyPath]:
    """Every key path of a parsed TOML document, down to the tables in arrays of tables."""
    found: list[KeyPath] = []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += [(*path, key), *paths(inner, (*path, key))]
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for index, inner in enumerate(value):
            found += [(*path, index), *paths(inner, (*path, index))]
    return found


TEXT = '''# a comment with key = 1
top = 1
"quoted key" = "x # no comment"

[table]
text = """
inside = 1
[not.a.table]
"""
list = [
    "a]", # ]
    'b',
]
dotted.name.deep = 3

[[row]]
name = "first"
[row.sub]
x = 1
[[row]]
name = "second"
[row.sub]
x = 2
[[row.inner]]
y = 1
[[row.inner]]
y = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("quoted key",), 3),
        (("table",), 5),
        (("table", "text"), 6),
        (("table", "list"), 10),
        (("table", "dotted", "name", "deep"), 14),
        (("row", 0), 16),
        (("row", 0, "sub", "x"), 19),
        (("row", 1, "name"), 21),
        (("row", 1, "sub", "x"), 23),
        (("row", 1, "inner", 1, "y"), 27),
    ],
)
def test_lines(path: KeyPath, line: int) -> None:
    assert locate(TEXT)[path] == line


def test_every_path_is_located() -> None:
    located = locate(TEXT)
    assert [path for path in paths(tomllib.loads(TEXT)) if path not in located] == []


NAMES = st.sampled_from(["a", "b", "c", "d-e", '"f g"'])
VALUES = st.sampled_from(['1', '"s"', "'t'", '[1, "]"]', '"""x\n[y]\nz = 1\n"""', "true # = 3"])


@given(st.lists(st.tuples(NAMES, st.lists(st.tuples(NAMES, VALUES)), st.booleans()), max_size=6))
def test_any_document(tables: list[tuple[str, list[tuple[str, str]], bool]]) -> None:
    lines: list[str] = []
    for name, keys, array in tables:
        lines.append(f"[[{name}]]" if array else f"[{name}]")
        lines += [f"{key} = {value}" for key, value in keys]
    text = "\n".join(lines)
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        locate(text)  # must end all the same
        return
    located = locate(text)
    shown = text.split("\n")
    for path in paths(parsed):
        key = str([part for part in path if isinstance(part, str)][-1])
        assert key in shown[located[path] - 1]
