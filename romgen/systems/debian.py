"""Debian 12, minimal, whose root file system is on the iSCSI disk: built by debootstrap.

Nothing in it knows the target: GRUB loads kernel and initrd through INT 13h, Debian's own initramfs
(open-iscsi, `iscsi_auto`) logs in with what the iBFT says, the kernel mounts the root from there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from romgen.boot.process import run_tool
from romgen.errors import EXIT_TOOL, RomgenError
from romgen.systems.cache import cached
from romgen.systems.image import ext4_disk
from romgen.systems.recipe import put, recipe

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
PACKAGES = ("linux-image-amd64", "initramfs-tools", "zstd", "open-iscsi", "systemd-sysv", "udev",
            "iproute2", "kmod", "e2fsprogs", "fdisk", "grub-pc-bin", "grub2-common")  # fmt: skip
PATIENCE = 1800.0
DISK_MIB = 1536
DISK_ID = 0x1BF70001
LABEL = "romgen-root"
WRITTEN = "/romgen-was-here"
VERSION = 2
"""Of what this module does: part of the cache's key."""
LOCAL = "romgen-local"
"""Label of the disk that an installation starts from."""
FILES = {
    "boot/grub/grub.cfg": "grub.cfg",
    "boot/grub/installed.cfg": "grub.cfg",
    "etc/fstab": "fstab",
    "etc/systemd/system/romgen-install.service": "romgen-install.service",
    "etc/systemd/system/romgen-report.service": "romgen-report.service",
    "usr/local/sbin/romgen-install": "romgen-install",
    "usr/local/sbin/romgen-report": "romgen-report",
}
"""Place in the system -> name in qemu/systems/debian/."""
UNITS = ("romgen-report.service", "romgen-install.service")


def mirror() -> str:
    """Where Debian comes from: `$ROMGEN_DEBIAN_MIRROR`, else deb.debian.org."""
    return os.environ.get("ROMGEN_DEBIAN_MIRROR") or MIRROR


def debian_root(packages: tuple[str, ...] = PACKAGES) -> Path:
    """A folder with a minimal Debian and `packages`. Do not change its files. Error: not root."""

    def make(folder: Path) -> None:
        if os.geteuid() != 0:
            raise RomgenError(
                "need-root", "debootstrap", "needs root", "run as root", status=EXIT_TOOL
            )
        root = folder / "root"
        run_tool(["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", SUITE,
                  str(root), mirror()], timeout=PATIENCE)  # fmt: skip
        for each in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man",
                     "usr/share/locale"):  # fmt: skip
            shutil.rmtree(root / each, ignore_errors=True)
            (root / each).mkdir(parents=True)

    return cached("debian-root", f"1 {SUITE} {packages}", make) / "root"


def our_files(root: str = LABEL) -> dict[str, str]:
    """The files of ours for a system whose root has the label `root`."""
    values = {"LABEL": LABEL, "LOCAL": LOCAL, "WRITTEN": WRITTEN, "DISK_ID": f"{DISK_ID:#x}"}
    files = {place: recipe(f"debian/{name}", **values) for place, name in FILES.items()}
    if root == LOCAL:
        files["boot/grub/grub.cfg"] = recipe("debian/local.cfg", **values)
        files["etc/fstab"] = recipe("debian/fstab", LABEL=LOCAL)
    return files


def disk_of(
    name: str,
    root: Callable[[], Path],
    key: str,
    files: Mapping[str, str],
    units: Sequence[str] = UNITS,
    *,
    label: str = LABEL,
) -> Path:
    """The disk with the system `root()` and `files` and `units` of ours. Do not write to it.

    key: changes whenever the system does
    """

    def make(folder: Path) -> None:
        tree = folder / "tree"
        run_tool(["cp", "-al", str(root()), str(tree)], timeout=PATIENCE)
        for place, text in files.items():
            put(tree / place, text, 0o755 if text.startswith("#!") else 0o644)
        put(tree / "etc/hostname", "romgen-guest\n")
        wants = tree / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        for unit in units:
            (wants / unit).symlink_to(f"../{unit}")
        # Its prompt would stand before a line of ours.
        (tree / "etc/systemd/system/serial-getty@.service").symlink_to("/dev/null")
        ext4_disk(folder / "disk.img", tree, DISK_MIB, disk_id=DISK_ID, label=label)
        shutil.rmtree(tree)

    return cached(name, f"{VERSION} {key} {files} {units} {DISK_MIB}", make) / "disk.img"


def debian_disk() -> Path:
    """The disk whose root is on the target. Do not write to it."""
    return disk_of("debian", debian_root, f"{PACKAGES}", our_files())


def local_disk() -> Path:
    """A local disk with the same system, which installs itself on what the iBFT names."""
    return disk_of("debian-local", debian_root, f"{PACKAGES}", our_files(LOCAL), label=LOCAL)
