"""Our ROM over a UNDI that none of us wrote: iPXE's, of Debian. Each adapter: `make test-nics`."""

from __future__ import annotations

from pathlib import Path

from romgen.boot.foreign import IPXE_ROMS, foreign_build
from romgen.boot.nics import Subject, read_in_order
from romgen.project import Project

SECTORS = 2048


def test_a_disk_over_ipxes_undi(project: Project, device: str, tmp_path: Path) -> None:
    rom = foreign_build(project, tmp_path, "e1000", IPXE_ROMS["e1000"]).rom
    cell = read_in_order(Subject("e1000", device, rom), tmp_path, SECTORS, None)
    assert cell.ok, cell.detail
