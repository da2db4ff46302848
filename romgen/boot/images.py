"""The ROM of a layout: as it is, or built anew where a source is younger."""

from __future__ import annotations

from pathlib import Path

from romgen.build import build
from romgen.generate import load_inputs
from romgen.project import Project

SOURCES = ("asm", "undi", "layouts", "romgen")
SUFFIXES = (".asm", ".inc", ".toml", ".j2", ".py")


def is_stale(project: Project, rom: Path) -> bool:
    """True where the ROM is missing or older than something that it is made from."""
    if not rom.is_file():
        return True
    made = rom.stat().st_mtime_ns
    return any(
        path.stat().st_mtime_ns > made
        for folder in SOURCES
        for path in (project.root / folder).rglob("*")
        if path.suffix in SUFFIXES and "boot" not in path.relative_to(project.root).parts
    )


def rom_for_layout(project: Project, layout: str) -> tuple[Path, str]:
    """The image of a layout and its adapter's short name, built if need be. Errors: the build's."""
    inputs = load_inputs(project, layout)
    rom = project.build / f"{layout}.rom"
    if is_stale(project, rom):
        rom = build(project, layout).rom
    return rom, inputs.layout.nic.name
