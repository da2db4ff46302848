"""The UEFI compression: what EDK II's own compressor made, and any bytes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rom_kit import REAL, make_efi, stored

from romgen.cli import main
from romgen.image import parse
from romgen.image.efi_decompress import (
    ORIGINAL_MAX,
    DamagedError,
    decompress,
    packed_size,
)
from romgen.image.pe import read_pe

# Made by the compressor of EDK II (BaseTools, EfiCompress).
EDK2 = bytes.fromhex("13000000f0000000000732696bd083246107c1c26c7019574e8000")
PLAIN = b"hello hello hello hello " * 10
REAL_EFI = next(path for path in REAL if path.name == "efi-ne2k_pci.rom")


def real_pe() -> bytes:
    data = parse(REAL_EFI.read_bytes()).images[1].data
    return data[int.from_bytes(data[0x16:0x18], "little") :]


def packed_rom(pe: bytes) -> bytes:
    content = stored(pe)
    return make_efi(-(-(0x40 + len(content)) // 512), content, {"compression": 1})


def test_of_edk2() -> None:
    assert decompress(EDK2) == PLAIN
    assert decompress(EDK2 + b"padding") == PLAIN
    assert packed_size(EDK2) == len(EDK2)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300))
def test_stored(data: bytes) -> None:
    assert decompress(stored(data)) == data


def test_several_blocks() -> None:
    data = bytes(range(256)) * 300
    assert decompress(stored(data)) == data


def bad(head: str, bits: str, size: int = 100) -> bytes:
    """Bits behind the sizes."""
    text = bits.replace(" ", "")
    text = text.ljust(-(-len(text) // 8) * 8, "0")
    raw = int(text, 2).to_bytes(len(text) // 8, "big") if text else b""
    return bytes.fromhex(head) + len(raw).to_bytes(4, "little") + size.to_bytes(4, "little") + raw


ONE = "0000000000000001"
ALL_EIGHT = "00000 01010"  # the one code length: 8
LITERALS = "100000000"  # 256 of them
NO_POSITION = "0000 0000"
MATCH = "000000000 100000000"  # the one symbol: a match of three bytes


@pytest.mark.parametrize(
    ("data", "offset", "message"),
    [
        (b"", 0, "there are no sizes"),
        (bytes([9, 0, 0, 0, 1, 0, 0, 0]), 0, "9 packed bytes, 0 are there"),
        (bytes(4) + b"\xff\xff\xff\x7f", 4, f"more than {ORIGINAL_MAX}"),
        (bad("", ""), 8, "end too early"),
        (bad("", "0" * 16), 10, "an empty block"),
        (bad("", f"{ONE} 00000 11111"), 11, "a symbol 31 of 19"),
        (bad("", f"{ONE} 00010 001 010"), 11, "code lengths that do not fit together"),
        (bad("", f"{ONE} 00001 111 1111111111"), 13, "a code of 17 bits"),
        (bad("", f"{ONE} {ALL_EIGHT} 000000000 111111111"), 13, "a symbol 511 of 510"),
        (bad("", f"{ONE} {ALL_EIGHT} 111111111"), 12, "511 code lengths for 510 symbols"),
        (bad("", f"{ONE} 00000 00001 011111111" + "1111" * 16), 19, "do not fit together"),
        (bad("", f"{ONE} {ALL_EIGHT} {LITERALS} 0000 1111"), 13, "a symbol 15 of 14"),
        (bad("", f"{ONE} 00000 00000 {MATCH} {NO_POSITION}"), 14, "a match 1 bytes back, 0 are"),
        (bad("", f"{ONE} {ALL_EIGHT} {LITERALS} {NO_POSITION}"), 13, "end too early"),
    ],
)
def test_damaged(data: bytes, offset: int, message: str) -> None:
    with pytest.raises(DamagedError) as caught:
        decompress(data)
    assert message in caught.value.message
    assert abs(caught.value.offset - offset) <= 1 and caught.value.offset <= max(len(data), 4)


def test_too_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("romgen.image.efi_decompress.BLOCKS_MAX", 20)
    block = f"{ONE} {ALL_EIGHT} {LITERALS} {NO_POSITION} 01000001"
    with pytest.raises(DamagedError, match="blocks"):
        decompress(bad("", block * 21, 21))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 26), st.integers(0, 255)), max_size=5), st.binary())
def test_any_change_ends(changes: list[tuple[int, int]], more: bytes) -> None:
    data = bytearray(EDK2 + more)
    for at, value in changes:
        data[at] = value
    began = time.process_time()
    try:
        assert len(decompress(bytes(data))) <= ORIGINAL_MAX
    except DamagedError as error:
        assert 0 <= error.offset <= len(data)
    assert time.process_time() - began < 20


def test_compressed_image_is_read_like_a_plain_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pe, name = real_pe(), tmp_path / "a.rom"
    name.write_bytes(packed_rom(pe))
    packed = read_pe(parse(name.read_bytes()).images[0])
    plain = read_pe(parse(REAL_EFI.read_bytes()).images[1])
    assert packed is not None and plain is not None
    assert (packed.sections, packed.entry) == (plain.sections, plain.entry)
    assert (packed.offset, packed.packed) == (0x40, len(stored(pe)))
    assert main(["info", str(name)]) == 0
    assert f"PE image at 0x40, compressed to {packed.packed} bytes" in capsys.readouterr().out
    assert main(["check", str(name)]) == 0
    assert main(["extract", str(name), "0/pe", "-o", str(tmp_path / "pe")]) == 0
    assert (tmp_path / "pe").read_bytes() == pe
