"""memtest86+, loaded by syslinux from a FAT partition."""

from __future__ import annotations

import shutil
from pathlib import Path

from romgen.boot.loaders import PART_FIRST, syslinux_disk
from romgen.boot.process import run_tool
from romgen.systems.cache import cached
from romgen.systems.image import SECTOR
from romgen.systems.packages import candidate, unpacked
from romgen.systems.recipe import recipe

PACKAGE = "memtest86+"
BINARY = "boot/memtest86+x64.bin"
VERSION = 1


def memtest_disk() -> Path:
    """The disk. Do not write to it."""
    menu = recipe("memtest/syslinux.cfg")

    def make(folder: Path) -> None:
        binary = unpacked(PACKAGE) / BINARY
        work = folder / "work"
        work.mkdir()
        image = syslinux_disk(work)
        drive = f"{image}@@{PART_FIRST * SECTOR}"
        (work / "menu").write_text(menu)
        run_tool(["mcopy", "-o", "-i", drive, str(work / "menu"), "::/syslinux.cfg"])
        run_tool(["mcopy", "-i", drive, str(binary), "::/memtest"])
        image.rename(folder / "disk.img")
        shutil.rmtree(work)

    return cached("memtest", f"{VERSION} {candidate(PACKAGE)} {menu}", make) / "disk.img"
