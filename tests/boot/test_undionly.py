"""Other people's client on our UNDI: iPXE's undionly.kpxe. Each adapter: `make test-nics`."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot import chain
from romgen.boot.nics import Subject, undionly
from romgen.errors import RomgenError


def test_undionly_boots_over_our_undi(rom: Path, device: str, tmp_path: Path) -> None:
    cell = undionly(Subject("e1000", device, rom), tmp_path)
    assert cell.ok, cell.detail
    said = cell.detail
    assert "@ok not-yet" in said and "@ok int1a" in said  # before and after START_UNDI
    assert f"Filename: {chain.SCRIPT}" in said
    assert "using undionly on 0000:00:02.0" in said


def test_without_undionly(tmp_path: Path) -> None:
    with pytest.raises(RomgenError, match="not installed"):
        chain.chain_disk(tmp_path / "disk.img", tmp_path / "none.kpxe")
