"""The Linux kernel's own target, LIO, in a QEMU guest made of Debian's kernel and busybox.

No targetcli: the guest's script sets everything up in configfs. The guest and the initiator's QEMU
share a cable of unix datagram sockets; nothing else of the machine is reached.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from romgen.boot.process import start, stop
from romgen.errors import EXIT_BOOT, RomgenError
from romgen.systems.cache import cached
from romgen.systems.cpio import archive
from romgen.systems.kernel import BUSYBOX, plain_module
from romgen.systems.packages import candidate, kernel_package, unpacked
from romgen.systems.recipe import recipe

ADDRESS, PREFIX_LENGTH, PORT, LUN = "10.10.10.13", 24, 3260, 1
MODULES = ("virtio_pci", "virtio_net", "virtio_blk", "crc32c_generic", "crct10dif_generic",
           "configfs", "target_core_mod", "target_core_iblock", "iscsi_target_mod")  # fmt: skip
"""What the guest needs; what these depend on is found in the modules themselves."""
DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
VERSION = 1
"""Of what this module does: part of the cache's key."""
EMULATOR = "qemu-system-x86_64"
MEMORY_MIB = 256
PATIENCE = 300.0
"""Seconds until it serves: 10 on a quiet machine, far more where many systems boot at once."""
POLL = 0.05
CPU = "max"
"""With SSE 4.2 for CRC32C, and the random numbers that the kernel waits for."""


@dataclass(frozen=True, slots=True)
class LioTarget:
    """One target with one disk.

    auth: None or CHAP; user, secret: the initiator's
    own_user, own_secret: the target's, for mutual CHAP
    header, data: CRC32C, None, or both in order of preference
    """

    name: str
    image: Path
    auth: str = "None"
    header: str = "None"
    data: str = "None"
    user: str = ""
    secret: str = ""
    own_user: str = ""
    own_secret: str = ""

    def line(self, device: str) -> str:
        """The target as the guest's script reads it."""
        words = (device, self.name, self.auth, self.header, self.data,
                 self.user, self.secret, self.own_user, self.own_secret)  # fmt: skip
        return " ".join(word or "-" for word in words) + "\n"


def lio_system() -> tuple[Path, Path]:
    """(kernel, first file system) of the guest. Error: a module is missing."""
    package = kernel_package()
    portal, address = f"{ADDRESS}:{PORT}", f"{ADDRESS}/{PREFIX_LENGTH}"
    values = {"PORTAL": portal, "ADDRESS": address, "LUN": LUN}
    init = recipe("lio/init", MODULES=MODULES, **values)
    key = f"{VERSION} {package} {candidate(package)} {candidate(BUSYBOX)} {init}"

    def make(folder: Path) -> None:
        kernel, busybox = unpacked(package), unpacked(BUSYBOX)
        content = (busybox / "bin" / "busybox").read_bytes()
        files: dict[str, tuple[int, bytes]] = {"bin/busybox": (0o755, content)}
        modules = in_order(kernel, MODULES)
        for name, path in modules.items():
            files[f"modules/{name}.ko"] = (0o644, plain_module(path))
        script = recipe("lio/init", MODULES=" ".join(modules), **values)
        files["init"] = (0o755, script.encode())
        (folder / "initrd").write_bytes(archive(files))
        (image,) = kernel.glob("boot/vmlinuz-*")
        shutil.copyfile(image, folder / "kernel")

    folder = cached("lio", key, make)
    return folder / "kernel", folder / "initrd"


def in_order(kernel: Path, wanted: Sequence[str]) -> dict[str, Path]:
    """Modules by name, each behind those that it needs. Error: one is nowhere."""
    files = {
        path.name.partition(".")[0].replace("-", "_"): path
        for path in kernel.glob("lib/modules/*/kernel/**/*.ko*")
    }
    (listed,) = kernel.glob("lib/modules/*/modules.builtin")
    built_in = {Path(line).stem.replace("-", "_") for line in listed.read_text().splitlines()}
    found: dict[str, Path] = {}

    def add(name: str) -> None:
        name = name.replace("-", "_")
        if name in found or name in built_in:
            return
        if name not in files:
            raise RomgenError("kernel-module", name, f"is not in {kernel.name}")
        match = DEPENDS.search(plain_module(files[name]))
        for each in match[1].decode().split(",") if match and match[1] else ():
            add(each)
        found[name] = files[name]

    for name in wanted:
        add(name)
    return found


@dataclass(slots=True)
class Lio:
    """The running guest; a context manager. folder: for sockets and logs."""

    folder: Path
    targets: Sequence[LioTarget]
    version: str = field(default="", init=False)
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def netdev(self) -> str:
        """The value of -netdev for the initiator's QEMU, without its id."""
        return self._dgram("i.sock", "t.sock")

    def _dgram(self, local: str, remote: str) -> str:
        return (
            f"dgram,local.type=unix,local.path={self.folder / local},"
            f"remote.type=unix,remote.path={self.folder / remote}"
        )

    @property
    def log(self) -> str:
        """What the guest has said so far."""
        path = self.folder / "lio.console"
        return path.read_text(errors="replace") if path.is_file() else ""

    def argv(self) -> list[str]:
        """QEMU's command line."""
        kernel, initrd = lio_system()
        names = [f"vd{chr(ord('a') + number)}" for number in range(len(self.targets))]
        lines = "".join(target.line(name) for target, name in zip(self.targets, names, strict=True))
        # The kernel takes several archives, one behind the other.
        first = initrd.read_bytes() + archive({"targets": (0o644, lines.encode())})
        (self.folder / "lio.initrd").write_bytes(first)
        argv = [
            *(EMULATOR, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-machine", "pc,accel=tcg", "-cpu", CPU, "-m", str(MEMORY_MIB)),
            *("-kernel", str(kernel), "-initrd", str(self.folder / "lio.initrd")),
            *("-append", "console=ttyS0 quiet panic=-1 random.trust_cpu=on"),
            *("-serial", f"file:{self.folder / 'lio.console'}"),
            *("-netdev", self._dgram("t.sock", "i.sock") + ",id=n0"),
            *("-device", "virtio-net-pci,netdev=n0,mac=52:54:00:12:34:57,romfile="),
        ]
        for name, target in zip(names, self.targets, strict=True):
            argv += ["-drive", f"id={name},if=none,format=raw,cache=writethrough,"
                     f"file={target.image.resolve()}"]  # fmt: skip
            argv += ["-device", f"virtio-blk-pci,drive={name}"]
        return argv

    def __enter__(self) -> Lio:
        self._child = start(self.argv(), log=self.folder / "lio.qemu")
        try:
            self._wait()
        except BaseException:
            self.close()
            raise
        return self

    def _wait(self) -> None:
        assert self._child is not None
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._child.poll() is None:
            log = self.log
            if "@fail" in log:
                break
            if re.search(r"^@ready", log, re.MULTILINE):
                match = re.search(r"^@version (.*)", log, re.MULTILINE)
                self.version = match[1].strip() if match else ""
                return
            time.sleep(POLL)
        raise RomgenError(
            "lio-start",
            "the guest with the kernel's target",
            "did not become ready",
            detail=(self.folder / "lio.qemu").read_text(errors="replace") + self.log,
            status=EXIT_BOOT,
        )

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the guest: as a power cut, for its disks are written through."""
        if self._child is not None:
            stop(self._child, polite=False)
