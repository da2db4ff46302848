"""A system that uses its disk as DOS does, in real mode and under a memory manager.

Every adapter: tests/systems/test_dos_adapters.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot.disk import DosDisk
from romgen.boot.dos import dos_boot
from romgen.boot.run import qemu_device
from romgen.build import build
from romgen.project import ROOT, Project


def test_registers_in_memory(rom: Path, device: str) -> None:
    """Real mode works; virtual-8086 mode is refused at once, and the machine lives on."""
    booted = dos_boot(rom, device, DosDisk())
    assert booted.problems == [], booted.run.console.text


@pytest.mark.parametrize("nic", ["rtl8139"])
def test_registers_at_ports(nic: str, tmp_path: Path) -> None:
    rom = build(Project(ROOT, tmp_path), f"iscsi-{nic}").rom
    booted = dos_boot(rom, qemu_device(Project(ROOT), nic), DosDisk())
    assert booted.problems == [], booted.run.console.text
