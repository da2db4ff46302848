"""GRUB alone: it reads a large file through INT 13h and checks its SHA-256 itself."""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path

from romgen.systems.cache import cached
from romgen.systems.image import MIB, ext4_disk
from romgen.systems.recipe import put, recipe

FILE_MIB = 64
DISK_MIB = 96
DISK_ID = 0x1BF70002
SEED = 2
RIGHT = "@hash is right"
WRONG = "@hash is wrong"


def grub_disk(menu_file: str = "grub.cfg") -> Path:
    """The disk with the file, its sum and a menu of qemu/systems/grub. Do not write to it."""
    menu = recipe(f"grub/{menu_file}", MIB=FILE_MIB, RIGHT=RIGHT, WRONG=WRONG)

    def make(folder: Path) -> None:
        tree = folder / "tree"
        put(tree / "boot/grub/grub.cfg", menu)
        content = random.Random(SEED).randbytes(FILE_MIB * MIB)
        (tree / "payload").write_bytes(content)
        (tree / "sums").write_text(f"{hashlib.sha256(content).hexdigest()}  payload\n")
        ext4_disk(folder / "disk.img", tree, DISK_MIB, disk_id=DISK_ID)
        shutil.rmtree(tree)

    return cached("grub", f"1 {menu} {FILE_MIB} {DISK_MIB} {SEED}", make) / "disk.img"
