"""Our ROM over other people's UNDI: a tree with one layout more, `undi = "blob:..."`.

For tests and `romgen nics`: the layouts of the repository need nobody's files.
"""

from __future__ import annotations

from pathlib import Path

from romgen.build import Built, build
from romgen.catalog import load_nics
from romgen.errors import EXIT_TOOL, RomgenError
from romgen.project import Project

IPXE = Path("/usr/lib/ipxe/qemu")
IPXE_ROMS = {
    nic.name: IPXE / nic.ipxe
    for nic in load_nics(Project().tables / "nics.toml").values()
    if nic.ipxe
}
"""Debian's ipxe-qemu: adapter -> ROM with a loadable UNDI."""
LAYOUT = """\
kind = "iscsi"
nic = "{nic}"
undi = "blob:{path}"
boot = "{boot}"
product = "romgen over another UNDI"
manufacturer = "romgen"
"""


def foreign_project(project: Project, folder: Path, nic: str, rom: Path, boot: str) -> Project:
    """`project` with the layout `iscsi-<nic>-blob` alone, in a tree of links below `folder`."""
    root = folder / "tree"
    layouts = root / "layouts"
    layouts.mkdir(parents=True)
    for name in ("asm", "undi", "romgen"):
        (root / name).symlink_to(project.root / name)
    (layouts / "templates").symlink_to(project.templates)
    text = LAYOUT.format(nic=nic, path=rom, boot=boot)
    (layouts / f"iscsi-{nic}-blob.toml").write_text(text)
    return Project(root, folder / "build")


def foreign_build(project: Project, folder: Path, nic: str, rom: Path, boot: str = "BEV") -> Built:
    """Our ROM over the UNDI in `rom`.

    boot: iPXE's UNDI takes extended memory that SeaBIOS uses in POST, so it is for BEV alone.
    Errors: as `romgen build`'s; the file is not there.
    """
    if not rom.is_file():
        raise RomgenError(
            "tool-missing", str(rom), "not installed",
            "run: apt-get install --no-install-recommends ipxe-qemu", status=EXIT_TOOL,
        )  # fmt: skip
    return build(foreign_project(project, folder, nic, rom, boot), f"iscsi-{nic}-blob")
