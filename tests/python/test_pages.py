"""What a user reads is whole: each boot variable, each error number."""

from __future__ import annotations

import re

import pytest

from romgen.catalog import ErrorEntry, load_errors
from romgen.ev.table import WITH_RANGE, Variable, table
from romgen.project import Project

PROJECT = Project()
ERRORS = load_errors(PROJECT.tables / "errors", PROJECT.root)
WORDS = 8
"""Of an explanation that says more than the error's own line."""
WITH_CHOICES_ALONE = ("enum", "bool", "algorithms")


def below(page: str, heading: str) -> str:
    """What stands between a heading of the third level and the next heading."""
    text = (PROJECT.root / "docs" / page).read_text(encoding="utf-8")
    found = re.search(rf"^### {heading}\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no {heading}"
    return found[1]


def told(name: str, what: str) -> str:
    """What the page says of a variable; "As OTHER." is what it says there."""
    text = below("guide/variables.md", re.escape(name))
    found = re.search(rf"^- {what}: (.+)$", text, re.MULTILINE)
    assert found, f"{name} has no '{what}'"
    other = re.fullmatch(r"As (\w+)\.", found[1])
    return told(other[1], what) if other else found[1]


@pytest.mark.parametrize("row", list(table()), ids=lambda row: row.name)
def test_each_variable(row: Variable) -> None:
    """What it does, its range, its default, what happens when it does not fit."""
    text = below("guide/variables.md", re.escape(row.name))
    assert len(text.strip().splitlines()[0]) > 10  # what it does
    assert len(told(row.name, "When it does not fit")) > 10
    assert re.search(r"^- (Default: .+|Required.*)\.", text, re.MULTILINE)
    value = told(row.name, "Value")
    if row.type in WITH_RANGE:
        numbers = re.findall(r"\d+", value.replace(",", ""))
        assert {str(row.low), str(row.high)} <= set(numbers)
    if row.type in WITH_CHOICES_ALONE:
        assert all(choice in value for choice in row.choices)


@pytest.mark.parametrize("entry", ERRORS, ids=lambda entry: str(entry.number))
def test_each_error(entry: ErrorEntry) -> None:
    """What to check first, and more than that."""
    text = below("errors.md", f"RG-{entry.number} .*?")
    first = re.search(r"^Check first: (.+)\.$", text, re.MULTILINE)
    assert first and first[1] == entry.check and entry.check
    assert len(text.partition(first[0])[2].split()) >= WORDS
