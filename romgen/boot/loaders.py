"""Disks made by other people's tools, as plain files: GRUB (i386-pc) and syslinux.

Both are images with one FAT partition; no mount, no loop device, no root.
"""

from __future__ import annotations

import hashlib
import random
import struct
from pathlib import Path

from romgen.boot.pattern import SECTOR
from romgen.boot.process import run_tool
from romgen.errors import EXIT_TOOL, RomgenError

DISK_SECTORS = 32 * 2048
PART_FIRST = 2048
PART_FAT16_LBA = 0x0E
HEADS, SPT = 16, 63
TABLE = 0x1BE
MBR_CODE = 440
MAGIC = b"\x55\xaa"

GRUB = Path("/usr/lib/grub/i386-pc")
SYSLINUX_MBR = Path("/usr/lib/syslinux/mbr/mbr.bin")
GRUB_MODULES = (
    *("biosdisk", "part_msdos", "fat", "normal", "configfile", "echo"),
    *("hashsum", "gcry_sha256", "test"),
)
GRUB_TITLE = "romgen test entry"
GRUB_HASH_OK = "romgen: hash is right"
SYSLINUX_SAY = "romgen syslinux test"
PAYLOAD = 2 * 1024 * 1024


def _file(path: Path, package: str) -> bytes:
    if not path.is_file():
        raise RomgenError(
            "tool-missing",
            str(path),
            "not installed",
            f"run: apt-get install --no-install-recommends {package}",
            status=EXIT_TOOL,
        )
    return path.read_bytes()


def _chs(lba: int) -> bytes:
    cylinder, rest = divmod(lba, HEADS * SPT)
    head, sector = divmod(rest, SPT)
    return bytes([head, (sector + 1) | (cylinder >> 8) << 6, cylinder & 0xFF])


def _partition_table() -> bytes:
    """One active FAT16 partition that ends with a cylinder; 64 bytes and the magic."""
    end = DISK_SECTORS // (HEADS * SPT) * HEADS * SPT
    entry = struct.pack(
        "<B3sB3sII",
        0x80,
        _chs(PART_FIRST),
        PART_FAT16_LBA,
        _chs(end - 1),
        PART_FIRST,
        end - PART_FIRST,
    )
    return entry.ljust(64, b"\0") + MAGIC


def _blank(path: Path, boot_code: bytes) -> str:
    """An image with boot code, table and empty FAT; returns mtools' name of the partition."""
    with path.open("wb") as image:
        image.truncate(DISK_SECTORS * SECTOR)
        image.write(boot_code[:TABLE].ljust(TABLE, b"\0") + _partition_table())
    drive = f"{path}@@{PART_FIRST * SECTOR}"
    size = DISK_SECTORS // (HEADS * SPT) * HEADS * SPT - PART_FIRST
    run_tool(["mformat", "-i", drive, "-T", str(size), "-h", str(HEADS), "-s", str(SPT),
              "-H", str(PART_FIRST), "::"])  # fmt: skip
    return drive


def grub_disk(folder: Path) -> Path:
    """A disk with GRUB in the gap behind the boot record, its menu and a 2 MiB file on the FAT.

    The menu's only entry checks the file's SHA-256 with GRUB's own hashsum.
    """
    image = folder / "grub.img"
    boot = _file(GRUB / "boot.img", "grub-pc-bin")
    drive = _blank(image, boot)
    payload = random.Random(1).randbytes(PAYLOAD)
    (folder / "payload").write_bytes(payload)
    (folder / "sums").write_text(f"{hashlib.sha256(payload).hexdigest()}  payload\n")
    (folder / "grub.cfg").write_text(
        "set timeout=1\n"
        f'menuentry "{GRUB_TITLE}" {{\n'
        "  if hashsum --hash sha256 --check /sums --prefix / ; then\n"
        f'    echo "{GRUB_HASH_OK}"\n'
        "  else\n"
        '    echo "romgen: hash is wrong"\n'
        "  fi\n"
        "  sleep 60\n"
        "}\n"
    )
    run_tool(["mmd", "-i", drive, "::/boot", "::/boot/grub"])
    run_tool(["mcopy", "-i", drive, str(folder / "grub.cfg"), "::/boot/grub/grub.cfg"])
    run_tool(["mcopy", "-i", drive, str(folder / "payload"), str(folder / "sums"), "::/"])
    core = folder / "core.img"
    run_tool(["grub-mkimage", "-O", "i386-pc", "-p", "(hd0,msdos1)/boot/grub",
              "-o", str(core), *GRUB_MODULES])  # fmt: skip
    with image.open("r+b") as disk:
        disk.seek(SECTOR)  # diskboot.img, the start of core.img, expects the rest at sector 2
        disk.write(core.read_bytes())
    return image


def syslinux_disk(folder: Path) -> Path:
    """A disk with syslinux on an active FAT partition and syslinux's own boot record."""
    image = folder / "syslinux.img"
    drive = _blank(image, _file(SYSLINUX_MBR, "syslinux-common")[:MBR_CODE])
    config = folder / "syslinux.cfg"
    config.write_text(f"SAY {SYSLINUX_SAY}\nPROMPT 1\nTIMEOUT 0\nDEFAULT none\n")
    run_tool(["mcopy", "-i", drive, str(config), "::/syslinux.cfg"])
    run_tool(["syslinux", "--install", "--offset", str(PART_FIRST * SECTOR), str(image)])
    return image
