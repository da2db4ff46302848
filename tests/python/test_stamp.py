"""`romgen stamp`, and `romgen info --check-version`, which reads it back."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from rom_kit import REAL, STRINGS, make_efi, make_image

from romgen.cli import main
from romgen.commands import stamp as stamp_command
from romgen.commands.stamp import make_stamp, read_manifest
from romgen.errors import RomgenError
from romgen.ev.block import pack
from romgen.formats.option_rom import version_info
from romgen.image import parse
from romgen.image.mend import mend
from romgen.image.version import Stamp, build_id, stamp, stamp_of
from romgen.rules import findings
from romgen.source import Source, read_source
from romgen.version import Version

GIT = bytes(range(20))
VALUES = Stamp(Version(1, 4, 2, "rc1"), 5, 7, 1_700_000_000, GIT)
EV = 0x200


def with_ev(capacity: int = 64, blocks: int = 2) -> bytes:
    rom = bytearray(make_image(blocks))
    block = pack(b"", capacity)
    rom[EV : EV + len(block)] = block
    return bytes(mend(bytes(rom)).data)


def errors(data: bytes) -> list[str]:
    return [one.rule.id for one in findings(parse(data)) if one.severity != "note"]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.4.2", Version(1, 4, 2)),
        ("v0.1.0-rc1", Version(0, 1, 0, "rc1")),
        ("255.255.65535", Version(255, 255, 65535)),
    ],
)
def test_versions(text: str, version: Version) -> None:
    assert Version.parse(text) == version
    assert str(version) == text.removeprefix("v")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1.4", "'1.4' is no version, e.g. 1.4.2-rc1"),
        ("", "'' is no version"),
        ("256.0.0", "256.0.0 does not fit its fields"),
        ("1.4.2-alpha.long", "1.4.2-alpha.long is too long, at most 13 characters"),
    ],
)
def test_wrong_versions(text: str, message: str) -> None:
    with pytest.raises(RomgenError) as caught:
        Version.parse(text)
    assert message in str(caught.value)


def test_stamp_in_the_padding() -> None:
    before = with_ev()
    after = stamp(before, VALUES)
    assert (len(after), errors(after)) == (len(before), [])
    image = parse(after).images[0]
    found = image.version
    assert found is not None and found.offset == EV + 16 + 64
    names = ("major", "minor", "patch", "flags", "security_epoch", "source_date")
    assert [found.number(name) for name in names] == [1, 4, 2, 5, 7, 1_700_000_000]
    assert found.raw("git_id") == GIT and any(found.raw("build_id"))
    assert image.version_text is not None and image.version_text.value == "1.4.2-rc1"
    assert image.pcir is not None and image.pcir.number("code_revision") == 0x0104
    changed = {at for at in range(len(after)) if before[at] != after[at]}
    stamp_bytes = set(range(found.offset, found.offset + 64))
    assert changed - stamp_bytes <= {6, 0x10, 0x11, 0x2E, 0x2F}


@pytest.mark.parametrize("data", [make_image(), with_ev(512 - 16)])
def test_image_without_room_grows(data: bytes) -> None:
    after = stamp(data, VALUES)
    assert (len(after), errors(after)) == (len(data) + 512, [])
    assert parse(after).images[0].length == len(data) + 512


def test_images_behind_move() -> None:
    second = make_efi(2, b"", {"compression": 1})
    after = stamp(make_image(last=False) + second, VALUES)
    assert after[1536:] == second
    assert [one.offset for one in parse(after).images] == [0, 1536]


def test_stamping_again_changes_only_the_stamp() -> None:
    once = stamp(with_ev(), VALUES)
    again = stamp(once, Stamp(Version(2, 0, 0)))
    old, new = parse(once).images[0].version, parse(again).images[0].version
    assert old is not None and new is not None
    assert (old.offset, old.raw("build_id")) == (new.offset, new.raw("build_id"))
    assert stamp(again, VALUES) == once


def test_build_id_is_of_the_content() -> None:
    ids = set()
    for value in (0, 1):
        rom = bytearray(with_ev())
        rom[0x1F0] = value
        found = parse(stamp(bytes(mend(bytes(rom)).data), VALUES)).images[0].version
        assert found is not None
        ids.add(found.raw("build_id"))
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "there is no x86 image"),
        (make_efi(), "there is no x86 image"),
        (make_image(header={"pcir": 0}), "there is no x86 image"),
        (make_image()[:900], "length is wrong"),
        (make_image(header={"size": 1}), "two lengths disagree"),
        (make_image(header={"version": 0x100}), "image+0x10: this image is of somebody else"),
        (make_image(255), "the image cannot be longer"),
    ],
)
def test_refused(data: bytes, message: str) -> None:
    with pytest.raises(RomgenError) as caught:
        stamp(data, VALUES)
    assert message in str(caught.value)
    assert caught.value.status == 1


def test_ipxe_is_refused() -> None:
    found = [path for path in REAL if path.suffix == ".rom"]
    if not found:
        pytest.fail("install ipxe-qemu for other people's ROMs")
    with pytest.raises(RomgenError, match="somebody else"):
        stamp(found[0].read_bytes(), VALUES)


def test_no_byte_for_the_sum() -> None:
    # No jump at offset 3, and the structure takes the image's last bytes.
    code = bytearray(make_image(header={"entry": b"\xb8\x20\x00"}))
    block = pack(b"", 1024 - 64 - 16 - EV)
    code[EV : EV + len(block)] = block
    with pytest.raises(RomgenError, match="no byte that is free"):
        stamp(bytes(code), VALUES)


def test_numbers_that_do_not_fit() -> None:
    for values in (Stamp(Version(1, 0, 0), 0, -1), Stamp(Version(1, 0, 0), 0, 0, 1 << 32)):
        with pytest.raises(RomgenError, match="does not fit"):
            stamp(with_ev(), values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "no object with a version"),
        ("{}", "no object with a version"),
        ('{"version": 1}', "version is no str"),
        ('{"version": "1.0.0", "dirty": 1}', "dirty is no bool"),
        ('{"version": "1.0.0", "epoch": 1}', "unknown key 'epoch'"),
        ('{"version": "1.0.0", "git_id": "xy"}', "'xy' is no hex number"),
        ('{"version": "1.0.0", "git_id": "00"}', "1 bytes, a commit's id has 20"),
    ],
)
def test_wrong_manifests(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(RomgenError) as caught:
        make_stamp(read_manifest(path))
    assert message in str(caught.value)


def commit(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_DATE", "@1700000000 +0000")
    config = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "x")):
        subprocess.run(["git", *config, *command], cwd=tree, check=True, timeout=20)


def test_source_of_a_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert read_source(tmp_path, {}) == Source()
    assert read_source(tmp_path, {"SOURCE_DATE_EPOCH": "5"}) == Source(date=5)
    for wrong in ("today", "-1", "²", "4294967296"):
        with pytest.raises(RomgenError, match="no number of seconds"):
            read_source(tmp_path, {"SOURCE_DATE_EPOCH": wrong})
    (tmp_path / "asm").mkdir()
    (tmp_path / "asm" / "file").write_text("1")
    commit(tmp_path, monkeypatch)
    found = read_source(tmp_path, {})
    assert (found.date, found.dirty, len(found.git_id)) == (1_700_000_000, False, 40)
    (tmp_path / "notes").write_text("no input of a ROM")
    assert read_source(tmp_path, {"SOURCE_DATE_EPOCH": "7"}) == Source(found.git_id, 7)
    for name in ("file", "new"):  # a new source would go into the ROM, too
        (tmp_path / "asm" / name).write_text("2")
        assert read_source(tmp_path, {}).dirty
        (tmp_path / "asm" / name).write_text("1")
        (tmp_path / "asm" / "new").unlink(missing_ok=True)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert read_source(tmp_path, {}).git_id == found.git_id
    monkeypatch.delenv("GIT_DIR")
    # A tree without a repository of its own, inside another one, comes from nowhere.
    assert read_source(tmp_path / "asm", {}) == Source()
    monkeypatch.setenv("PATH", "")
    assert read_source(tmp_path, {}) == Source()


def test_command_and_check_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = tmp_path / "a.rom"
    name.write_bytes(with_ev())
    manifest = tmp_path / "m.json"
    manifest.write_text(json.dumps({"version": "1.4.2-rc1", "source_date": 3, "git_id": "00" * 20}))
    assert main(["info", "--check-version", "1.4.2-rc1", str(name)]) == 1
    assert main(["stamp", str(name), "--from-manifest", str(manifest)]) == 0
    capsys.readouterr()
    assert main(["info", "--check-version", "1.4.2-rc1", str(name)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main(["info", "--check-version", str(name)]) == 0
    assert main(["info", str(name), "--check-version"]) == 0
    capsys.readouterr()
    assert main(["info", "--check-version", "1.4.3", str(name)]) == 1
    assert "version text: 1.4.2-rc1, not 1.4.3" in capsys.readouterr().out
    assert main(["patch", str(name), "pcir.code_revision=0x0105"]) == 0
    assert main(["info", "--check-version", "1.4.2-rc1", str(name)]) == 1
    assert main(["info", "--check-version", str(name)]) == 1
    capsys.readouterr()
    assert main(["info", "--check-version", "--json", str(name)]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [row["place"] for row in report["places"] if not row["right"]] == ["PCIR code revision"]
    assert "ROM064" in errors(name.read_bytes())
    assert main(["info"]) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--version", "1.0.0", "--from-manifest", "m"],
        ["--from-manifest", "m", "--debug"],
        ["--from-manifest", "no-such-file"],
        ["--version", "one"],
        ["--version", "1.0.0", "--epoch", "-1"],
    ],
)
def test_wrong_arguments(arguments: list[str], tmp_path: Path) -> None:
    name = tmp_path / "a.rom"
    name.write_bytes(with_ev())
    assert main(["stamp", str(name), *arguments]) == 2
    assert name.read_bytes() == with_ev()
    assert main(["stamp", "-", "--version", "1.0.0"]) == 2


def test_debug_and_epoch(tmp_path: Path) -> None:
    name, out = tmp_path / "a.rom", tmp_path / "b.rom"
    name.write_bytes(with_ev())
    arguments = ["--version", "1.0.0", "--debug", "--epoch", "9", "-o", str(out)]
    assert main(["stamp", str(name), *arguments]) == 0
    found = parse(out.read_bytes()).images[0].version
    assert found is not None
    assert (found.number("flags") & 2, found.number("security_epoch")) == (2, 9)


def named(product: bytes = b"maker\0product 1.4.2\0") -> bytes:
    """An image whose product's name ends in a version, with 8 free bytes behind it."""
    rom = bytearray(with_ev())
    rom[STRINGS : STRINGS + len(product) + 8] = product + bytes(8)
    return stamp(bytes(mend(bytes(rom)).data), Stamp(Version(1, 4, 2)))


@pytest.mark.parametrize("text", ["1.4.2-rc1", "2.0.0", "255.255.65535"])
def test_product_follows(text: str) -> None:
    before = named()
    after = stamp(before, Stamp(Version.parse(text)))
    product = parse(after).images[0].pnp[0].product
    assert product is not None and product.value == f"product {text}"
    assert errors(after) == []
    assert stamp(after, Stamp(Version(1, 4, 2))) == before


def test_product_without_room() -> None:
    before = named(b"maker\0product 1.4.2\0next text")
    with pytest.raises(RomgenError, match=r"image\+0x8e: there is no room for 1\.4\.20"):
        stamp(before, Stamp(Version(1, 4, 20)))


def test_build_id_of_changed_content() -> None:
    data = bytearray(named())
    assert errors(bytes(data)) == []
    data[0x1F0] ^= 1
    assert errors(bytes(mend(bytes(data)).data)) == ["ROM065"]


def test_variables_keep_the_build_id() -> None:
    before = named()
    after = bytearray(before)
    block = pack(b"TargetIP=10.0.0.1\n", 64)
    after[EV : EV + len(block)] = block
    ids = {build_id(parse(data).images[0]) for data in (before, bytes(after))}
    assert len(ids) == 1


def test_what_the_image_says_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = tmp_path / "a.rom"
    name.write_bytes(stamp(with_ev(), VALUES))
    assert main(["stamp", str(name), "--version", "1.4.2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stamp"]["git_id"] == GIT.hex()
    found = stamp_of(parse(name.read_bytes()).images[0])
    assert found == Stamp(Version(1, 4, 2), 1, 7, 1_700_000_000, GIT)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "99")
    assert main(["stamp", str(name), "--version", "1.4.2"]) == 0
    found = stamp_of(parse(name.read_bytes()).images[0])
    assert found is not None and found.source_date == 99
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "now")
    assert main(["stamp", str(name), "--version", "1.4.2"]) == 2


def test_structure_that_disagrees_with_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = tmp_path / "a.rom"
    name.write_bytes(stamp(with_ev(), VALUES))
    for change in ("version.major=3", "version.label=31" + "00" * 13):
        assert main(["patch", str(name), change]) == 0
        assert "ROM064" in errors(name.read_bytes())
        assert stamp_of(parse(name.read_bytes()).images[0]) is None
        capsys.readouterr()
        assert main(["info", str(name), "--check-version"]) == 1
        assert "disagrees with itself" in capsys.readouterr().out


def test_documented_structure() -> None:
    lines = (stamp_command.__doc__ or "").splitlines()
    offset = 0
    for sub in version_info.subcons:
        if sub.name not in ("minor", "label"):
            wanted = f"{offset:02X} "
            assert any(wanted in line for line in lines), (sub.name, wanted)
        offset += sub.sizeof()


def test_order_of_versions() -> None:
    names = ["0.9.0", "1.0.0-rc1", "1.0.0-rc2", "1.0.0", "1.0.1-1", "1.0.1-2", "1.0.1-10", "1.0.1"]
    found = sorted(set(names), key=lambda name: Version.parse(name).order)
    assert found == names
