"""System 5: a DOS-like program, in real and in virtual-8086 mode, through every adapter."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot.console import rom_messages
from romgen.boot.disk import MIB_SECTORS, DosDisk
from romgen.boot.dos import REACHED_BY_MEMORY, dos_boot
from romgen.boot.run import qemu_device
from romgen.build import build
from romgen.project import ROOT, Project
from romgen.systems.run import Booted, record, report_folder

NICS = ("e1000", "e1000e", "eepro100", "ne2k", "pcnet", "rtl8139", "virtio", "vmxnet3")
DISK = DosDisk(sectors=16 * MIB_SECTORS)


@pytest.mark.parametrize("nic", NICS)
def test_it_copies_files_under_a_memory_manager(project: Project, tmp_path: Path, nic: str) -> None:
    rom = build(Project(ROOT, tmp_path), f"iscsi-{nic}").rom
    device = qemu_device(project, nic)
    picture = report_folder(project) / f"dos-{nic}.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    booted = dos_boot(rom, device, DISK, timeout=400, picture=picture)
    text = booted.run.console.text
    assert booted.problems == [], text
    v86 = "refused at once" if device in REACHED_BY_MEMORY else "copies 4 MiB"
    messages = rom_messages(booted.run.console.lines)
    row = Booted(booted.run, [], booted.run.seconds, 0, messages, [picture])
    record(project, f"dos-{nic}", f"DOS-like program, {device}; under V86: {v86}", row)
