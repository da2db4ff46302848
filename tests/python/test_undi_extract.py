"""romgen undi extract: the UNDI in anybody's file, or what is wrong with it and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rom_kit import UNDI, make_image

from romgen.boot.foreign import IPXE_ROMS, foreign_project
from romgen.cli import main
from romgen.errors import EXIT_FINDINGS, EXIT_USAGE, RomgenError
from romgen.generate import load_inputs
from romgen.project import ROOT, Project
from romgen.undi_blob import behind, find, read_blob

SIZES = {"loader": 0x100, "stack_size": 512, "data_size": 3000, "code_size": 4096}
IPXE = {"loader": 0x4A4, "stack": 0x2F10, "data_size": 0x2F10, "code_size": 0x812}
"""Read from Debian's ROMs with a hex editor; all eight are the same in this."""


def image(**undi: object) -> bytes:
    return make_image(undi={**SIZES, **undi})


def test_what_the_header_says() -> None:
    blob = find(image(), "x.rom")
    assert (blob.offset, blob.pointer, blob.loader) == (0, UNDI, 0x100)
    assert (blob.stack, blob.data_size, blob.code_size) == (512, 3000, 4096)
    assert (blob.bus, str(blob.pci)) == ("PCIR", "8086:100e")
    assert (blob.manufacturer, blob.product) == ("maker", "product 1")
    assert blob.data == image() and blob.notes == ()


@pytest.mark.parametrize("nic", sorted(IPXE_ROMS))
def test_other_peoples(nic: str) -> None:
    blob = read_blob(IPXE_ROMS[nic])
    assert {key: getattr(blob, key) for key in IPXE} == IPXE
    assert (blob.manufacturer, blob.product, blob.revision) == ("http://ipxe.org", "iPXE", "2.1.0")
    combined = read_blob(IPXE_ROMS[nic].with_name(IPXE_ROMS[nic].name.replace("pxe", "efi")))
    assert combined.loader == blob.loader and combined.offset == 0
    assert len(combined.data) < combined.data[2] * 512 + 1


def test_the_second_image_of_a_chain() -> None:
    first = make_image(last=False, header={"undi_rom_id": 0})
    assert find(first + image(), "x").offset == len(first)


@pytest.mark.parametrize("lead", [16, 512, 4096 + 32])
def test_in_the_middle_of_a_file(lead: int) -> None:
    junk = (b"\x55\xaa" + b"\x11" * 14) * (lead // 16)
    blob = find(b"x" * 16 + junk + image(), "dump.bin")
    assert (blob.offset, blob.data) == (16 + lead, image())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x+0x0: no UNDI in it, no 55 AA in it"),
        (b"\x55\xaa", "x+0x0: no UNDI in it, its ROM header has no UNDI ROM ID at 16h"),
        (make_image(header={"undi_rom_id": 0}), "x+0x60: an UNDI ROM ID to which no option ROM's"),
        (b"  UNDI  ", "x+0x2: an UNDI ROM ID to which no option ROM's header points"),
        (image()[:1000], "x+0x3e8: the image has 1024 bytes and the file ends after 1000"),
        (image(length=10), "x+0x60: the UNDI ROM ID has 10 bytes, PXE 2.1 has 22"),
        (image(loader=0), "x+0x6a: the loader is at 0x0: there is none"),
        (image(loader=1024), "x+0x6a: the loader is at 0x400: that is outside the image"),
        (image(data_size=0), "x+0x6e: the UNDI's data has no bytes"),
        (image(code_size=0), "x+0x70: the UNDI's code has no bytes"),
    ],
)
def test_what_cannot_be_used(data: bytes, message: str) -> None:
    with pytest.raises(RomgenError) as error:
        find(data, "x")
    assert str(error.value).startswith(message)
    assert error.value.status == EXIT_FINDINGS


def test_notes() -> None:
    damaged = bytearray(image(bus_type=b"EISA"))
    damaged[UNDI + 6] ^= 1
    notes = find(bytes(damaged), "x").notes
    assert any("sums to" in note for note in notes) and any("EISA" in note for note in notes)


def test_behind_ours() -> None:
    blob = find(image(), "x")
    rom = behind(b"\0" * 1001, blob, 4)
    assert rom[4:6] == (1008 // 16).to_bytes(2, "little")
    assert rom[1008:] == blob.data and not any(rom[6:1008])


def test_the_command_shows_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "a.rom", tmp_path / "a.undi"
    source.write_bytes(b"\xff" * 32 + image())
    assert main(["undi", "extract", str(source), "-o", str(out), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["offset"], shown["loader"], shown["code_size"]) == (32, 0x100, 4096)
    assert out.read_bytes() == image()
    assert main(["undi", "extract", str(out)]) == 0
    said = capsys.readouterr().out
    assert "+0x0: maker product 1, 1024 bytes\n  adapter      8086:100e\n" in said
    assert main(["undi", "extract", str(tmp_path / "none")]) == EXIT_USAGE
    source.write_bytes(b"x" * 64)
    assert main(["undi", "extract", str(source)]) == EXIT_FINDINGS
    assert "a.rom+0x0: no UNDI in it" in capsys.readouterr().err


def test_a_layout_names_the_file(tmp_path: Path) -> None:
    project = foreign_project(Project(ROOT), tmp_path, "e1000", tmp_path / "gone.rom", "BEV")
    with pytest.raises(RomgenError, match=r"gone\.rom: cannot read"):
        load_inputs(project, "iscsi-e1000-blob")
    layout = project.layouts / "iscsi-e1000-blob.toml"
    layout.write_text(layout.read_text().replace("blob:", "blub:"))
    with pytest.raises(RomgenError, match=r"iscsi-e1000-blob.toml:3: .*own, or blob:PATH"):
        load_inputs(project, "iscsi-e1000-blob")
