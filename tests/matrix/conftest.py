"""The ROM under test, the order of the tests, and the table of what came of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from romgen.boot.matrix import Results
from romgen.boot.run import qemu_device
from romgen.build import build
from romgen.project import ROOT, Project

LAYOUT = "iscsi-e1000"
NIC = "e1000"
LONG = ("test_menu", "test_lio")
"""Files whose tests keep one process busy for long: they begin first."""

_results = Results()


@pytest.fixture(scope="session")
def rom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layout's ROM, built into a folder of this session's own."""
    return build(Project(ROOT, tmp_path_factory.mktemp("build")), LAYOUT).rom


@pytest.fixture(scope="session")
def device() -> str:
    """QEMU's name of the adapter."""
    return qemu_device(Project(ROOT), NIC)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, each in its order."""
    items.sort(key=lambda item: item.path.stem not in LONG)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Runs in every process; with xdist the controller sees all reports."""
    if report.when == "call" or report.failed:
        _results.add(dict(report.user_properties), report.passed)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The controller (or the only process) writes the table."""
    if not os.environ.get("PYTEST_XDIST_WORKER") and (_results.cells or _results.menus):
        _results.write()
