"""A release of a throwaway tag, made once for all tests; small repositories for what is refused."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from romgen import __version__
from romgen.project import ROOT
from romgen.release import bundle
from romgen.release.sign import armor, dearmor, sign

LAYOUT = "iscsi-e1000"
GUIDE = ROOT / "docs" / "guide" / "release.md"
RELEASE_TIMEOUT = 300
DATE = 1_700_000_000
NOTES = "- First.\n- Second,\n  with more.\n"


def git(tree: Path, *arguments: str) -> str:
    """git in `tree`, as nobody in particular."""
    who = {"GIT_AUTHOR_DATE": f"@{DATE} +0000", "GIT_COMMITTER_DATE": f"@{DATE} +0000"}
    config = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *config, *arguments],
        cwd=tree,
        env={**os.environ, **who},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def commit(tree: Path, tag: str = "") -> None:
    """Everything in `tree` as a commit, with a tag."""
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "--allow-empty", "-m", "x")
    if tag:
        git(tree, "tag", tag)


def repository(tree: Path, files: Mapping[str, str], tag: str = "v1.4.2") -> Path:
    """A small repository with `files`, and what every release needs."""
    given = {
        "romgen/__init__.py": '__version__ = "1.4.2"\n__security_epoch__ = 3\n',
        "CHANGELOG.md": f"# Changelog\n\n## 1.4.2 - today\n\n{NOTES}\n## 1.4.1\n\n- Old.\n",
        **files,
    }
    for name, text in given.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(tree, "init", "-q")
    commit(tree, tag)
    return tree


def throwaway(tree: Path) -> Path:
    """This tree's files as a repository of its own with a tag for its version."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, timeout=60, check=True,
    ).stdout.decode()  # fmt: skip
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if source.is_file() and not name.startswith("tests/"):
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.read_bytes())
    git(tree, "init", "-q")
    commit(tree, f"v{__version__}")
    return tree


def new_key(folder: Path, name: str = "key") -> Path:
    """A key pair."""
    path = folder / name
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)],
        timeout=60, check=True,
    )  # fmt: skip
    return path


def guide_commands() -> list[str]:
    """The commands of the guide's indented lines, in order."""
    lines = GUIDE.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.startswith("    ")]


def make_release(shared: Path) -> Path:
    """The release, in `shared`: made by the first who asks; a folder with bundle and key."""
    folder = shared / "romgen-release"
    with (shared / "romgen-release.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "done").is_file():
            return folder
        folder.mkdir()
        key = new_key(folder, "release-key")
        tree = throwaway(folder / "tree")
        [line] = [one for one in guide_commands() if one.startswith("romgen release --key")]
        words = {"release-key": str(key), "bundle": str(folder / "bundle")}
        command = [words.get(word, word) for word in line.split()[1:]]
        done = subprocess.run(
            [sys.executable, "-m", "romgen", *command, "--json", "--layout", LAYOUT],
            cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)},
            capture_output=True, text=True, timeout=RELEASE_TIMEOUT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert git(tree, "status", "--porcelain") == ""
        (folder / "report.json").write_text(done.stdout)
        (folder / "done").touch()
    return folder


def signed(files: Mapping[str, bytes], key: Path) -> dict[str, bytes]:
    """The files with new sums and a new signature."""
    rest = {k: v for k, v in files.items() if k not in (bundle.SUMS, bundle.SIGNATURE)}
    text = bundle.sums(rest)
    return {**rest, bundle.SUMS: text, bundle.SIGNATURE: sign(text, key).encode()}


def rewrapped(signature: bytes, width: int) -> bytes:
    """The same signature with other line breaks."""
    blob = dearmor(signature.decode())
    assert blob is not None
    first, *lines, last = armor(blob).split("\n")[:-1]
    text = "".join(lines)
    rows = [text[at : at + width] for at in range(0, len(text), width)]
    return "\n".join([first, *rows, last, ""]).encode()
