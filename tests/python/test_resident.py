"""Nothing that stays in the ROM may need what is gone when the boot vector has returned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection

from romgen.build import build
from romgen.project import Project

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {
    (".text.enter", "bcv_main"),  # rom_run calls it in the copy that overlay_make makes
    (".text.enter", "bev_main"),
    (".text.enter", "name_main"),
    (".text.enter", "pxe_main"),
}
ALLOWED_TABLES = (".tbl.evsrc.",)  # asked by ev_load, which is init code


def references(path: Path) -> Iterator[tuple[str, str, str]]:
    """(section that refers, name of what it refers to, section where that is or "")."""
    with path.open("rb") as stream:
        elf = ELFFile(stream)
        for part in elf.iter_sections():
            if not isinstance(part, RelocationSection):
                continue
            source = elf.get_section(part["sh_info"]).name
            symbols = elf.get_section(part["sh_link"])
            for relocation in part.iter_relocations():
                symbol = symbols.get_symbol(relocation["r_info_sym"])
                index = symbol["st_shndx"]
                target = elf.get_section(index).name if isinstance(index, int) else ""
                yield source, symbol.name, target


def definitions(path: Path) -> dict[str, str]:
    """Section by global symbol."""
    with path.open("rb") as stream:
        elf = ELFFile(stream)
        table = elf.get_section_by_name(".symtab")
        return {
            symbol.name: elf.get_section(symbol["st_shndx"]).name
            for symbol in table.iter_symbols()
            if symbol["st_info"]["bind"] == "STB_GLOBAL" and isinstance(symbol["st_shndx"], int)
        }


@pytest.mark.parametrize("layout", ["iscsi-e1000", "iscsi-virtio", "dual-e1000", "pxe-e1000"])
def test_resident_code_refers_to_resident_code(layout: str, tmp_path: Path) -> None:
    project = Project(ROOT, tmp_path)
    build(project, layout)
    objects = sorted((project.work(layout) / "obj").rglob("*.o"))
    where: dict[str, str] = {}
    for path in objects:
        where |= definitions(path)
    wrong = set()
    seen = 0
    for path in objects:
        for source, name, section in references(path):
            target = section or where.get(name, "")
            seen += bool(target)
            if source.startswith((".init", ".debug", *ALLOWED_TABLES)):
                continue
            if target.startswith(".init") and (source, name) not in ALLOWED:
                wrong.add(f"{path.name} {source}: {name or target}")
    assert seen > 1000
    assert wrong == set()
