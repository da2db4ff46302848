"""A disk with one ext4 partition and GRUB (i386-pc), from a folder: no mount, no loop device."""

from __future__ import annotations

import struct
from pathlib import Path

from romgen.boot.loaders import GRUB
from romgen.boot.process import run_tool
from romgen.errors import EXIT_TOOL, RomgenError

SECTOR = 512
MIB = 1024 * 1024
PART_FIRST = MIB // SECTOR
PART_LINUX = 0x83
ACTIVE = 0x80
CHS_BEYOND = b"\xfe\xff\xff"
"""A place that cylinder, head and sector cannot name."""
DISK_ID_AT, TABLE_AT, MAGIC_AT = 0x1B8, 0x1BE, 0x1FE
FEATURES = "^64bit,^metadata_csum,^orphan_file,^metadata_csum_seed"
"""What GRUB 2.06 cannot read, and what only large disks need."""
MODULES = ("biosdisk", "part_msdos", "ext2", "normal", "linux", "configfile", "echo", "test",
           "hashsum", "gcry_sha256", "gcry_sha512", "search", "search_label", "serial", "sleep",
           "gzio", "linux16", "halt", "ls", "testspeed")  # fmt: skip
PATIENCE = 600.0


def ext4_disk(
    image: Path, tree: Path, size_mib: int, *, disk_id: int, label: str = "romgen"
) -> None:
    """Write `image`: a boot record with GRUB, and a file system with what is in `tree`.

    GRUB reads its menu from /boot/grub/grub.cfg of the file system. Owners and modes are those of
    the files in `tree`. Error: the tree does not fit (mke2fs says so).
    """
    boot = GRUB / "boot.img"
    if not boot.is_file():
        raise RomgenError(
            "tool-missing",
            str(boot),
            "not installed",
            "run: apt-get install --no-install-recommends grub-pc-bin",
            status=EXIT_TOOL,
        )
    core = image.with_suffix(".core")
    run_tool(["grub-mkimage", "-O", "i386-pc", "-p", "(hd0,msdos1)/boot/grub", "-o", str(core),
              *MODULES])  # fmt: skip
    sectors = size_mib * MIB // SECTOR
    record = bytearray(boot.read_bytes()[:SECTOR])
    record[DISK_ID_AT : DISK_ID_AT + 4] = disk_id.to_bytes(4, "little")
    entry = struct.pack("<B3sB3sII", ACTIVE, CHS_BEYOND, PART_LINUX, CHS_BEYOND, PART_FIRST,
                        sectors - PART_FIRST)  # fmt: skip
    record[TABLE_AT:MAGIC_AT] = entry.ljust(MAGIC_AT - TABLE_AT, b"\0")
    with image.open("wb") as disk:
        disk.truncate(sectors * SECTOR)
        disk.write(record + core.read_bytes())
    if core.stat().st_size > (PART_FIRST - 1) * SECTOR:
        raise RomgenError("image-core", str(core), "GRUB does not fit before the partition")
    core.unlink()
    run_tool(["mke2fs", "-q", "-F", "-t", "ext4", "-O", FEATURES, "-L", label, "-m", "0",
              "-E", f"offset={PART_FIRST * SECTOR}", "-d", str(tree), str(image),
              f"{(sectors - PART_FIRST) // 2}k"], timeout=PATIENCE)  # fmt: skip


def file_in(image: Path, path: str) -> bytes | None:
    """A file of the image's file system; None: it is not there."""
    copy = image.with_suffix(".file")
    copy.unlink(missing_ok=True)
    run_tool(["debugfs", "-R", f"dump {path} {copy}",
              f"{image}?offset={PART_FIRST * SECTOR}"], timeout=PATIENCE)  # fmt: skip
    if not copy.is_file():
        return None
    content = copy.read_bytes()
    copy.unlink()
    return content


def names_in(image: Path, folder: str) -> list[str]:
    """The names in a folder of the image's file system; none where it is not there."""
    listed = run_tool(["debugfs", "-R", f"ls -p {folder}",
                       f"{image}?offset={PART_FIRST * SECTOR}"], timeout=PATIENCE)  # fmt: skip
    fields = (line.split("/") for line in listed.splitlines())
    return sorted(each[5] for each in fields if len(each) > 6 and each[5] not in (".", ".."))
