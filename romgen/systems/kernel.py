"""Debian's kernel with busybox: shows in /sys what it made of the iBFT and of the BIOS's EDD."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from romgen.boot.process import find_tool
from romgen.systems.cache import cached
from romgen.systems.cpio import archive
from romgen.systems.image import ext4_disk
from romgen.systems.packages import candidate, kernel_package, unpacked
from romgen.systems.recipe import put, recipe

MODULES = ("iscsi_boot_sysfs", "iscsi_ibft", "edd", "failover", "net_failover", "e1000")
"""In the order of their loading."""
DISK_MIB = 64
DISK_ID = 0x1BF70004
BUSYBOX = "busybox-static"
LAST_MESSAGE = "reboot: Power down"
"""Of the kernel, where the messages' disk has booted."""
VERSION = 1
"""Of what this module does: part of the cache's key."""


def initrd(kernel: Path, busybox: Path) -> bytes:
    """busybox, the modules and the script."""
    files: dict[str, tuple[int, bytes]] = {"bin/busybox": (0o755, busybox.read_bytes())}
    found = []
    for name in MODULES:
        for path in kernel.glob(f"lib/modules/*/kernel/**/{name}.ko*"):
            files[f"modules/{name}.ko"] = (0o644, plain_module(path))
            found.append(name)
    files["init"] = (0o755, recipe("kernel/init", MODULES=" ".join(found)).encode())
    return archive(files)


def plain_module(path: Path) -> bytes:
    """A module without its compression."""
    if path.suffix == ".xz":
        return subprocess.run([find_tool("xz"), "-dc", str(path)], capture_output=True, check=True,
                              timeout=60).stdout  # fmt: skip
    return path.read_bytes()


def kernel_disk() -> Path:
    """The disk: GRUB, the kernel, the first file system; nothing else. Do not write to it."""
    init = recipe("kernel/init", MODULES=MODULES)
    return _disk("kernel", recipe("kernel/grub.cfg"), init, initrd)


def messages_disk() -> Path:
    """The same with a system that tells its kernel's messages and goes. Do not write to it."""
    init = recipe("kernel/messages")

    def first(kernel: Path, busybox: Path) -> bytes:
        script = 0o755, init.encode()
        return archive({"bin/busybox": (0o755, busybox.read_bytes()), "init": script})

    return _disk("messages", recipe("kernel/messages.cfg"), init, first)


def _disk(name: str, menu: str, init: str, first: Callable[[Path, Path], bytes]) -> Path:
    """The disk with a menu; first: makes the first file system of kernel and busybox."""
    package = kernel_package()
    key = f"{VERSION} {package} {candidate(package)} {candidate(BUSYBOX)} {menu} {init}"

    def make(folder: Path) -> None:
        kernel, busybox = unpacked(package), unpacked(BUSYBOX)
        tree = folder / "tree"
        put(tree / "boot/grub/grub.cfg", menu)
        (image,) = kernel.glob("boot/vmlinuz-*")
        shutil.copyfile(image, tree / "vmlinuz")
        (tree / "initrd").write_bytes(first(kernel, busybox / "bin" / "busybox"))
        ext4_disk(folder / "disk.img", tree, DISK_MIB, disk_id=DISK_ID)
        shutil.rmtree(tree)

    return cached(name, key, make) / "disk.img"
