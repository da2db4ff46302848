"""Debian disks that need more than the plain system: a VLAN in the initramfs, crash dumps."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from romgen.systems.debian import DISK_ID, LABEL, LOCAL, WRITTEN, disk_of, our_files
from romgen.systems.derived import Derived, derived_key, derived_root
from romgen.systems.recipe import recipe

VLAN = Derived(
    "vlan",
    files={
        "etc/initramfs-tools/hooks/ibft-vlan": "ibft-vlan-hook",
        "etc/initramfs-tools/scripts/init-premount/ibft-vlan": "ibft-vlan",
    },
    commands=("update-initramfs -u",),
)
CRASH = Derived(
    "kdump",
    packages=("kexec-tools", "makedumpfile", "busybox", "file", "ucf", "bsdextrautils", "lsb-base"),
    # kdump-tools makes an initramfs for the running machine's modules (dep) unless something else
    # is chosen; "netboot" has the network adapters', but no disks'.
    lines={
        "etc/initramfs-tools/conf.d/netboot": "MODULES=netboot\n",
        "etc/initramfs-tools/modules": "sd_mod\n",
    },
    debs=("kdump-tools",),
    commands=(
        "update-initramfs -u",
        # What its service would do at the first boot, in minutes instead of seconds.
        "for image in /boot/vmlinuz-*; do version=${image#/boot/vmlinuz-}; "
        "/etc/kernel/postinst.d/kdump-tools $version; "
        "cp /etc/kdump/sysctl.conf /var/lib/kdump/latest_sysctls-$version; done",
    ),
)
CRASH_FOLDER = "/var/crash"


def vlan_disk() -> Path:
    """The disk of a system that finds its target through the VLAN of the iBFT."""
    root, key = partial(derived_root, VLAN), derived_key(VLAN)
    return disk_of("debian-vlan", root, key, our_files())


def crash_disk() -> Path:
    """The disk of a system that panics; its memory is left in CRASH_FOLDER."""
    values = {"LABEL": LABEL, "LOCAL": LOCAL, "WRITTEN": WRITTEN, "DISK_ID": f"{DISK_ID:#x}"}
    unit = "romgen-crash.service"
    files = our_files() | {
        "boot/grub/grub.cfg": recipe("debian/crash.cfg", **values),
        "usr/local/sbin/romgen-crash": recipe("debian/romgen-crash"),
        f"etc/systemd/system/{unit}": recipe(f"debian/{unit}"),
    }
    root, key = partial(derived_root, CRASH), derived_key(CRASH)
    return disk_of("debian-crash", root, key, files, (unit,))
