"""The pages in docs/commands are what the commands' own help says."""

from __future__ import annotations

import pytest

from romgen.cli import COMMANDS
from romgen.command_help import MARK, page
from romgen.project import ROOT
from romgen.rules.render import rules_page


@pytest.mark.parametrize("name", COMMANDS)
def test_page_is_current(name: str) -> None:
    written = (ROOT / "docs" / "commands" / f"{name}.md").read_text()
    assert written == page(name), "run: python -m romgen.command_help"


def test_no_page_without_a_command() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "commands").glob("*.md")}
    assert pages - set(COMMANDS) <= {"rules"}


def test_rules_page_is_current() -> None:
    written = (ROOT / "docs" / "commands" / "rules.md").read_text()
    assert written == rules_page(MARK), "run: python -m romgen.command_help"
