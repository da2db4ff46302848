"""Fixtures that every kind of test may use."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from romgen.project import ROOT, Project


@pytest.fixture
def tiny_project(tmp_path: Path) -> Project:
    """A copy of the tiny project with the real templates, to be built and broken freely."""
    root = tmp_path / "tiny"
    shutil.copytree(ROOT / "tests" / "python" / "tiny", root)
    templates = root / "layouts" / "templates"
    templates.mkdir()
    for path in (ROOT / "layouts" / "templates").iterdir():
        if not path.name.startswith("ev_"):  # the boot variables need the real ROM's parser
            shutil.copy(path, templates)
    return Project(root, root / "build")
