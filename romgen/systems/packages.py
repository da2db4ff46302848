"""Debian packages by apt-get, unpacked without being installed."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from romgen.boot.process import run_tool
from romgen.errors import EXIT_TOOL, RomgenError
from romgen.systems.cache import cached

PATIENCE = 600.0
"""Seconds for a download, and for unpacking."""
KERNEL_META = "linux-image-amd64"


def _asked(words: Sequence[str], pattern: str) -> str | None:
    """What `pattern` finds in apt-cache's answer; as root the lists are fetched where nothing is.

    A container's package lists are often empty.
    """
    for fetch in (False, True):
        if fetch:
            if os.geteuid() != 0:
                return None
            run_tool(["apt-get", "-q", "-o", "Acquire::Retries=3", "update"], timeout=PATIENCE)
        try:
            found = re.search(pattern, run_tool(["apt-cache", *words]), re.MULTILINE)
        except RomgenError as error:
            if error.code != "tool-failed":  # apt-cache fails for names that it does not know
                raise
            continue
        if found is not None and found[1] != "(none)":
            return found[1]
    return None


def _unknown(package: str) -> RomgenError:
    return RomgenError(
        "package-unknown",
        package,
        "apt does not know this package",
        "run: apt-get update (on Debian 12, amd64)",
        status=EXIT_TOOL,
    )


def candidate(package: str) -> str:
    """The version that apt would install. Error: apt does not know the package."""
    found = _asked(["policy", package], r"^ *Candidate: (\S+)")
    if found is None:
        raise _unknown(package)
    return found


def kernel_package() -> str:
    """The package that Debian's kernel of the day is in."""
    found = _asked(["depends", KERNEL_META], r"Depends: (linux-image-\S+)")
    if found is None:
        raise _unknown(KERNEL_META)
    return found


def downloaded(package: str) -> Path:
    """The package's file."""
    version = candidate(package)

    def fetch(folder: Path) -> None:
        run_tool(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download",
                  f"{package}={version}"], cwd=folder, timeout=PATIENCE)  # fmt: skip
        (file,) = folder.glob("*.deb")
        file.rename(folder / "package.deb")

    return cached(f"{package}-deb", f"{package} {version}", fetch) / "package.deb"


def unpacked(package: str) -> Path:
    """Folder with the package's files."""
    file = downloaded(package)

    def unpack(folder: Path) -> None:
        run_tool(["dpkg-deb", "-x", str(file), str(folder / "files")], timeout=PATIENCE)

    return cached(package, f"{package} {candidate(package)}", unpack) / "files"
