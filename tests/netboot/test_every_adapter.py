"""Every boot program through every adapter's network boot: `make test-netboot`."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot import netboot
from romgen.build import build
from romgen.catalog import load_nics
from romgen.project import ROOT, Project

NICS = [nic for nic in load_nics(Project(ROOT).tables / "nics.toml").values() if nic.qemu]


@pytest.mark.parametrize("loader", list(netboot.LOADERS))
@pytest.mark.parametrize("kind", ["pxe", "dual"])
@pytest.mark.parametrize("nic", NICS, ids=lambda nic: nic.name)
def test_boot(nic: object, kind: str, loader: str, tmp_path: Path) -> None:
    name, device = getattr(nic, "name", ""), getattr(nic, "qemu", "")
    rom = build(Project(ROOT, tmp_path / "build"), f"{kind}-{name}").rom
    result = netboot.boot(rom, device, loader, tmp_path, netboot.PXE_EV)
    assert result.ok, result.run.console.text
