"""Boots from the network: folders that QEMU's own DHCP and TFTP servers give out, and what comes.

A loader gets a folder and gives the name of the boot file and what the console says when it has
done its work. Where it can load another boot program, that is ours, of 384 KiB, which adds up its
own bytes.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from romgen.assemble import run_tool
from romgen.boot.chain import UNDIONLY, network_program
from romgen.boot.console import GuestReport, guest_report
from romgen.boot.qemu import Machine, Nic, Run, Stop, run
from romgen.errors import EXIT_TOOL, RomgenError

PXELINUX = Path("/usr/lib/PXELINUX/pxelinux.0")
LDLINUX = Path("/usr/lib/syslinux/modules/bios/ldlinux.c32")
OWN_FILE = "nbp.0"
GRUB_MODULES = ("pxe", "tftp", "normal", "configfile", "echo", "serial", "terminal", "test")
PATIENCE = 60.0
"""Seconds for a boot, on a busy machine."""
PXE_EV = "BootProtocol=PXE\r\n"


@dataclass(frozen=True, slots=True)
class Served:
    """What a loader's folder holds.

    file: the boot file; expect: what the console says in the end; checked: our boot program reports
    """

    file: str
    expect: re.Pattern[str] | None
    checked: bool


def own(folder: Path) -> Served:
    """Our own boot program at once."""
    (folder / OWN_FILE).write_bytes(network_program())
    return Served(OWN_FILE, None, True)


def pxelinux(folder: Path) -> Served:
    """PXELINUX: its module, its configuration and our boot program by its UDP calls."""
    for source in (PXELINUX, LDLINUX):
        _copy(source, folder, "pxelinux and syslinux-common")
    (folder / "pxelinux.cfg").mkdir()
    (folder / "pxelinux.cfg" / "default").write_text(
        f"SAY PXELINUX reads its configuration\nDEFAULT own\nLABEL own\n  PXE {OWN_FILE}\n"
    )
    own(folder)
    return Served(PXELINUX.name, re.compile("PXELINUX reads its configuration"), True)


def grub(folder: Path) -> Served:
    """GRUB's core image for PXE: its configuration by its own TFTP over the UNDI."""
    menu = folder / "boot" / "grub"
    menu.mkdir(parents=True)
    (menu / "grub.cfg").write_text(
        "serial --unit=0 --speed=115200\nterminal_output serial\n"
        'echo "GRUB has the address $net_default_ip"\n'
    )
    run_tool(
        ["grub-mkimage", "-O", "i386-pc-pxe", "-p", "(pxe)/boot/grub", "-o",
         str(folder / "core.0"), *GRUB_MODULES],
        folder,
        "grub-common and grub-pc-bin",
    )  # fmt: skip
    return Served("core.0", re.compile(r"GRUB has the address 10\.0\.2\.15"), False)


def ipxe(folder: Path) -> Served:
    """iPXE over our UNDI, without our base code: an address, and a file (itself again)."""
    _copy(UNDIONLY, folder, "ipxe")
    text = rf"using undionly on(?s:.*)tftp://10\.0\.2\.2/{re.escape(UNDIONLY.name)}\.\.\. ok"
    return Served(UNDIONLY.name, re.compile(text), False)


LOADERS: Mapping[str, Callable[[Path], Served]] = {
    "own": own,
    "pxelinux": pxelinux,
    "grub": grub,
    "ipxe": ipxe,
}


def _copy(source: Path, folder: Path, packages: str) -> None:
    """Error: it is not installed."""
    if not source.is_file():
        raise RomgenError(
            "tool-missing",
            str(source),
            "not installed",
            f"run: apt-get install --no-install-recommends {packages}",
            status=EXIT_TOOL,
        )
    shutil.copy(source, folder)


@dataclass(frozen=True, slots=True)
class NetBoot:
    """What came of a boot from the network."""

    run: Run
    guest: GuestReport
    served: Served

    @property
    def ok(self) -> bool:
        """The loader did its work: what it says, what our boot program reports."""
        said = self.served.expect is None or self.served.expect.search(self.run.console.text)
        checked = self.guest.complete and self.guest.ok == ["file"] if self.served.checked else True
        return bool(said) and checked


def boot(rom: Path, device: str, loader: str, folder: Path, ev: str | None = None) -> NetBoot:
    """Boot `loader` (a name of LOADERS) through `rom`. Error: it is not installed."""
    files = folder / "served"
    files.mkdir()
    served = LOADERS[loader](files)
    machine = Machine(
        Nic(device, rom, f"tftp={files},bootfile={served.file}", bootindex=0),
        ev=ev,
        memory_mib=128,
    )
    stop = Stop(PATIENCE, None if served.checked else served.expect)
    result = run(machine, stop, folder)
    return NetBoot(result, guest_report(result.console.lines), served)
