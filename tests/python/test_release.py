"""`romgen release` and `romgen verify`, on a throwaway tag."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from release_kit import (
    DATE,
    LAYOUT,
    NOTES,
    commit,
    git,
    make_release,
    new_key,
    repository,
    rewrapped,
    signed,
)

from romgen import __version__
from romgen.cli import main
from romgen.elf import read_program
from romgen.errors import RomgenError
from romgen.image import parse
from romgen.image.version import Stamp, stamp
from romgen.project import Project
from romgen.release import bundle, rebuild, tpm
from romgen.release.metainfo import guid
from romgen.release.plan import make_plan, section
from romgen.release.plan import settings as version_settings
from romgen.release.sign import (
    armor,
    command,
    dearmor,
    read_public_key,
    sign,
    wrong_signature,
)
from romgen.release.verify import content_problems, problems, sum_problems
from romgen.version import Version

ROM, ELF = f"{LAYOUT}.rom", f"{LAYOUT}.elf"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()
    return make_release(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(scope="module")
def files(made: Path) -> dict[str, bytes]:
    return bundle.read(made / "bundle")


@pytest.fixture(scope="module")
def public(made: Path) -> str:
    return read_public_key(made / "release-key.pub")


def messages(found: list[Any]) -> str:
    return "\n".join(str(one) for one in found)


# the bundle


def test_bundle(made: Path, files: dict[str, bytes]) -> None:
    parts = (".rom", ".elf", ".undi.elf", ".map.json", ".metainfo.xml")
    own = ("manifest.json", "sbom.cdx.json", "provenance.intoto.json", "pcr2.json")
    rest = ("RELEASE_NOTES.md", "SHA256SUMS", "SHA256SUMS.sig")
    assert set(files) == {f"{LAYOUT}{part}" for part in parts} | {*own, *rest}
    report = json.loads((made / "report.json").read_text())
    assert (report["tag"], report["signed"], report["files"]) == (
        f"v{__version__}", True, sorted(files),
    )  # fmt: skip


def test_rom_is_stamped(made: Path, files: dict[str, bytes]) -> None:
    version = parse(files[ROM]).images[0].version
    assert version is not None
    assert version.raw("git_id").hex() == git(made / "tree", "rev-parse", "HEAD").strip()
    assert (version.number("flags"), version.number("source_date")) == (0, DATE)
    assert main(["info", str(made / "bundle" / ROM), "--check-version", f"v{__version__}"]) == 0


def test_nothing_of_the_machine_is_in_it(made: Path, files: dict[str, bytes]) -> None:
    names = {str(made), "romgen-release-", "somebody-else", "dówn", "Kiritimati"}
    names |= {name for name in (os.uname().nodename, os.environ.get("USER", "")) if len(name) > 5}
    for name, data in files.items():
        assert [word for word in names if word.encode() in data] == [], name


def test_sums_are_those_of_sha256sum(made: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],
        cwd=made / "bundle", timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0


def test_sbom_has_what_is_linked(files: dict[str, bytes]) -> None:
    data = json.loads(files["sbom.cdx.json"])
    names = {one["name"] for one in data["components"] if one["type"] == "file"}
    assert {"asm/rom/header.asm", "undi/nic/e1000.asm", "asm/include/rom.inc"} <= names
    assert "undi/nic/ne2k.asm" not in names  # of another adapter
    known = {one["bom-ref"] for one in data["components"]}
    for one in data["dependencies"]:
        assert set(one["dependsOn"]) <= known


def test_verify(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify", str(made / "bundle"), "--public-key", str(made / "release-key.pub")]
    assert main(arguments) == 0
    assert capsys.readouterr().out.endswith(f"bundle: {12} files, all right\n")
    assert main([*arguments, "--min-epoch", "7", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["right"], len(report["problems"])) == (False, 1)
    assert "at least 7" in report["problems"][0]["message"]


def test_info_with_symbols(
    made: Path, files: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rom = tmp_path / ROM
    rom.write_bytes(files[ROM])
    assert main(["info", str(rom), "--symbols"]) == 2
    (tmp_path / ELF).write_bytes(files[ELF])
    assert main(["info", str(rom), "--symbols"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.endswith("pnp0.bcv            rom_bcv") for line in lines)
    assert any(line.endswith("int13_entry") for line in lines)
    assert main(["info", str(rom), "--symbols", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    found = {one["field"]: one["symbol"] for one in data["pointers"]}
    assert found == {"entry": "rom_init", "pnp0.bcv": "rom_bcv", "undi.loader": "undi_loader"}
    at = {one["name"]: one["offset"] for one in data["symbols"] if not one["packed"]}
    assert files[ROM][at["rom_version"] : at["rom_version"] + 4] == b"$RGV"
    bad = bytearray(files[ROM])
    bad[at["int13_entry"]] ^= 1
    rom.write_bytes(bad)
    assert main(["info", str(rom), "--symbols"]) == 1
    assert ".text is not what the image has, this ELF file is" in capsys.readouterr().err


# any flipped bit


def flipped(files: dict[str, bytes], name: str, bit: int) -> dict[str, bytes]:
    data = bytearray(files[name])
    data[bit // 8] ^= 1 << bit % 8
    return {**files, name: bytes(data)}


def test_flipped_bits_of_every_file(files: dict[str, bytes], public: str) -> None:
    for name, data in files.items():
        size = 8 * len(data)
        step = max(size // 40, 1) | 1  # odd: every bit of a byte gets its turn
        if name == bundle.SIGNATURE:
            step = size // 60 | 1
        for bit in {0, size - 1, *range(0, size, step)}:
            assert problems(flipped(files, name, bit), public), (name, bit)


@settings(max_examples=150, deadline=None)
@given(place=st.data())
def test_any_flipped_bit(place: st.DataObject, files: dict[str, bytes], public: str) -> None:
    name = place.draw(st.sampled_from(sorted(files)))
    bit = place.draw(st.integers(0, 8 * len(files[name]) - 1))
    found = problems(flipped(files, name, bit), public)
    named = {one.file for one in found}
    assert named and (name in named or name == bundle.SUMS)


def test_every_bit_of_the_sums(files: dict[str, bytes]) -> None:
    # Without the signature: a changed list names another file or another sum, or is no list.
    small = {name: data for name, data in files.items() if len(data) < 4000}
    small[bundle.SUMS] = bundle.sums(without(bundle.SIGNATURE)(without(bundle.SUMS)(small)))
    assert not list(sum_problems(small))
    for bit in range(8 * len(small[bundle.SUMS])):
        assert list(sum_problems(flipped(small, bundle.SUMS, bit))), bit


# files that come, go, change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: {k: v for k, v in f.items() if k != ROM}, f"{ROM}: it is missing"),
        (lambda f: {**f, "more.rom": b""}, "more.rom: it does not belong to the release"),
        (lambda f: {k: v for k, v in f.items() if k != bundle.SUMS}, "SHA256SUMS: it is missing"),
        (lambda f: {**f, bundle.SUMS: b""}, "SHA256SUMS: this is no list of sums"),
        (lambda f: {**f, bundle.SUMS: f[bundle.SUMS] * 2}, "SHA256SUMS: this is no list of sums"),
        (lambda f: {**f, bundle.SUMS: f[bundle.SUMS] + bytes(1)}, "this is no list of sums"),
        (
            lambda f: {**f, bundle.SUMS: f[bundle.SUMS] + b"0" * 64 + b"  zzz\n"},
            "zzz: it is missing",
        ),
        (
            lambda f: {**f, bundle.SUMS: b"0" * 64 + b"  SHA256SUMS.sig\n"},
            "SHA256SUMS: it names SHA256SUMS.sig",
        ),
        (
            lambda f: {k: v for k, v in f.items() if k != bundle.SIGNATURE},
            "SHA256SUMS.sig: the bundle is not signed",
        ),
        (lambda f: {**f, bundle.SIGNATURE: b"x"}, "this is no SSH signature"),
        (
            lambda f: {**f, bundle.SIGNATURE: rewrapped(f[bundle.SIGNATURE], 76)},
            "not written as ssh-keygen writes it",
        ),
        (
            lambda f: {**f, bundle.SIGNATURE: f[bundle.SIGNATURE] + b"\n"},
            "not written as ssh-keygen writes it",
        ),
    ],
)
def test_other_files(
    change: Callable[[dict[str, bytes]], dict[str, bytes]],
    message: str,
    files: dict[str, bytes],
    public: str,
) -> None:
    assert message in messages(problems(change(files), public))


def test_head_of_the_signature(files: dict[str, bytes], public: str) -> None:
    # ssh-keygen itself takes version 0 for 1, and does not look at what is reserved.
    blob = dearmor(files[bundle.SIGNATURE].decode())
    assert blob is not None
    for bit in range(8 * 6, 8 * 87):  # up to the end of the reserved field
        bad = bytearray(blob)
        bad[bit // 8] ^= 1 << bit % 8
        assert wrong_signature(files[bundle.SUMS], armor(bytes(bad)).encode(), public), bit


def test_other_keys_and_purposes(
    made: Path, files: dict[str, bytes], public: str, tmp_path: Path
) -> None:
    other = new_key(tmp_path)
    assert not problems(signed(files, other), read_public_key(other.with_suffix(".pub")))
    assert "is not this key's" in messages(problems(signed(files, other), public))
    (tmp_path / "sums").write_bytes(files[bundle.SUMS])
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-q", "-n", "file", "-f", made / "release-key",
         tmp_path / "sums"],
        timeout=60, check=True,
    )  # fmt: skip
    signature = (tmp_path / "sums.sig").read_bytes()
    assert wrong_signature(files[bundle.SUMS], signature, public)


def edit(name: str, *path: str | int, value: Any) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    """Change one value of a JSON file."""

    def change(files: dict[str, bytes]) -> dict[str, bytes]:
        data = json.loads(files[name])
        place = data
        for key in path[:-1]:
            place = place[key]
        assert place[path[-1]] != value
        place[path[-1]] = value
        return {**files, name: bundle.json_text(data)}

    return change


def replaced(name: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    def change(files: dict[str, bytes]) -> dict[str, bytes]:
        assert old in files[name]
        return {**files, name: files[name].replace(old, new, 1)}

    return change


def restamped(**values: Any) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda files: {
        **files, ROM: stamp(files[ROM], Stamp(**{"version": Version.parse(__version__), **values}))
    }  # fmt: skip


def without(name: str) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda files: {k: v for k, v in files.items() if k != name}


MANIFEST, SBOM, PROVENANCE = "manifest.json", "sbom.cdx.json", "provenance.intoto.json"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (restamped(), "its version structure is not the manifest's"),
        (restamped(flags=1), "it is marked as dirty"),
        (restamped(version=Version(9, 9, 9)), "PCIR code revision is 0909"),
        (lambda f: {**f, ROM: f[ROM][:-512]}, f"{ROM}+0x2c: ROM003"),
        (lambda f: {**f, ROM: b""}, "ROM001"),
        (lambda f: {**f, "other.rom": f[ROM]}, "the ROMs in the bundle are others: other.rom"),
        (without(ROM), "malformed: KeyError"),
        (without(ELF), "malformed: KeyError"),
        (edit(MANIFEST, "tag", value="v9.9.9"), "the tag is v9.9.9"),
        (edit(MANIFEST, "kind", value="other"), "kind other, schema 1"),
        (edit(MANIFEST, "stamp", "version", value="1"), "'1' is no version"),
        (edit(MANIFEST, "layouts", value={}), "the ROMs in the bundle are others"),
        (edit(MANIFEST, "layouts", LAYOUT, "build_id", value="00" * 8), "its build id is of"),
        (edit(MANIFEST, "layouts", LAYOUT, "size", value=1), f"{ROM} has other bytes"),
        (replaced(MANIFEST, b"{", b"["), "malformed: JSONDecodeError"),
        (lambda f: {**f, MANIFEST: b"[" * 100_000}, "malformed: "),
        (edit(f"{LAYOUT}.map.json", "layout", value="x"), "is of another image"),
        (lambda f: {**f, ELF: f[ELF][:99]}, "*.elf: cannot read"),
        (edit(SBOM, "components", 0, "hashes", 0, "content", value=""), "has another SHA-256"),
        (edit(SBOM, "components", 1, "bom-ref", value="rom:x"), "has ROMs that the release"),
        (edit(PROVENANCE, "subject", value=[]), "its subjects are not the ROMs"),
        (
            edit(PROVENANCE, "predicate", "buildDefinition", "externalParameters", "tag", value=""),
            "it is about another tag",
        ),
        (edit("pcr2.json", "roms", LAYOUT, 0, "size", value=1), "would measure something else"),
        (replaced(f"{LAYOUT}.metainfo.xml", b'e version="', b'e version="9'), "about another ROM"),
        (replaced(f"{LAYOUT}.metainfo.xml", b"<id>", b"<"), "malformed: "),
        (replaced("RELEASE_NOTES.md", b"romgen", b"other"), "it is about another version"),
        (replaced("RELEASE_NOTES.md", b"romgen", b"\xff"), "malformed: UnicodeDecodeError"),
    ],
)
def test_content_that_does_not_fit(
    change: Callable[[dict[str, bytes]], dict[str, bytes]], message: str, files: dict[str, bytes]
) -> None:
    assert message in messages(content_problems(change(files)))


def test_elf_of_another_build(made: Path, files: dict[str, bytes]) -> None:
    sections = {part.name: part.data for part in read_program(made / "bundle" / ELF).sections}
    for name in (".text", ".rodata"):
        data = bytearray(files[ELF])
        data[data.index(sections[name]) + len(sections[name]) // 2] ^= 1
        found = messages(content_problems({**files, ELF: bytes(data)}))
        assert f"{name} of {ELF} is not what the ROM has" in found


# the command line of verify


def test_verify_refuses(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, key = str(made / "bundle"), str(made / "release-key.pub")
    (tmp_path / "key").write_text("no key\n")
    for name in ("empty", "odd", "folder"):
        (tmp_path / name).mkdir()
    (tmp_path / "odd" / "link").symlink_to("/dev/null")
    (tmp_path / "folder" / "inner").mkdir()
    for arguments, status, message in (
        ([str(tmp_path / "none"), "--public-key", key], 2, "cannot read: No such file"),
        ([good, "--public-key", str(tmp_path / "none")], 2, "cannot read: No such file"),
        ([good, "--public-key", str(tmp_path / "key")], 2, "this is no public key of OpenSSH"),
        ([good], 2, "--public-key"),
        ([str(tmp_path / "odd"), "--public-key", key], 1, "a bundle has plain files only"),
        ([str(tmp_path / "folder"), "--public-key", key], 1, "a bundle has plain files only"),
        ([str(tmp_path / "empty"), "--public-key", key], 1, "SHA256SUMS: it is missing"),
    ):
        assert main(["verify", *arguments]) == status, arguments
        printed = capsys.readouterr()
        assert message in printed.out + printed.err, arguments
    with (tmp_path / "empty" / "large").open("wb") as stream:
        stream.truncate(bundle.FILE_MAX + 1)
    assert main(["verify", str(tmp_path / "empty"), "--public-key", key]) == 1


def test_without_ssh_keygen(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    key = str(made / "release-key.pub")
    assert main(["verify", str(made / "bundle"), "--public-key", key]) == 3
    assert "ssh-keygen is not installed, install the package openssh" in capsys.readouterr().err


# signing in two steps


def test_signature_in_a_second_step(
    made: Path, files: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bundle"
    bundle.write(folder, without(bundle.SIGNATURE)(files))
    shutil.copy(folder / bundle.SUMS, tmp_path / "sums")
    subprocess.run(
        command(str(made / "release-key"), str(tmp_path / "sums")).split(),
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    attach = ["release", "--attach", str(tmp_path / "sums.sig"), "-o", str(folder)]
    key = ["--public-key", str(made / "release-key.pub")]
    assert main([*attach, *key, "--unsigned"]) == 2
    assert main(attach) == 2
    assert main([*attach, *key]) == 0
    assert "12 files, signed" in capsys.readouterr().out
    assert bundle.read(folder) == files
    other = new_key(tmp_path)
    assert main([*attach, "--public-key", f"{other}.pub"]) == 1
    assert "is not right with this signature" in capsys.readouterr().err
    (tmp_path / "sums.sig").write_text("nothing")
    assert main([*attach, *key]) == 2
    (tmp_path / "sums.sig").unlink()
    assert main([*attach, *key]) == 2
    assert bundle.read(folder) == files


def test_key_that_waits(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "ssh-keygen"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("romgen.release.sign.TIMEOUT", 0.2)
    with pytest.raises(RomgenError, match="ssh-keygen did not end") as caught:
        sign(b"", made / "release-key")
    assert caught.value.status == 3


def test_key_that_does_not_sign(tmp_path: Path) -> None:
    with pytest.raises(RomgenError, match="there is no such key"):
        sign(b"", tmp_path / "none")
    (tmp_path / "key").write_text("nothing")
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(RomgenError, match="does not sign with this key"):
        sign(b"", tmp_path / "key")


# the same tag makes the same bundle


@pytest.fixture
def built_again(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """`release` on the throwaway tree with the products that it had; they may be changed."""
    product = {kind: tmp_path / f"{LAYOUT}{end}" for kind, end in bundle.SUFFIXES.items()}
    for path in product.values():
        shutil.copy(made / "bundle" / path.name, path)
    tree = made / "tree"
    monkeypatch.setattr("romgen.commands.release.Project", lambda: Project(tree, tmp_path))
    monkeypatch.setattr(
        "romgen.commands.release.rebuild",
        lambda plan, layouts, folder: (tree, [rebuild.Product(LAYOUT, product)]),
    )
    return product


def test_same_bundle_again(
    made: Path,
    files: dict[str, bytes],
    built_again: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["release", "--key", str(made / "release-key")]) == 0
    folder = tmp_path / "release" / f"romgen-{__version__}"
    assert bundle.read(folder) == files
    assert f"v{__version__}, 12 files, signed" in capsys.readouterr().out
    out = tmp_path / "unsigned"
    assert main(["release", "--unsigned", "-o", str(out)]) == 0
    assert f"to sign: {command('KEY', str(out / bundle.SUMS))}" in capsys.readouterr().out
    assert bundle.read(out) == without(bundle.SIGNATURE)(files)


def test_products_that_do_not_fit(
    built_again: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rom = built_again["rom"]
    rom.write_bytes(stamp(rom.read_bytes(), Stamp(Version.parse(__version__), 1)))
    assert main(["release", "--unsigned", "-o", str(tmp_path / "out")]) == 1
    assert "it is marked as dirty" in capsys.readouterr().err
    assert main(["release", "--key", str(tmp_path / "none"), "-o", str(tmp_path / "out")]) == 1
    assert not (tmp_path / "out").exists()


# what is refused


def test_plan(tmp_path: Path) -> None:
    tree = repository(tmp_path, {})
    plan = make_plan(tree)
    assert (str(plan.version), plan.tag, plan.security_epoch) == ("1.4.2", "v1.4.2", 3)
    assert (plan.commit, plan.date) == (git(tree, "rev-parse", "HEAD").strip(), DATE)
    assert (plan.notes, plan.previous) == (NOTES.strip(), "")


def test_last_release(tmp_path: Path) -> None:
    init = "romgen/__init__.py"
    old = {"v1.4.1": 2, "v1.5.0": 9, "v1.4.2-rc1": 1, "v0.9.0": 3, "vendor": 9}
    tree = repository(tmp_path, {}, "")
    for tag, epoch in old.items():
        (tree / init).write_text(f'__version__ = "{tag[1:]}"\n__security_epoch__ = {epoch}\n')
        commit(tree, tag)
    text = '__version__ = "1.4.2"\n__security_epoch__ = {}\n'
    (tree / init).write_text(text.format(3))
    commit(tree, "v1.4.2")
    assert make_plan(tree).previous == "v1.4.2-rc1"
    git(tree, "tag", "-d", "v1.4.2")
    (tree / init).write_text(text.format(2))
    commit(tree, "v1.4.2")
    with pytest.raises(RomgenError, match="security epoch 2, but a former release has 3"):
        make_plan(tree)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"CHANGELOG.md": "## 1.4.1\n\n- Old.\n"}, "the section of 1.4.2 is missing"),
        ({"CHANGELOG.md": "## 1.4.2\n\n## 1.4.1\n- x\n"}, "the section of 1.4.2 is empty"),
        ({"romgen/__init__.py": '__version__ = "1.4.3"\n'}, "the tag v1.4.3 of __version__"),
        ({"romgen/__init__.py": ""}, "'' is no version"),
    ],
)
def test_refused_commits(files: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(RomgenError) as caught:
        make_plan(repository(tmp_path, files))
    assert message in str(caught.value)


def test_refused_trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(RomgenError, match="no git checkout"):
        make_plan(tmp_path)
    git(tmp_path, "init", "-q")
    with pytest.raises(RomgenError, match="there is no commit"):
        make_plan(tmp_path)
    tree = repository(tmp_path, {})
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "more")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{tree}", "shallow")
    with pytest.raises(RomgenError, match=r"a shallow clone.*git fetch --unshallow"):
        make_plan(tree / "shallow")
    shutil.rmtree(tree / "shallow")
    (tree / "new").touch()
    with pytest.raises(RomgenError, match="the tree is dirty: 1 file,") as caught:
        make_plan(tree)
    assert caught.value.status == 1 and "?? new" in str(caught.value)
    (tree / "CHANGELOG.md").write_text("")
    with pytest.raises(RomgenError, match="the tree is dirty: 2 files"):
        make_plan(tree)
    (tree / "new").unlink()
    git(tree, "checkout", "-q", ".")
    git(tree, "commit", "-q", "--allow-empty", "-m", "behind the tag")
    with pytest.raises(RomgenError, match=r"v1\.4\.2 of __version__ is not at HEAD"):
        make_plan(tree)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RomgenError, match="git is not installed") as caught:
        make_plan(tree)
    assert caught.value.status == 3


@pytest.mark.parametrize(
    "arguments",
    [[], ["--key", "k", "--unsigned"], ["--unsigned", "--public-key", "k"]],
)
def test_wrong_arguments(arguments: list[str]) -> None:
    assert main(["release", *arguments]) == 2


def test_changelog_sections() -> None:
    text = "# Log\n## [1.0.1] - 2026\n- b\n### Fixed\n- c\n## v1.0.0\n\n- a\n"
    assert section(text, "1.0.1") == "- b\n### Fixed\n- c"
    assert section(text, "1.0.0") == "- a"
    assert section(text, "1.0") is None
    assert version_settings("x = 1\n") == ("", 0)


# builds that differ

FAKE = """
import json, os, pathlib, sys, time
out = pathlib.Path("build"); out.mkdir()
(out / "x.rom").write_bytes(b"same " + repr({leak}).encode())
print(json.dumps({{"images": [{{"layout": "x", "rom": str(out / "x.rom")}}]}}))
"""


@pytest.mark.parametrize(
    "leak",
    [
        "os.getcwd()",
        "time.strftime('%H', time.localtime(0))",
        "os.environ['LC_ALL']",
        "os.environ['USER']",
        "oct((out / 'x.rom').parent.stat().st_mode)",
        "list({'a', 'b', 'c', 'd', 'e', 'f'})",
    ],
)
def test_builds_that_differ(
    leak: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = {"romgen/__main__.py": FAKE.format(leak=leak), ".gitignore": "build/\n"}
    tree = repository(tmp_path / "tree", code)
    monkeypatch.setattr("romgen.commands.release.Project", lambda: Project(tree, tree / "build"))
    assert main(["release", "--unsigned", "-o", str(tmp_path / "out")]) == 1
    assert "two builds of the same tag differ" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit('no nasm')", "romgen build failed in the tree of the tag"),
        ("print('no JSON')", "romgen build --json of the tag says something else"),
        ("print('[]')", "romgen build --json of the tag says something else"),
    ],
)
def test_builds_that_fail(code: str, message: str, tmp_path: Path) -> None:
    plan = make_plan(repository(tmp_path / "tree", {"romgen/__main__.py": code}))
    with pytest.raises(RomgenError) as caught:
        rebuild.rebuild(plan, ["all"], tmp_path / "work")
    assert message in str(caught.value) and caught.value.status == 1


def test_build_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = {"romgen/__main__.py": "import time; time.sleep(60)"}
    plan = make_plan(repository(tmp_path / "tree", code))
    monkeypatch.setattr(rebuild, "BUILD_TIMEOUT", 0.3)
    with pytest.raises(RomgenError, match=r"did not end within 0 s") as caught:
        rebuild.rebuild(plan, ["all"], tmp_path / "work")
    assert caught.value.status == 3
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RomgenError, match="git does not run") as caught:
        rebuild.rebuild(plan, ["all"], tmp_path / "more")
    assert caught.value.status == 3


def test_other_products() -> None:
    one = rebuild.Product("x", {})
    with pytest.raises(RomgenError, match="not the same products"):
        rebuild.compare([one], [])


def test_first_difference() -> None:
    find = rebuild.first_difference
    assert [find(b"ab", b"ab"), find(b"ab", b"aXb"), find(b"ab", b"abc")] == [None, 1, 2]


def test_bundle_is_there_already(files: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(RomgenError, match="this is there already"):
        bundle.write(tmp_path, files)
    (tmp_path / "file").touch()
    with pytest.raises(RomgenError, match="cannot write"):
        bundle.write(tmp_path / "file" / "bundle", files)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_release_into_a_folder_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = repository(tmp_path / "tree", {})
    monkeypatch.setattr("romgen.commands.release.Project", lambda: Project(tree, tree / "build"))
    assert main(["release", "--unsigned", "-o", str(tmp_path)]) == 2
    assert "this is there already" in capsys.readouterr().err


# numbers of others


def test_tpm_event() -> None:
    empty = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
    assert tpm.event(b"").hex() == f"07000000180000000000{'0000'}{empty}"
    assert tpm.extend("sha1", bytes(20), bytes(20)).hex().startswith("b80de5d138758541")


def test_guid_of_fwupd() -> None:
    # fwupd's own self test: fwupd_guid_hash_string("python.org") in the DNS namespace.
    assert guid("python.org") == "886313e1-3b8a-5372-9b90-0c9aee199e5d"
