"""System 2: GRUB reads 64 MiB and finds their SHA-256 right."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from romgen.project import Project
from romgen.systems.grub import RIGHT, grub_disk
from romgen.systems.run import SystemBoot, boot_system, record


@pytest.mark.ci
def test_a_large_file_is_read_as_it_is(project: Project, rom: Path, device: str) -> None:
    begin = time.monotonic()
    disk = grub_disk()
    built = time.monotonic() - begin
    before = disk.stat().st_mtime_ns
    booted = boot_system(project, rom, device, SystemBoot("grub", disk, 400, memory_mib=128))
    assert booted.lines[-3:] == [RIGHT, "@shot", "@done"], booted.run.console.text
    assert booted.messages == []
    assert disk.stat().st_mtime_ns == before
    record(project, "grub", "GRUB: SHA-256 of a 64 MiB file", booted, build=built)
