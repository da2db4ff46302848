"""Fixtures of the tests with real operating systems (`make test-os`), and their table."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot.run import qemu_device
from romgen.build import build
from romgen.project import ROOT, Project, write_atomic
from romgen.systems.run import report_folder, table

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


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Rows of earlier runs are not this run's."""
    folder = report_folder(Project(ROOT))
    if not _is_worker(session.config) and folder.is_dir():
        for row in folder.glob("*.json"):
            row.unlink()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the table of what has run."""
    if not _is_worker(session.config):
        project = Project(ROOT)
        write_atomic(report_folder(project) / "table.md", table(project))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write("\n" + table(Project(ROOT)))
