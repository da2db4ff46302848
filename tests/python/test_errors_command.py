"""`romgen errors`: every number is explained, and the page is up to date."""

from __future__ import annotations

import json

import pytest

from romgen.catalog import load_errors
from romgen.cli import main
from romgen.commands.errors import page
from romgen.project import Project

PROJECT = Project()
ENTRIES = load_errors(PROJECT.tables / "errors", PROJECT.root)


def test_the_page_is_up_to_date() -> None:
    text = (PROJECT.root / "docs" / "errors.md").read_text(encoding="utf-8")
    assert text == page(ENTRIES), "run: romgen errors --doc"


def test_every_number_stands_on_the_page() -> None:
    text = page(ENTRIES)
    assert all(f"### RG-{entry.number} " in text for entry in ENTRIES)


@pytest.mark.parametrize("spelling", ["RG-{}", "rg-{}", "{}"])
def test_one_number(capsys: pytest.CaptureFixture[str], spelling: str) -> None:
    entry = ENTRIES[0]
    assert main(["errors", spelling.format(entry.number)]) == 0
    out = capsys.readouterr().out
    assert entry.text in out and entry.check in out and entry.page.strip() in out


def test_all_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["errors", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [item["number"] for item in listed] == [entry.number for entry in ENTRIES]


def test_unknown_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["errors", "RG-0815"]) == 2
    assert "RG-0815" in capsys.readouterr().err
