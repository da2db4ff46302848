"""map and diff: sizes add up, the treemap fills its room, differences are named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rom_kit import PCIR, PNP, balance, make_efi, make_image

from romgen.cli import main
from romgen.ev.block import pack
from romgen.image import parse
from romgen.image.compare import byte_runs, fields
from romgen.image.size_tree import by_file, size_tree, walk
from romgen.image.treemap import Box, squarify, treemap_page

GOOD = make_image()
CODE = 0x240


def symbol(
    name: str, address: int, size: int, section: str = ".text", **more: Any
) -> dict[str, Any]:
    row = {"name": name, "section": section, "address": address, "size": size}
    return {**row, "global": "." not in name, "file": "asm/a.asm", **more}


def make_map(symbols: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A map of an image of 1024 bytes, as romgen.image_map makes them."""
    sections = [
        {"name": ".text", "address": 512, "size": 256, "in_image": True},
        {"name": ".undi", "address": 768, "size": 128, "in_image": True},
        {"name": ".bss", "address": 0, "size": 1024, "in_image": False},
    ]
    found = symbols or [
        symbol("start", CODE, 0x10),
        symbol("start.loop", CODE + 0x10, 0x10),
        symbol("other", 0x260, 0x20, file="asm/b.asm"),
        symbol("state", 0x200, 16, ".bss"),
    ]
    undi = {
        "sections": [{"name": ".text", "address": 0, "size": 120, "in_image": True}],
        "symbols": [symbol("api", 0, 100, file="undi/api.asm")],
    }
    image = {"size": 1024, "used": 896, "padding": 128, "budget": 2048, "free": 1152, "resident": 8}
    rom = {"sections": sections, "symbols": found}
    memory = {"data": 1024, "stack": 64}
    return {"schema": 1, "layout": "t", "image": image, "memory": memory, "rom": rom, "undi": undi}


def write(tmp_path: Path, name: str, data: bytes, content: dict[str, Any] | None = None) -> str:
    path = tmp_path / f"{name}.rom"
    path.write_bytes(data)
    if content is not None:
        (tmp_path / f"{name}.map.json").write_text(json.dumps(content))
    return str(path)


def test_sizes_add_up() -> None:
    tree = size_tree(make_map())
    assert tree.size == 2048
    for node in walk(tree):
        if node.children:
            assert sum(child.size for child in node.children) == node.size
    assert {one.name: one.size for one in tree.children} == {
        ".text": 256, ".undi": 128, "padding": 128, "free": 1024, "(other)": 512,
    }  # fmt: skip
    assert by_file(tree) == {"undi/api.asm": 100, "asm/a.asm": 32, "asm/b.asm": 32}


def test_map_larger_than_its_budget() -> None:
    data = make_map()
    data["image"]["budget"] = 512
    tree = size_tree(data)
    assert "free" not in [one.name for one in tree.children]
    assert tree.size == sum(one.size for one in tree.children)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=40))
def test_treemap_fills_its_room(sizes: list[int]) -> None:
    sizes.sort(reverse=True)
    boxes = squarify(sizes, Box(10, 20, 300, 200))
    area = 300 * 200 / sum(sizes)
    for size, box in zip(sizes, boxes, strict=True):
        assert box.width * box.height == pytest.approx(size * area, rel=1e-6)
        assert box.x >= 10 - 1e-6 and box.x + box.width <= 310 + 1e-6
        assert box.y >= 20 - 1e-6 and box.y + box.height <= 220 + 1e-6


def test_page_is_whole_and_needs_nothing_else() -> None:
    data = make_map([symbol("<&'\">", CODE, 64)])
    page = treemap_page(size_tree(data))
    svg = ElementTree.fromstring(re.search(r"<svg.*</svg>", page, re.DOTALL)[0])  # type: ignore[index]
    titles = [one.text or "" for one in svg.iter("{http://www.w3.org/2000/svg}title")]
    assert "t / .text / asm/a.asm / <&'\">: 64 bytes" in titles
    assert "t / free: 1024 bytes" in titles
    assert not re.search(r"<script|<link|src=|href=|url\(", page)


def test_map_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = write(tmp_path, "a", GOOD, make_map())
    assert main(["map", name, "--symbols", "1"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("t: 896 bytes used, 1024 in the file, 1152 of 2048 free, 8 resident\n")
    assert re.search(r"symbols\n +100 .* api ", text)
    assert main(["map", name.replace(".rom", ".map.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tree"]["size"] == 2048
    page = tmp_path / "a.html"
    assert main(["map", name, "--format", "html", "-o", str(page)]) == 0
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_map_command_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["map", write(tmp_path, "b", GOOD)]) == 2
    assert "b.map.json: cannot read: No such file or directory, romgen build" in (
        capsys.readouterr().err
    )
    assert main(["map", "no-such-layout"]) == 2
    assert "no-such-layout.map.json" in capsys.readouterr().err


def assemble(*code: str) -> bytes:
    """The image with code at CODE, its sum right."""
    rom = bytearray(GOOD)
    raw = bytes.fromhex("".join(code))
    rom[CODE : CODE + len(raw)] = raw
    balance(rom, 0, 1024, 6)
    return bytes(rom)


def test_same_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = write(tmp_path, "a", GOOD)
    assert main(["diff", name, name]) == 0
    assert capsys.readouterr().out == "0 fields differ; 0 bytes in 0 places, sums aside\n"


def test_sums_are_ignored() -> None:
    other = bytearray(GOOD)
    other[6] ^= 1
    other[PNP + 9] ^= 1
    before, after = parse(GOOD), parse(bytes(other))
    assert (list(fields(before, after)), byte_runs(before, after)) == ([], [])


def test_fields_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write(tmp_path, "a", GOOD)
    second = write(tmp_path, "b", make_image(data={"vendor": 0x1AF4}) + make_efi())
    assert main(["diff", first, second]) == 1
    assert capsys.readouterr().out.splitlines()[:2] == [
        "1024 -> 2048 bytes",
        "0/pcir.vendor: 0x8086 -> 0x1af4",
    ]
    assert main(["diff", first, second, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["bytes"] == [{"offset": PCIR + 4, "length": 2}]


def test_images_and_texts_differ() -> None:
    old, new = parse(make_image(last=False) + make_efi()), parse(GOOD.replace(b"maker", b"other"))
    found = {one.what: (one.before, one.after) for one in fields(old, new)}
    assert found["1"] == ("1024 bytes", "")
    assert found["0/pnp0.manufacturer text"] == ("'maker'", "'other'")
    assert found["0/pcir.indicator"] == ("0x00", "0x80")


def test_secrets_are_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = []
    for index in range(2):
        rom = bytearray(GOOD)
        block = pack(f"CHAPSecret=a very secret word {index}\nMTU={1500 - index}\n".encode(), 0)
        rom[0x200 : 0x200 + len(block)] = block
        names.append(write(tmp_path, f"s{index}", bytes(rom)))
    for more in ([], ["--json"]):
        assert main(["diff", *names, *more]) == 1
        text = capsys.readouterr().out
        assert "secret word" not in text and "1499" in text


def test_routines_that_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # start: mov ax, [state] ; call other ; inc ax / dec ax ; ret
    old = assemble("a10002", "e81a00", "40", "c3")
    new = assemble("a10402", "e81a00", "48", "c3")
    moved = [
        symbol("start", CODE, 0x20),
        symbol("other", 0x260, 0x20),
        symbol("state", 0x204, 16, ".bss"),
        symbol("more", 0x200, 4, ".bss"),
    ]
    first = write(tmp_path, "a", old, make_map())
    second = write(tmp_path, "b", new, make_map(moved))
    assert main(["diff", first, second]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "more: (none) -> 4 bytes" in lines
    assert [line for line in lines if line[:3] in ("  -", "  +")] == ["  -inc ax", "  +dec ax"]
    assert "   mov ax, word ptr [state]" in lines and "   call other" in lines
    assert main(["diff", first, second, "--no-code", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["routines"] == {}


def test_moved_code_is_no_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # The same loop, two bytes further on: jz to its own label, call to a routine that stays.
    old = assemble("7402", "e81b00", "c3")
    new = assemble("9090", "7402", "e81900", "c3")
    rows = [symbol("start", CODE, 6), symbol("start.x", CODE + 4, 2), symbol("other", 0x260, 1)]
    later = [
        symbol("start", CODE + 2, 6),
        symbol("start.x", CODE + 6, 2),
        symbol("other", 0x260, 1),
    ]
    first = write(tmp_path, "a", old, make_map(rows))
    second = write(tmp_path, "b", new, make_map(later))
    assert main(["diff", first, second, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["routines"], report["symbols"]) == ({}, [])


def test_constants_are_no_addresses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # mov ax, 0x204 stays, though 0x204 is another variable's address in the second build.
    first = write(tmp_path, "a", assemble("b80402", "40", "c3"), make_map())
    other = [symbol("start", CODE, 0x20), symbol("more", 0x204, 4, ".bss")]
    second = write(tmp_path, "b", assemble("b80402", "48", "c3"), make_map(other))
    assert main(["diff", first, second, "--json"]) == 1
    lines = json.loads(capsys.readouterr().out)["routines"]["start"]
    assert [line for line in lines if line[0] in "+-"] == ["-inc ax", "+dec ax"]


def test_diff_errors(tmp_path: Path) -> None:
    name = write(tmp_path, "a", GOOD, {"schema": 7})
    assert main(["diff", name, str(tmp_path / "none")]) == 2
    assert main(["diff", name, name]) == 2
