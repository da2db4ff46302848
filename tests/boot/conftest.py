"""Fixtures of the boot tests: the ROM under test, a machine without it, disks."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot.run import qemu_device
from romgen.boot.scenario import Outcome, load, play
from romgen.build import build
from romgen.project import ROOT, Project

LAYOUT = "iscsi-e1000"
NIC = "e1000"


@pytest.fixture(scope="session")
def project() -> Project:
    return Project(ROOT)


@pytest.fixture(scope="session")
def rom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layout's ROM, built into a folder of this session's own."""
    return build(Project(ROOT, tmp_path_factory.mktemp("build")), LAYOUT).rom


@pytest.fixture(scope="session")
def device(project: Project) -> str:
    """QEMU's name of the adapter."""
    return qemu_device(project, NIC)


@pytest.fixture(scope="session")
def clean_machine(project: Project, device: str) -> Outcome:
    """What the facts program sees with an empty ROM socket."""
    return play(load(project, "target-closed"), None, device)
