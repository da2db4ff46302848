"""A layout becomes a ROM: what is in it, the same bytes each time, mistakes with their place."""

from __future__ import annotations

import json
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest

from romgen.build import Built, build, find_sources, read_ev
from romgen.elf import read_program
from romgen.errors import RomgenError
from romgen.formats.option_rom import ev_block, pcir, pnp, rom_header, undi_rom_id
from romgen.init_pack import unpack
from romgen.project import Project

NAME = "iscsi-e1000"
BOOT = "asm/rom/boot.asm"


def append(project: Project, name: str, text: str) -> int:
    """Add lines to a file; returns the number of the first of them."""
    path = project.root / name
    before = path.read_text()
    path.write_text(before + text)
    return before.count("\n") + 1


def symbols(built: Built) -> dict[str, int]:
    return {s.name: s.value for s in read_program(built.elf).symbols if s.is_global}


def rows(built: Built, part: str = "rom") -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in built.image_map[part]["symbols"]}


def test_products(tiny_project: Project) -> None:
    built = build(tiny_project, NAME)
    image = built.rom.read_bytes()
    header = rom_header.parse(image)
    assert header.signature == 0xAA55
    assert header.size * 512 == len(image)
    assert sum(image) % 256 == 0
    assert built.elf.read_bytes()[:4] == built.undi_elf.read_bytes()[:4] == b"\x7fELF"
    assert json.loads(built.map.read_text()) == built.image_map
    assert built.messages == ""
    assert list(tiny_project.build.glob("**/.*.tmp")) == []


def test_headers(tiny_project: Project) -> None:
    built = build(tiny_project, NAME)
    image = built.rom.read_bytes()
    header = rom_header.parse(image)
    data = pcir.parse(image[header.pcir :])
    assert (data.signature, data.vendor, data.device) == (b"PCIR", 0x8086, 0x100E)
    assert data.image_length * 512 == len(image)
    assert data.code_revision == 0x0001
    entry = pnp.parse(image[header.pnp :])
    assert sum(image[header.pnp : header.pnp + pnp.sizeof()]) % 256 == 0
    assert image[entry.product :].startswith(b"tiny ROM\0")
    assert image[entry.manufacturer :].startswith(b"tests\0")
    assert entry.bcv == symbols(built)["boot"]
    undi = undi_rom_id.parse(image[header.undi_rom_id :])
    assert sum(image[header.undi_rom_id : header.undi_rom_id + undi.length]) % 256 == 0
    assert undi.loader == symbols(built)["loader"]


def test_undi_is_embedded(tiny_project: Project) -> None:
    built = build(tiny_project, NAME)
    undi = read_program(built.undi_elf)
    code = bytes(undi.flat(undi.value("undi_code_size")))
    image = built.rom.read_bytes()
    found = symbols(built)
    assert image[found["undi_image"] :].startswith(code)
    assert found["undi_code_size"] == len(code)
    assert found["undi_data_size"] == 4
    # The loader sees the UNDI's own symbols by name.
    assert found["undi.entry"] == undi.value("entry") == 1
    at = found["loader"]
    assert image[at : at + 3] == b"\xb8" + found["undi.entry"].to_bytes(2, "little")


def test_tables_are_sorted_and_may_be_empty(tiny_project: Project) -> None:
    built = build(tiny_project, NAME)
    found = symbols(built)
    image = built.rom.read_bytes()
    assert image[found["tbl_words"] : found["tbl_words_end"]] == b"\x11\x11\x22\x22"
    assert found["tbl_empty"] == found["tbl_empty_end"]


def test_new_table_needs_no_edit(tiny_project: Project) -> None:
    append(tiny_project, BOOT, "\nTABLE extra, 5\n db 1, 2, 3\n")
    found = symbols(build(tiny_project, NAME))
    assert found["tbl_extra_end"] - found["tbl_extra"] == 3


def test_order_of_the_parts(tiny_project: Project) -> None:
    found = symbols(build(tiny_project, NAME))
    prepare = rows(build(tiny_project, NAME))["prepare"]["address"]
    order = [
        found["boot"],
        found["error_rows"],
        found["tbl_words"],
        found["rom_resident_end"],
        found["ev_block"],
        found["undi_image"],
        prepare,
        found["rom_end"],
    ]
    assert order == sorted(order)
    assert found["rom_resident_blocks"] == -(-found["rom_resident_end"] // 512)


def test_data_segment(tiny_project: Project) -> None:
    built = build(tiny_project, NAME)
    found = symbols(built)
    assert rows(built)["stubs"]["address"] == 0
    assert found["counter"] == 8
    assert found["bss_size"] == 16
    assert (found["stack_bottom"], found["stack_top"]) == (16, 16 + 1024)
    assert found["dgroup_paragraphs"] * 16 == found["dgroup_dwords"] * 4 == found["stack_top"]


def test_unused_code_is_left_out(tiny_project: Project) -> None:
    built = build(tiny_project, NAME)
    assert "unused_routine" not in symbols(built)
    unused = {piece["section"]: piece["size"] for piece in built.image_map["rom"]["unused"]}
    assert unused[".text.unused"] == 101


def test_unused_code_can_be_kept(tiny_project: Project) -> None:
    append(tiny_project, BOOT, "\nglobal big\nCODE big\nbig: times 4096 nop\n")
    # size_max is for the ROM, not for what only a test asks for.
    built = build(tiny_project, NAME, keep=["unused_routine", "big"])
    assert {"unused_routine", "big"} <= symbols(built).keys()


def test_error_table(tiny_project: Project) -> None:
    built = build(tiny_project, NAME)
    at = symbols(built)["error_rows"]
    expected = b"\x00\xe9\x03first in order\0the order\0"
    expected += b"\x01\xc4\x0bsecond `in` order\0the \\ order\0\0\0\0"
    assert unpack(built.rom.read_bytes()[at:], len(expected)) == expected


def test_ev_block(tiny_project: Project) -> None:
    text = b"InitiatorName=iqn.2024-01.example:one\n"
    built = build(tiny_project, NAME, text)
    block = built.rom.read_bytes()[symbols(built)["ev_block"] :]
    header = ev_block.parse(block)
    assert (header.signature, header.version) == (b"RGEV", 1)
    assert (header.length, header.capacity) == (len(text), 64)
    assert block[header.header_length :][: header.length] == text
    assert header.crc == zlib.crc32(text)


def test_empty_ev_block(tiny_project: Project) -> None:
    built = build(tiny_project, NAME)
    header = ev_block.parse(built.rom.read_bytes()[symbols(built)["ev_block"] :])
    assert (header.length, header.capacity, header.crc) == (0, 64, 0)


def test_ev_text_longer_than_its_room(tiny_project: Project) -> None:
    built = build(tiny_project, NAME, b"#" * 500)
    header = ev_block.parse(built.rom.read_bytes()[symbols(built)["ev_block"] :])
    assert (header.length, header.capacity) == (500, 500)


def test_ev_file_too_long(tmp_path: Path) -> None:
    path = tmp_path / "ev.txt"
    path.write_bytes(b"#" * 4097)
    with pytest.raises(RomgenError, match="has 4097 bytes, at most 4096"):
        read_ev(path)
    with pytest.raises(RomgenError, match="cannot read"):
        read_ev(tmp_path / "absent")


def test_map(tiny_project: Project) -> None:
    built = build(tiny_project, NAME)
    data = built.image_map
    image = data["image"]
    assert image["size"] == len(built.rom.read_bytes())
    assert image["used"] + image["padding"] == image["size"]
    assert image["free"] == 4096 - image["used"]
    assert data["rom"]["files"][BOOT] == {"image": 36 + 4 + 4, "data": 10}
    assert data["undi"]["files"]["undi/nic/e1000.asm"] == {"image": 1, "data": 4}
    boot = rows(built)["boot"]
    assert (boot["size"], boot["file"], boot["global"]) == (36, BOOT, True)
    assert rows(built)["counter"] | {"size": 2, "section": ".bss"} == rows(built)["counter"]
    assert rows(built, "undi")["transmit"]["size"] == 1


def test_same_bytes_elsewhere(tiny_project: Project, tmp_path: Path) -> None:
    first = build(tiny_project, NAME)
    moved = tmp_path / "another" / "place"
    shutil.copytree(tiny_project.root, moved, ignore=shutil.ignore_patterns("build"))
    second = build(Project(moved, moved / "build"), NAME)
    for one, two in (
        (first.rom, second.rom),
        (first.elf, second.elf),
        (first.undi_elf, second.undi_elf),
        (first.map, second.map),
    ):
        assert one.read_bytes() == two.read_bytes(), one.name
    assert str(tmp_path).encode() not in first.elf.read_bytes()


def test_equates_are_no_symbols(tiny_project: Project) -> None:
    append(tiny_project, BOOT, "\nNUMBER equ 5\nCODE boot\nlast: mov ax, NUMBER\n.local: ret\n")
    names = {symbol.name for symbol in read_program(build(tiny_project, NAME).elf).symbols}
    assert "NUMBER" not in names
    assert {"boot", "last.local", "bss_size", "undi.entry"} <= names


def test_dwarf_names_the_source(tiny_project: Project) -> None:
    built = build(tiny_project, NAME)
    address = hex(symbols(built)["boot"])
    line = subprocess.run(
        ["addr2line", "-e", built.elf, address], capture_output=True, text=True, check=True
    ).stdout
    number = (tiny_project.root / BOOT).read_text().split("\nboot:\n")[0].count("\n") + 3
    assert line.strip().endswith(f"{BOOT}:{number}")


def test_nasm_error_has_its_line(tiny_project: Project) -> None:
    line = append(tiny_project, BOOT, " bogus ax\n")
    append(tiny_project, "undi/api.asm", " alsobogus ax\n")
    with pytest.raises(RomgenError) as caught:
        build(tiny_project, NAME)
    assert caught.value.status == 1
    assert f"{BOOT}:{line}: error: " in str(caught.value)
    # Every broken file is named in one run.
    assert str(caught.value).endswith(f"nasm failed on {BOOT}, undi/api.asm")


def test_nasm_warning_comes_through(tiny_project: Project) -> None:
    line = append(tiny_project, BOOT, " db 300\n")
    assert f"{BOOT}:{line}: warning: " in build(tiny_project, NAME).messages


def test_ld_error_has_its_line(tiny_project: Project) -> None:
    line = append(tiny_project, BOOT, "\nextern nowhere\nCODE boot\n call nowhere\n") + 3
    with pytest.raises(RomgenError) as caught:
        build(tiny_project, NAME)
    assert caught.value.status == 1
    assert f"{BOOT}:{line}: undefined reference to `nowhere'" in str(caught.value)


def test_unknown_section_is_an_error(tiny_project: Project) -> None:
    append(tiny_project, BOOT, "\nCODE boot\n dw word_here\nsection .data\nword_here: dw 1\n")
    with pytest.raises(RomgenError, match=r"orphan section `\.data' from `obj/asm/rom/boot.o'"):
        build(tiny_project, NAME)


def test_rom_and_undi_share_nothing_but_the_loader(tiny_project: Project) -> None:
    append(tiny_project, BOOT, "\nextern transmit\nCODE boot\n call transmit\n")
    with pytest.raises(RomgenError, match="undefined reference to `transmit'"):
        build(tiny_project, NAME)


def test_missing_driver(tiny_project: Project) -> None:
    (tiny_project.root / "undi/nic/e1000.asm").unlink()
    with pytest.raises(RomgenError, match=r"e1000\.asm: the driver of adapter"):
        build(tiny_project, NAME)


def test_budget(tiny_project: Project) -> None:
    append(tiny_project, BOOT, "\nCODE boot\n times 4096 nop\n")
    with pytest.raises(RomgenError) as caught:
        build(tiny_project, NAME)
    size = caught.value.message.split()[3]
    assert str(caught.value).startswith(
        f"layouts/iscsi-e1000.toml:6: the image has {size} bytes, {int(size) - 4096} more than "
        "size_max = 4096"
    )
    # The map is there to show what takes the bytes; a ROM that does not fit is not.
    found = json.loads((tiny_project.build / f"{NAME}.map.json").read_text())
    assert found["rom"]["files"][BOOT]["image"] > 4096
    assert not (tiny_project.build / f"{NAME}.rom").exists()


def test_longer_than_a_segment(tiny_project: Project) -> None:
    append(tiny_project, BOOT, "\nCODE boot\n times 70000 nop\n")
    with pytest.raises(RomgenError) as caught:
        build(tiny_project, NAME)
    assert f"{BOOT}:18:" in caught.value.detail
    assert "relocation truncated to fit" in caught.value.detail
    assert f"see build/{NAME}.map.json for what takes them" in caught.value.hint
    found = json.loads((tiny_project.build / f"{NAME}.map.json").read_text())
    assert found["rom"]["files"][BOOT]["image"] > 70000
    assert not (tiny_project.build / f"{NAME}.rom").exists()


def test_missing_tool(tiny_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RomgenError, match="nasm is not installed") as caught:
        build(tiny_project, NAME)
    assert caught.value.status == 3


def test_template_mistake(tiny_project: Project) -> None:
    path = tiny_project.templates / "layout.inc.j2"
    text = path.read_text()
    path.write_text(text + "{{ layout.nothing }}\n")
    with pytest.raises(RomgenError, match="nothing") as caught:
        build(tiny_project, NAME)
    assert caught.value.where == f"layouts/templates/layout.inc.j2:{text.count(chr(10)) + 1}"
    path.write_text(text + "{% if %}\n")
    with pytest.raises(RomgenError) as caught:
        build(tiny_project, NAME)
    assert caught.value.where == f"layouts/templates/layout.inc.j2:{text.count(chr(10)) + 1}"


def test_sources_are_in_a_fixed_order(tiny_project: Project) -> None:
    (tiny_project.root / "asm/aaa.asm").write_text("")
    built = build(tiny_project, NAME)
    sources = find_sources(tiny_project, built.layout)
    names = [path.relative_to(tiny_project.root).as_posix() for path in sources.rom]
    assert names == ["asm/aaa.asm", BOOT, "asm/rom/header.asm", "undi/loader.asm"]
    assert [path.name for path in sources.undi] == ["api.asm", "e1000.asm"]
