"""Every boot program through every adapter's network boot: `make test-netboot`."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot import netboot
from romgen.build import build
from romgen.catalog import Nic, load_nics
from romgen.project import ROOT, Project

NICS = [nic for nic in load_nics(Project(ROOT).tables / "nics.toml").values() if nic.qemu]


@pytest.fixture(scope="module", params=NICS, ids=lambda nic: nic.name)
def nic(request: pytest.FixtureRequest) -> Nic:
    found = request.param
    assert isinstance(found, Nic)
    return found


@pytest.fixture(scope="module", params=["pxe", "dual"])
def rom(request: pytest.FixtureRequest, nic: Nic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    return build(Project(ROOT, folder), f"{request.param}-{nic.name}").rom


@pytest.mark.parametrize("loader", list(netboot.LOADERS))
def test_boot(nic: Nic, rom: Path, loader: str, tmp_path: Path) -> None:
    result = netboot.boot(rom, nic.qemu, loader, tmp_path, netboot.PXE_EV)
    assert result.ok, result.run.console.text
