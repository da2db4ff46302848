"""Disks made by other people's tools boot through the ROM."""

from __future__ import annotations

from pathlib import Path

from romgen.boot.loaders import GRUB_HASH_OK, GRUB_TITLE, SYSLINUX_SAY, grub_disk, syslinux_disk
from romgen.boot.run import BootRequest, boot
from romgen.project import Project


def test_grub_shows_its_menu_and_reads_a_file(project: Project, rom: Path, tmp_path: Path) -> None:
    request = BootRequest(rom, "e1000", disk=grub_disk(tmp_path), expect=GRUB_HASH_OK, timeout=90)
    report = boot(project, request)
    assert report.ok, report.line() + "\n" + report.console
    assert GRUB_TITLE in report.console


def test_syslinux_comes_to_its_prompt(project: Project, rom: Path, tmp_path: Path) -> None:
    request = BootRequest(rom, "e1000", disk=syslinux_disk(tmp_path), expect="boot:", timeout=90)
    report = boot(project, request)
    assert report.ok, report.line() + "\n" + report.console
    assert SYSLINUX_SAY in report.console
