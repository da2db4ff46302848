"""Debian's kernel with the drivers of all our adapters: it takes the adapter over from the ROM."""

from __future__ import annotations

import shutil
from pathlib import Path

from romgen.boot import ev
from romgen.catalog import load_nics
from romgen.project import Project
from romgen.systems.cache import cached
from romgen.systems.cpio import archive
from romgen.systems.image import ext4_disk
from romgen.systems.kernel import BUSYBOX, plain_module
from romgen.systems.packages import candidate, kernel_package, unpacked
from romgen.systems.recipe import put, recipe

Drivers = tuple[tuple[str, ...], ...]
"""The modules of each adapter; the first of them has its PCI ids."""
FILE = "file"
FILE_SIZE = 2 << 20
DISK_MIB = 64
DISK_ID = 0x7A4E0001
VERSION = 3
"""Of what this module does: part of the cache's key."""


def _info(content: bytes, name: str) -> list[str]:
    """The values that a module's information has for `name`."""
    start = f"{name}=".encode()
    entries = [entry for entry in content.split(b"\0") if entry.startswith(start)]
    return [entry.removeprefix(start).decode() for entry in entries]


def _modules(kernel: Path, drivers: Drivers) -> tuple[dict[str, bytes], list[str]]:
    """The drivers and what they need: name -> content; and a line `alias module...` for each id."""
    found = {
        path.name.partition(".ko")[0]: path
        for path in kernel.glob("lib/modules/*/kernel/**/*.ko*")
    }
    contents: dict[str, bytes] = {}

    def needed(name: str) -> list[str]:
        """`name` and what it needs, in the order of loading; built in: nothing."""
        if name not in found:
            return []
        if name not in contents:
            contents[name] = plain_module(found[name])
        words = ",".join(_info(contents[name], "depends")).split(",")
        before = [each for word in words if word for each in needed(_named(word, found))]
        return list(dict.fromkeys([*before, name]))

    lines: list[str] = []
    for names in drivers:
        order = dict.fromkeys(each for name in names for each in needed(name))
        ids = [alias for alias in _info(contents[names[0]], "alias") if alias.startswith("pci:")]
        lines += [f"{alias} {' '.join(order)}" for alias in ids]
    return contents, lines


def _named(word: str, found: dict[str, Path]) -> str:
    """A module's file name: `-` and `_` are the same to the kernel."""
    return next((name for name in found if name.replace("-", "_") == word.replace("-", "_")), word)


def takeover_disk(project: Project) -> Path:
    """The disk: GRUB, the kernel, the first file system. Do not write to it."""
    package = kernel_package()
    menu = recipe("takeover/grub.cfg")
    system = _System(project, "takeover/init")

    def make(folder: Path) -> None:
        tree = folder / "tree"
        put(tree / "boot/grub/grub.cfg", menu)
        system.put(tree)
        ext4_disk(folder / "disk.img", tree, DISK_MIB, disk_id=DISK_ID)
        shutil.rmtree(tree)

    return cached("takeover", f"{package} {menu} {system.key}", make) / "disk.img"


def raw_guest(project: Project) -> Path:
    """A folder with `vmlinuz` and `initrd`: reads from a port of the host what it is given.

    The port is the kernel's argument `romgen.port=`; it says @go before and @end behind.
    """
    system = _System(project, "takeover/raw")
    return cached("raw", system.key, system.put)


class _System:
    """Debian's kernel with busybox, the drivers and a script of qemu/systems."""

    def __init__(self, project: Project, script: str) -> None:
        self._package = kernel_package()
        words = {"IP": ev.GUEST_IP, "HOST": ev.HOST_IP, "FILE": FILE}
        self._init = recipe(script, ADAPTER=recipe("takeover/adapter", **words), **words)
        nics = load_nics(project.tables / "nics.toml", project.root)
        self._drivers = tuple(nic.modules for nic in nics.values() if nic.modules)
        versions = f"{candidate(self._package)} {candidate(BUSYBOX)}"
        self.key = f"{VERSION} {self._package} {versions} {self._init} {self._drivers}"

    def put(self, folder: Path) -> None:
        """Write `vmlinuz` and `initrd`."""
        kernel, busybox = unpacked(self._package), unpacked(BUSYBOX)
        modules, lines = _modules(kernel, self._drivers)
        files: dict[str, tuple[int, bytes]] = {
            "bin/busybox": (0o755, (busybox / "bin" / "busybox").read_bytes()),
            **{f"modules/{name}.ko": (0o644, content) for name, content in modules.items()},
            "drivers": (0o644, ("\n".join(lines) + "\n").encode()),
            "init": (0o755, self._init.encode()),
        }
        (image,) = kernel.glob("boot/vmlinuz-*")
        shutil.copyfile(image, folder / "vmlinuz")
        (folder / "initrd").write_bytes(archive(files))
