"""ls, extract, fix, patch, merge: what they write, and what they refuse."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rom_kit import DEVICES, PCIR, PNP, REAL, STRINGS, UNDI, make_efi, make_image

from romgen.cli import main
from romgen.errors import RomgenError
from romgen.image import parse
from romgen.image.entries import entries
from romgen.image.mend import difference, mend
from romgen.image.merge import merge
from romgen.image.patch import patch
from romgen.rules import findings

GOOD = make_image()
PE = b"MZ" + bytes(300)
OPAQUE = make_efi(2, PE, {"compression": 2})


def put(data: bytes, offset: int, value: bytes) -> bytes:
    return data[:offset] + value + data[offset + len(value) :]


def errors(data: bytes) -> list[str]:
    return [one.rule.id for one in findings(parse(data)) if one.severity == "error"]


def write(tmp_path: Path, data: bytes, name: str = "a.rom") -> str:
    path = tmp_path / name
    path.write_bytes(data)
    return str(path)


def real(name: str) -> bytes:
    found = [path for path in REAL if path.name == name]
    if not found:
        pytest.fail(f"install ipxe-qemu and seabios for {name}")
    return found[0].read_bytes()


# ls and extract


def test_entries_lie_inside_and_have_unique_names() -> None:
    rom = parse(make_image(last=False) + make_efi(2, PE) + b"rest")
    found = entries(rom)
    names = [one.path for one in found]
    assert len(set(names)) == len(names)
    assert {"0", "0/pcir", "0/pnp0", "0/pnp0/product", "0/undi", "0/devices", "1/pe"} < set(names)
    assert all(one.offset + one.size <= rom.size for one in found)
    assert (found[-1].path, found[-1].offset, found[-1].size) == ("rest", 2048, 4)


def test_ls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = write(tmp_path, GOOD)
    assert main(["ls", name]) == 0
    assert "00001c       28  pcir          0/pcir" in capsys.readouterr().out.splitlines()
    assert main(["ls", "--json", name]) == 0
    rows = json.loads(capsys.readouterr().out)["entries"]
    assert {"path": "0", "kind": "image", "offset": 0, "size": 1024} in rows
    assert main(["ls", write(tmp_path, b"no rom")]) == 1


def test_ls_symbols(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = write(tmp_path, GOOD)
    assert main(["ls", "--symbols", name]) == 2
    assert "a.map.json: cannot read" in capsys.readouterr().err
    part = {
        "sections": [
            {"name": ".text", "address": 512, "size": 64, "in_image": True},
            {"name": ".bss", "address": 0, "size": 64, "in_image": False},
        ],
        "symbols": [
            {"name": "init", "section": ".text", "address": 520, "size": 8},
            {"name": "state", "section": ".bss", "address": 0, "size": 8},
        ],
    }
    data = {"schema": 1, "layout": "a", "image": {}, "memory": {}, "rom": part, "undi": part}
    (tmp_path / "a.map.json").write_text(json.dumps(data))
    assert main(["ls", "--symbols", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "000208        8  symbol        init" in lines
    assert not any("state" in line for line in lines)


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 99}', '{"schema": 1}'])
def test_ls_wrong_map(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = write(tmp_path, GOOD)
    (tmp_path / "a.map.json").write_text(text)
    assert main(["ls", "--symbols", name]) == 2
    assert "a.map.json: " in capsys.readouterr().err


def test_extract_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, out = write(tmp_path, GOOD + b"more"), tmp_path / "out"
    assert main(["extract", name, "0/pcir", "-o", str(out), "--json"]) == 0
    [part] = json.loads(capsys.readouterr().out)["parts"]
    assert (part["path"], part["offset"], part["size"]) == ("0/pcir", PCIR, 28)
    assert main(["extract", name, "--all", str(tmp_path / "all"), "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)["parts"]
    assert [one["path"] for one in parts] == ["0", "rest"]
    assert main(["extract", name, "0", "-o", "-", "--json"]) == 2
    assert main(["extract", name, "--all", name]) == 2


def test_extract_one(tmp_path: Path) -> None:
    name, out = write(tmp_path, make_image(last=False) + make_efi(2, PE)), tmp_path / "out"
    assert main(["extract", name, "1/pe", "-o", str(out)]) == 0
    assert out.read_bytes() == PE + bytes(1024 - 64 - len(PE))
    assert main(["extract", name, "0/pnp0/product", "-o", str(out)]) == 0
    assert out.read_bytes() == b"product 1\0"


def test_extract_all_and_merge_is_the_file_again(tmp_path: Path) -> None:
    data = make_image(last=False) + make_efi(2, PE)
    name, folder, out = write(tmp_path, data), tmp_path / "parts", tmp_path / "again.rom"
    assert main(["extract", name, "--all", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["0.rom", "1-pe.efi", "1.rom"]
    assert main(["merge", str(folder / "0.rom"), str(folder / "1.rom"), "-o", str(out)]) == 1
    # The first image alone says that another one follows.
    assert main(["fix", str(folder / "0.rom")]) == 0
    assert main(["merge", str(folder / "0.rom"), str(folder / "1.rom"), "-o", str(out)]) == 0
    assert out.read_bytes() == data


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["0/pci", "-o", "out"], 2),
        (["0"], 2),
        ([], 2),
        (["0", "--all", "x"], 2),
        (["0", "-o", "no/such/folder/x"], 2),
    ],
)
def test_extract_errors(
    arguments: list[str], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["extract", write(tmp_path, GOOD), *arguments]) == status
    assert main(["extract", write(tmp_path, b"", "b"), "0", "-o", "out"]) == 1


def test_extract_says_what_is_near(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", write(tmp_path, GOOD), "0/pci", "-o", "x"]) == 2
    assert capsys.readouterr().err.endswith("a.rom: there is no 0/pci, did you mean 0/pcir?\n")


def test_secrets_stay_private(tmp_path: Path) -> None:
    name, out = write(tmp_path, GOOD), tmp_path / "out"
    Path(name).chmod(0o600)
    assert main(["extract", name, "0", "-o", str(out)]) == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    open_file = write(tmp_path, make_efi(), "b.rom")
    assert main(["merge", open_file, name, "-o", str(out)]) == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


# fix


@pytest.mark.parametrize(
    "data",
    [
        put(GOOD, 900, b"x"),
        put(GOOD, PNP + 9, b"\x33"),
        put(GOOD, UNDI + 5, b"\x33"),
        make_image(data={"image_length": 0}),
        make_image(data={"image_length": 0}, last=False),
        make_image(header={"size": 0, "checksum": 0}),
        make_image(last=False),
        make_image(last=False) + bytes(512),
        make_image(last=False, data={"image_length": 0}) + OPAQUE,
        put(make_image(last=False) + OPAQUE, 1024 + PCIR + 16, b"\0"),
    ],
)
def test_fix_mends(data: bytes) -> None:
    assert errors(data)
    editor = mend(data)
    fixed = bytes(editor.data)
    assert (errors(fixed), len(fixed)) == ([], len(data))
    assert mend(fixed).changes == []
    again = bytearray(data)
    for change in editor.changes:
        assert again[change.offset : change.offset + len(change.before)] == change.before
        again[change.offset : change.offset + len(change.after)] = change.after
    assert bytes(again) == fixed


def test_fix_uses_no_byte_that_is_not_free() -> None:
    # No jump at offset 3, so offset 6 may be code; the image's last bytes are no padding.
    code = make_image(header={"entry": b"\xb8\x20\x00"})
    full = put(code, 1000, b"code" * 6)
    assert mend(full).changes == []
    padded = put(code, 700, b"x")
    [change] = mend(padded).changes
    assert change.offset == 1023
    assert errors(bytes(mend(padded).data)) == []


def test_fix_leaves_what_nobody_knows() -> None:
    for data in (b"", b"MZ", GOOD[:700], make_image(header={"size": 0}, data={"image_length": 0})):
        editor = mend(data)
        assert len(editor.data) == len(data)
        assert errors(bytes(editor.data))


def test_fix_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = put(GOOD, 900, b"\x01")
    name = write(tmp_path, bad)
    assert main(["fix", "--check", name]) == 1
    assert Path(name).read_bytes() == bad
    want = f"a.rom+0x6: to mend: checksum of the image: {GOOD[6]:02x} -> {GOOD[6] - 1 & 255:02x}"
    assert want in capsys.readouterr().out
    assert main(["fix", name, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [change["offset"] for change in report["changes"]] == [6]
    assert errors(Path(name).read_bytes()) == []
    assert main(["fix", "--check", name]) == 0


def test_fix_command_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = write(tmp_path, GOOD[:700])
    assert main(["fix", name]) == 1
    assert "ROM003" in capsys.readouterr().out
    assert Path(name).read_bytes() == GOOD[:700]
    assert main(["fix", "-"]) == 2
    assert main(["fix", str(tmp_path / "none")]) == 2


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 0x120), st.integers(0, 255)), max_size=6),
    st.integers(0, 2600),
)
def test_fix_of_anything(changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(make_image(last=False) + make_efi(2, PE) + bytes(600))
    for offset, value in changes:
        data[offset + (1024 if value & 1 else 0)] = value
    before = bytes(data[:length])
    fixed = mend(before)
    assert len(fixed.data) == len(before)
    assert mend(bytes(fixed.data)).changes == []


# patch


@pytest.mark.parametrize(
    ("field", "offset", "value"),
    [
        ("pcir.vendor=0x1af4", PCIR + 4, b"\xf4\x1a"),
        ("0/pcir.device=4096", PCIR + 6, b"\x00\x10"),
        ("pcir.class_code=0x010000", PCIR + 13, b"\x00\x00\x01"),
        ("pnp.device_type=010203", PNP + 0x12, b"\1\2\3"),
        ("pnp0.product=ours", STRINGS + 6, b"ours\0\0\0\0\0\0"),
        ("devices=1234", DEVICES, b"\x34\x12\0\0\0\0"),
        ("devices=", DEVICES, bytes(6)),
        ("undi.stack_size=0x800", UNDI + 0xC, b"\x00\x08"),
    ],
)
def test_patch_sets_one_field(field: str, offset: int, value: bytes) -> None:
    after = patch(GOOD, [field])
    assert after[offset : offset + len(value)] == value
    assert errors(after) == []
    sums = {6, PNP + 9, UNDI + 5}
    changed = {at for at in range(len(GOOD)) if GOOD[at] != after[at]}
    assert changed - sums <= set(range(offset, offset + len(value)))


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("pcir.vendor", "pcir.vendor: this is no assignment"),
        ("pcir.vender=1", "there is no such field, did you mean pcir.vendor?"),
        ("nothing=1", "nothing: there is no such field"),
        ("pcir.vendor=65536", "65536 does not fit, 0 to 0xffff"),
        ("pcir.vendor=-1", "-1 does not fit"),
        ("pcir.vendor=8086h", "'8086h' is no number"),
        ("pnp.device_type=01", "1 bytes, the field has 3"),
        ("pnp.device_type=xyz", "'xyz' is no row of bytes"),
        ("pcir.signature=00000000", "this field is not set by hand"),
        ("header.checksum=0", "this field is not set by hand"),
        ("1/pcir.vendor=1", "there is no image 1, the file has 1"),
        ("pnp.product=a name that is too long", "23 characters, there is room for 9"),
        ("pnp.product=\x1b", "a boot menu cannot show"),
        ("devices=1,2,3", "3 devices, there is room for 2"),
        ("devices=0", "'0' is no list of devices"),
        ("devices=12345", "'12345' is no list of devices"),
    ],
)
def test_patch_refuses(field: str, message: str) -> None:
    with pytest.raises(RomgenError) as caught:
        patch(GOOD, [field])
    assert message in str(caught.value)


def test_patch_without_texts_and_devices() -> None:
    bare = make_image(data={"device_list": 0}, pnps=[{"product": 0}])
    for field, where in (("devices=1", "devices"), ("pnp.product=x", "pnp.product")):
        with pytest.raises(RomgenError, match=f"{where}: "):
            patch(bare, [field])


def test_patch_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, out = write(tmp_path, GOOD), tmp_path / "out.rom"
    assert main(["patch", name, "pcir.vendor=0x8087", "-o", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(f"a.rom+0x6: {GOOD[6]:02x} -> {GOOD[6] - 1 & 255:02x}")
    assert lines[1].endswith("a.rom+0x20: 86 -> 87")
    assert Path(name).read_bytes() == GOOD
    assert out.read_bytes() == patch(GOOD, ["pcir.vendor=0x8087"])
    assert main(["patch", name, "pcir.vendor=0x8087", "--dry-run", "--json"]) == 0
    assert [row["offset"] for row in json.loads(capsys.readouterr().out)["changes"]] == [6, 0x20]
    assert Path(name).read_bytes() == GOOD


def test_patch_refuses_what_is_wrong_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write(tmp_path, GOOD)
    assert main(["patch", name, "pnp.bcv=0x4000"]) == 1
    assert "a.rom+0x56: ROM035 would be wrong then" in capsys.readouterr().err
    assert Path(name).read_bytes() == GOOD
    assert main(["patch", name, "pnp.bcv=0x4000", "--force"]) == 0
    assert errors(Path(name).read_bytes()) == ["ROM035"]
    assert main(["patch", write(tmp_path, b""), "pcir.vendor=1"]) == 1
    assert main(["patch", "-", "pcir.vendor=1"]) == 2


def test_write_is_whole_or_nothing(tmp_path: Path) -> None:
    link = tmp_path / "link.rom"
    link.symlink_to(write(tmp_path, GOOD))
    assert main(["patch", str(link), "pcir.vendor=1"]) == 0
    assert link.is_symlink() and (tmp_path / "a.rom").read_bytes() != GOOD
    assert main(["patch", str(link), "pcir.vendor=2", "-o", str(tmp_path)]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.rom", "link.rom"]


def test_difference() -> None:
    assert difference(b"abcdef", b"abXYeZ") == [(2, b"cd", b"XY"), (5, b"f", b"Z")]
    assert difference(b"", b"") == []


# merge


def test_merge_chains() -> None:
    joined = merge([("a", GOOD), ("b", make_efi(2, PE))])
    rom = parse(joined)
    assert [(i.offset, i.code_type, i.is_last) for i in rom.images] == [
        (0, 0, False),
        (1024, 3, True),
    ]
    assert errors(joined) == ["ROM053"]  # the kit's PE image is none
    assert merge([("a", GOOD)]) == GOOD


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "b+0x0: no option ROM"),
        (make_image(header={"pcir": 0}), "b+0x0: an image without a PCIR"),
        (make_image(data={"image_length": 0}), "b+0x2c: the image's length is 0"),
        (GOOD[:900], "b+0x0: the image is cut off"),
        (make_efi(indicator=0), "b+0x400: the chain has no end"),
        (GOOD, "b+0x0: for 8086:100e as an image of a"),
    ],
)
def test_merge_refuses(data: bytes, message: str) -> None:
    with pytest.raises(RomgenError) as caught:
        merge([("a", GOOD), ("b", data)])
    assert message in str(caught.value)


def test_merge_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = write(tmp_path, GOOD), write(tmp_path, make_efi(), "b.rom")
    out = tmp_path / "out.rom"
    assert main(["merge", first, second, "-o", str(out)]) == 0
    assert capsys.readouterr().out.endswith("out.rom: 2048 bytes, 2 images\n")
    assert main(["merge", first, first, "-o", str(out)]) == 1
    assert main(["merge", first]) == 2


# other people's ROMs


def test_real_rom_taken_apart_and_merged() -> None:
    data = real("efi-e1000.rom")
    first, second = parse(data).images
    assert mend(data).changes == []
    alone = mend(first.data)
    # Without its successor the x86 image is Debian's pxe-e1000.rom.
    assert bytes(alone.data) == real("pxe-e1000.rom")
    assert merge([("x86", bytes(alone.data)), ("efi", second.data)]) == data


def test_real_rom_patched_for_another_device() -> None:
    data = real("pxe-ne2k_pci.rom")
    after = patch(data, ["pcir.vendor=0x10ec", "pcir.device=0x8029"])
    assert (errors(data), errors(after)) == (["ROM021"], [])
    assert {at for at, _, _ in difference(data, after)} == {6, PCIR + 4}


def test_real_video_rom_mended() -> None:
    data = real("vgabios-stdvga.bin")
    bad = put(data, 0x5000, bytes([data[0x5000] ^ 0xFF]))
    assert errors(bad) == ["ROM011"]
    fixed = mend(bad)
    assert [change.offset for change in fixed.changes] == [6]
    assert errors(bytes(fixed.data)) == []
