"""The page of docs/adapters.md is written from what was measured; ids of QEMU's other devices."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from romgen.boot import nic_table
from romgen.boot.nics import CELLS, Cell, Subject
from romgen.boot.storm import LONG, RUNTS, Storm
from romgen.build import build
from romgen.catalog import PciId, load_nics
from romgen.compose import with_pci_id
from romgen.errors import RomgenError
from romgen.formats.option_rom import pcir, rom_header
from romgen.layout import Layout, load_layout
from romgen.project import Project

SUBJECT = Subject("e1000", "e1000-82544gc", Path("x.rom"))


def test_another_id_in_the_pcir(tiny_project: Project) -> None:
    image = build(tiny_project, "iscsi-e1000").rom.read_bytes()
    changed = with_pci_id(image, PciId(0x1AF4, 0x1041))
    at = rom_header.parse(image).pcir
    after = pcir.parse(changed[at:])
    assert (after.vendor, after.device) == (0x1AF4, 0x1041)
    assert sum(changed) % 256 == 0
    different = {n for n, (a, b) in enumerate(zip(image, changed, strict=True)) if a != b}
    assert different <= {rom_header_checksum(), *range(at + 4, at + 8)}


def rom_header_checksum() -> int:
    """Offset of the ROM's checksum byte."""
    marked = rom_header.build({**rom_header.parse(bytes(64)), "checksum": 0xA5})
    return bytes(marked).index(0xA5)


def test_another_id_needs_a_pcir() -> None:
    with pytest.raises(RomgenError, match="no PCIR structure"):
        with_pci_id(
            rom_header.build({**rom_header.parse(bytes(64)), "pcir": 32}) + bytes(64), PciId(1, 2)
        )


def test_a_variant_goes_by_one_of_the_ids(tiny_project: Project) -> None:
    path = tiny_project.tables / "nics.toml"
    path.write_text(path.read_text() + 'variants = { "other" = "8086:ffff" }\n')
    with pytest.raises(RomgenError, match="8086:ffff of 'other' is not in 'ids'"):
        load_nics(path)


def test_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    marks = f"{nic_table.IDS_BEGIN}\n{nic_table.IDS_END}"
    page.write_text(f"before\n{nic_table.BEGIN}\nold\n{nic_table.END}\n{marks}\nafter\n")
    data = nic_table.load(tmp_path / "absent.json")
    nic_table.keep(data, SUBJECT, "boot", Cell(True, "55 checks"))
    nic_table.store(tmp_path / "kept.json", data)
    nic_table.write_page(page, nic_table.load(tmp_path / "kept.json"), [])
    text = page.read_text()
    missing = " | ".join(["-"] * (len(CELLS) - 1))
    assert f"| e1000 | e1000-82544gc | 55 checks | {missing} |" in text
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text


def test_page_without_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(RomgenError, match="has no <!-- ids"):
        nic_table.write_page(page, nic_table.load(tmp_path / "absent.json"), [])


def test_the_page_has_the_ids_of_the_list() -> None:
    """`romgen nics --page` writes them."""
    project = Project()
    nics = load_nics(project.tables / "nics.toml")
    assert nic_table.ids(nics.values()) in (project.root / "docs/adapters.md").read_text()


def test_a_storm_has_every_length(tmp_path: Path) -> None:
    chance = random.Random(1)
    frames = [Storm(tmp_path)._frames(chance) for _ in range(2000)]
    lengths = {len(frame) for frame in frames}
    assert {*RUNTS, *LONG, 14, 60, 1514} <= lengths
    assert all(frame.startswith(b"\xff" * min(6, len(frame))) for frame in frames)


def universal(project: Project, nics: str) -> None:
    """A layout with several drivers, from the tiny project's own."""
    text = (project.layouts / "iscsi-e1000.toml").read_text()
    path = project.layouts / "iscsi-universal.toml"
    path.write_text(text.replace('nic = "e1000"', f'nic = "universal"\nnics = {nics}'))


def load_universal(project: Project, nics: str) -> Layout:
    universal(project, nics)
    known = load_nics(project.tables / "nics.toml")
    return load_layout(project.layouts, "iscsi-universal", known)


def test_universal_has_every_id(tiny_project: Project) -> None:
    path = tiny_project.tables / "nics.toml"
    row = '[[nic]]\nname = "other"\ndriver = "e1000"\ntitle = "x"\nids = ["1af4:1000"]\n'
    row += "modules = []\n"
    path.write_text(f"{path.read_text()}\n{row}")
    layout = load_universal(tiny_project, '["e1000", "other"]')
    assert layout.nic.name == "universal" and layout.drivers == ("e1000",)
    assert PciId(0x1AF4, 0x1000) in layout.nic.ids
    assert {pci.vendor for pci in layout.nic.listed} == {0x8086}
    built = build(tiny_project, "iscsi-universal")
    assert built.rom.is_file()


@pytest.mark.parametrize(
    ("nics", "message"), [("[]", "'nics' lists"), ('["e1001"]', "did you mean")]
)
def test_universal_mistakes(tiny_project: Project, nics: str, message: str) -> None:
    with pytest.raises(RomgenError, match=message):
        load_universal(tiny_project, nics)


def test_memory_that_a_bios_would_clear(tiny_project: Project) -> None:
    driver = tiny_project.root / "undi/nic/e1000.asm"
    driver.write_text(driver.read_text() + "\n resb 64512\n")
    with pytest.raises(RomgenError, match="needs 65584 bytes of memory, 1072 too many"):
        build(tiny_project, "iscsi-e1000")
