"""`romgen info`: text, JSON, errors."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest
from rom_kit import REAL, make_efi, make_image

from romgen.cli import main
from romgen.ev.block import pack
from romgen.image import parse
from romgen.image.pe import read_pe

SECRET = "a very secret word"


def write(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "a.rom"
    path.write_bytes(data)
    return str(path)


def test_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", write(tmp_path, make_image(last=False) + make_efi())]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("a.rom: 2048 bytes, 2 images")
    assert "    000020  vendor              0x8086" in lines
    assert "    00041a  pcir" not in lines
    assert "    sum of the image: 0x00 over 1024 bytes, right" in lines
    assert "    devices at 0xa0: 100e 100f" in lines
    assert "image 1: EFI, 0x400, 1024 bytes" in lines


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json", write(tmp_path, make_image())]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["schema"], data["size"], data["stop"]) == (
        1,
        1024,
        {"offset": 0, "reason": "last"},
    )
    [image] = data["images"]
    assert image["pcir"]["fields"]["vendor"] == {
        "offset": 0x20, "size": 2, "value": 0x8086, "meaning": "",
    }  # fmt: skip
    assert image["devices"] == {"offset": 0xA0, "ids": [0x100E, 0x100F], "ended": True}
    assert image["pnp"][0]["product"]["value"] == "product 1"


def test_secrets_are_never_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = bytearray(make_image())
    block = pack(f"TargetIP=10.0.0.1\nCHAPSecret={SECRET}\nCHAPMSecret={SECRET}x\n".encode(), 0)
    image[0x200 : 0x200 + len(block)] = block
    name = write(tmp_path, bytes(image))
    for arguments in (["info", name], ["info", "--json", name]):
        assert main(arguments) == 0
        text = capsys.readouterr().out
        assert "10.0.0.1" in text and "(set)" in text and SECRET not in text


def test_terminal_is_safe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = bytearray(make_image())
    image[0x86:0x8A] = b"\x1b[2J"
    assert main(["info", write(tmp_path, bytes(image))]) == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text and "\\x1b[2J" in text


def test_no_rom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", write(tmp_path, b"MZ" + bytes(100))]) == 1
    assert capsys.readouterr().err.endswith(
        "a.rom+0x0: no option ROM: it does not begin with 55 AA\n"
    )
    assert main(["info", "--json", write(tmp_path, b"")]) == 1
    assert json.loads(capsys.readouterr().out)["images"] == []


def test_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(tmp_path / "none.rom")]) == 2
    assert capsys.readouterr().err.endswith("none.rom: cannot read: No such file or directory\n")
    assert main(["info", str(tmp_path)]) == 2
    big = tmp_path / "big.rom"
    with big.open("wb") as stream:
        stream.truncate((16 << 20) + 1)
    assert main(["info", str(big)]) == 2
    assert "more than 16 MiB" in capsys.readouterr().err


def test_damaged_chains_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = make_image(data={"image_length": 0}, pnps=[{"next": 0x40}], last=False)
    assert main(["info", write(tmp_path, data)]) == 0
    text = capsys.readouterr().out
    assert "$PnP chain stops at 0x40: runs in a circle" in text
    assert "the chain stops at 0x0: the image's length is 0" in text
    assert "bytes behind the last image" in text
    assert main(["info", write(tmp_path, make_image()[:0x30])]) == 0
    assert "PCI data structure at 0x1c, cut off" in capsys.readouterr().out


@pytest.mark.parametrize("pe", [b"", b"MZ", b"MZ" + bytes(300), b"MZ" + b"\xff" * 400])
def test_pe_that_is_none(pe: bytes) -> None:
    assert read_pe(parse(make_efi(2, pe)).images[0]) is None


def test_compressed_pe_is_left_alone() -> None:
    assert read_pe(parse(make_efi(2, b"MZ" + bytes(300), {"compression": 1})).images[0]) is None


@pytest.mark.skipif(not REAL, reason="install ipxe-qemu for other people's ROMs")
def test_real_efi_rom(capsys: pytest.CaptureFixture[str]) -> None:
    path = next(path for path in REAL if path.name == "efi-e1000.rom")
    assert main(["info", "--json", str(path)]) == 0
    pe = json.loads(capsys.readouterr().out)["images"][1]["pe"]
    assert (pe["machine"], pe["subsystem"], pe["offset"], pe["signed"]) == (
        0x8664, 11, 0x12638, False,
    )  # fmt: skip
    assert [part["name"] for part in pe["sections"]][:2] == [".text", ".rodata"]
    text, data = pe["sections"][0], path.read_bytes()
    assert pe["offset"] + text["offset"] + text["size"] <= len(data)


@pytest.mark.skipif(not REAL, reason="install ipxe-qemu for other people's ROMs")
def test_damaged_pe_is_read_or_refused_at_once() -> None:
    path = next(path for path in REAL if path.name == "efi-ne2k_pci.rom")
    data = bytearray(parse(path.read_bytes()).images[1].data)
    start = int.from_bytes(data[0x16:0x18], "little")
    header = start + int.from_bytes(data[start + 0x3C : start + 0x40], "little")
    odd = bytearray(data)
    odd[header + 24 + 68 : header + 24 + 70] = b"\x42\x42"  # a subsystem without a name
    found = read_pe(parse(bytes(odd)).images[0])
    assert found is not None and found.subsystem == 0x4242
    rng = random.Random(1)
    began = time.process_time()
    for _ in range(100):
        bad = bytearray(data)
        for _ in range(4):
            bad[header + rng.randrange(0x200)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        read_pe(parse(bytes(bad)).images[0])
    assert time.process_time() - began < 10  # some 5 ms each; tables of 2 GiB took seconds
