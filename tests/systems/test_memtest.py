"""System 3: syslinux loads memtest86+, which comes to its first screen and finds no error."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from romgen.project import Project
from romgen.systems.memtest import memtest_disk
from romgen.systems.run import SystemBoot, boot_system, record

SCREEN = r"Time:\s+0:00:0[2-9]"
END = r"Time:\s+0:00:[1-5]\d"
TITLE = re.compile(r"Memtest86\+ v\d")


def test_it_tests(project: Project, rom: Path, device: str, tmp_path: Path) -> None:
    begin = time.monotonic()
    disk = tmp_path / "disk.img"
    shutil.copyfile(memtest_disk(), disk)
    built = time.monotonic() - begin
    what = SystemBoot("memtest", disk, 300, memory_mib=64, shot=SCREEN, expect=END)
    booted = boot_system(project, rom, device, what)
    text = booted.run.console.text
    assert booted.run.ended == "expect", text
    assert TITLE.search(text) and "SYSLINUX" in text
    assert set(re.findall(r"Errors: (\d+)", text)) == {"0"}
    assert len(booted.pictures) == 1
    record(project, "memtest", "syslinux, memtest86+", booted, build=built)
