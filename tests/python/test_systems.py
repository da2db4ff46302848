"""`romgen.systems`: the cache, archives, disks and texts that the systems' images are made of."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

import pytest

from romgen.errors import RomgenError
from romgen.systems import packages
from romgen.systems.cache import cached
from romgen.systems.cpio import archive
from romgen.systems.image import PART_FIRST, ext4_disk, file_in
from romgen.systems.recipe import FOLDER, GAP, put, recipe


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROMGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_thing_is_made_once_for_each_key(cache: Path) -> None:
    made: list[str] = []

    def make(folder: Path) -> None:
        made.append(folder.name)
        (folder / "file").write_text("content")

    first = cached("thing", "1", make)
    assert cached("thing", "1", make) == first and len(made) == 1
    assert cached("thing", "2", make) != first and len(made) == 2
    assert (first / "file").read_text() == "content"
    assert first.parent == cache


def test_what_was_not_finished_is_not_used(cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise RomgenError("tool-failed", "tool", "no")

    with pytest.raises(RomgenError):
        cached("thing", "1", fail)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []
    assert (cached("thing", "1", lambda folder: None) / "key").read_text() == "1"


def test_a_cache_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ROMGEN_CACHE", str(tmp_path / "file"))
    with pytest.raises(RomgenError) as error:
        cached("thing", "1", lambda folder: None)
    assert error.value.code == "cache" and error.value.hint == "set ROMGEN_CACHE"


def entries(raw: bytes) -> dict[str, tuple[int, bytes]]:
    """Name -> mode and content, by the kernel's description of the format."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert raw[at : at + 6] == b"070701" and at % 4 == 0
        fields = [int(raw[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name = raw[at + 110 : at + 110 + fields[11] - 1].decode()
        start = at + -(-(110 + fields[11]) // 4) * 4
        if name == "TRAILER!!!":
            return found
        found[name] = (fields[1], raw[start : start + fields[6]])
        at = start + -(-fields[6] // 4) * 4


def test_an_archive_has_files_and_their_folders() -> None:
    raw = gzip.decompress(archive({"init": (0o755, b"#!"), "a/b/c": (0o644, b"12345")}))
    found = entries(raw)
    assert found == {
        "a": (0o040755, b""),
        "a/b": (0o040755, b""),
        "a/b/c": (0o100644, b"12345"),
        "init": (0o100755, b"#!"),
    }
    assert list(found).index("a") < list(found).index("a/b") < list(found).index("a/b/c")


def test_a_disk_holds_its_tree(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    content = os.urandom(100_000)
    (tree / "boot").mkdir(parents=True)
    (tree / "boot" / "file").write_bytes(content)
    image = tmp_path / "disk.img"
    ext4_disk(image, tree, 8, disk_id=0x12345678)
    raw = image.read_bytes()
    assert len(raw) == 8 << 20
    assert (raw[0x1B8:0x1BC], raw[0x1FE:0x200]) == (b"\x78\x56\x34\x12", b"\x55\xaa")
    assert raw[0x1BE] == 0x80 and raw[0x1C2] == 0x83
    assert int.from_bytes(raw[0x1C6:0x1CA], "little") == PART_FIRST
    assert file_in(image, "/boot/file") == content
    assert file_in(image, "/boot/nothing") is None
    check = ["fsck.ext4", "-nf", f"{image}?offset={PART_FIRST * 512}"]
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    done = subprocess.run(check, capture_output=True, env={"PATH": path}, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_every_gap_needs_a_value() -> None:
    with pytest.raises(RomgenError) as error:
        recipe("debian/fstab")
    assert error.value.code == "recipe-gap" and "@LABEL@" in str(error.value)
    text = recipe("debian/fstab", LABEL="here")
    assert text.startswith("LABEL=here / ext4") and not GAP.search(text)


@pytest.mark.parametrize("path", [p for p in sorted(FOLDER.rglob("*")) if p.is_file()], ids=str)
def test_scripts_have_the_shells_syntax(path: Path) -> None:
    if path.read_text().startswith("#!"):
        subprocess.run(["sh", "-n", str(path)], check=True, timeout=10)


def test_a_shared_file_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("old")
    os.link(tmp_path / "cache", tmp_path / "tree")
    put(tmp_path / "tree", "new", 0o755)
    assert (tmp_path / "cache").read_text() == "old"
    assert (tmp_path / "tree").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(("root", "calls"), [(True, 3), (False, 1)])
def test_empty_package_lists_are_fetched_once(
    monkeypatch: pytest.MonkeyPatch, root: bool, calls: int
) -> None:
    asked: list[str] = []

    def tool(argv: list[str], **_: object) -> str:
        asked.append(argv[0])
        return "  Candidate: 1.2-3\n" if "apt-get" in asked else "  Candidate: (none)\n"

    monkeypatch.setattr(packages, "run_tool", tool)
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    if root:
        assert packages.candidate("thing") == "1.2-3"
    else:
        with pytest.raises(RomgenError) as error:
            packages.candidate("thing")
        assert error.value.code == "package-unknown" and "apt-get update" in error.value.hint
    assert len(asked) == calls
