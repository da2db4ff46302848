"""A Debian with more packages, files and commands than the plain one; made once."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from romgen.boot.process import run_tool
from romgen.systems.cache import cached
from romgen.systems.debian import PACKAGES, PATIENCE, debian_root
from romgen.systems.packages import candidate, downloaded
from romgen.systems.recipe import put, recipe

ENVIRONMENT = ("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
VERSION = 1
"""Of what this module does: part of the cache's key."""
POLICY = "usr/sbin/policy-rc.d"
NOTHING_STARTS = "#!/bin/sh\nexit 101\n"
"""Debian policy 9.3.3.2: no service is started while packages are installed."""


@dataclass(frozen=True, slots=True)
class Derived:
    """What is changed, in this order.

    packages: by debootstrap, beside PACKAGES; files: place -> recipe in qemu/systems/debian/;
    lines: place -> text that is added to a file; debs: packages whose installation needs those;
    commands: run in the system
    """

    name: str
    packages: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, str] = field(default_factory=dict)
    debs: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


def derived_key(what: Derived) -> str:
    """Changes whenever the system does."""
    files = {place: recipe(f"debian/{name}") for place, name in what.files.items()}
    versions = [f"{deb} {candidate(deb)}" for deb in what.debs]
    return f"{VERSION} {PACKAGES} {what.packages} {files} {what.lines} {versions} {what.commands}"


def derived_root(what: Derived) -> Path:
    """The folder with the system. Do not change its files. Errors: not root, a command fails."""

    def make(folder: Path) -> None:
        plain, root = debian_root((*PACKAGES, *what.packages)), folder / "root"
        run_tool(["cp", "-a", "--sparse=always", str(plain), str(root)], timeout=PATIENCE)
        for place, name in what.files.items():
            text = recipe(f"debian/{name}")
            put(root / place, text, 0o755 if text.startswith("#!") else 0o644)
        for place, text in what.lines.items():
            before = (root / place).read_text() if (root / place).exists() else ""
            put(root / place, before + text)
        put(root / POLICY, NOTHING_STARTS, 0o755)
        for deb in what.debs:
            shutil.copyfile(downloaded(deb), root / "tmp" / "package.deb")
            _inside(root, "dpkg -i /tmp/package.deb; rm /tmp/package.deb")
        for command in what.commands:
            _inside(root, command)
        (root / POLICY).unlink()

    return cached(f"debian-root-{what.name}", derived_key(what), make) / "root"


def _inside(root: Path, command: str) -> None:
    run_tool(
        ["chroot", str(root), "/usr/bin/env", "-i", *ENVIRONMENT, "sh", "-ec", command],
        timeout=PATIENCE,
    )
