"""Debian packages by apt-get, unpacked without being installed."""

from __future__ import annotations

import re
from pathlib import Path

from romgen.boot.process import run_tool
from romgen.errors import EXIT_TOOL, RomgenError
from romgen.systems.cache import cached

PATIENCE = 600.0
"""Seconds for a download, and for unpacking."""
KERNEL_META = "linux-image-amd64"


def candidate(package: str) -> str:
    """The version that apt would install. Error: apt does not know the package."""
    policy = run_tool(["apt-cache", "policy", package])
    found = re.search(r"^ *Candidate: (\S+)", policy, re.MULTILINE)
    if found is None or found[1] == "(none)":
        raise RomgenError(
            "package-unknown",
            package,
            "apt does not know this package",
            "run: apt-get update (Debian 12 on amd64)",
            status=EXIT_TOOL,
        )
    return found[1]


def kernel_package() -> str:
    """The package that Debian's kernel of the day is in."""
    depends = run_tool(["apt-cache", "depends", KERNEL_META])
    found = re.search(r"Depends: (linux-image-\S+)", depends)
    if found is None:
        candidate(KERNEL_META)
        raise RomgenError("package-unknown", KERNEL_META, "depends on no kernel")
    return found[1]


def unpacked(package: str) -> Path:
    """Folder with the package's files."""
    version = candidate(package)

    def fetch(folder: Path) -> None:
        run_tool(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download",
                  f"{package}={version}"], cwd=folder, timeout=PATIENCE)  # fmt: skip
        (file,) = folder.glob("*.deb")
        run_tool(["dpkg-deb", "-x", str(file), str(folder / "files")], timeout=PATIENCE)
        file.unlink()

    return cached(package, f"{package} {version}", fetch) / "files"
