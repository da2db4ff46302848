"""tools/bootstrap.sh: says what is missing, touches nothing when all is there."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from romgen.project import ROOT

SCRIPT = "tools/bootstrap.sh"
PLAIN = ("sh", "cat", "cksum", "sort", "sed", "mkdir", "dirname", "rm", "id", "flock", "chmod",
         "readlink", "env")  # fmt: skip


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A tree with nothing but the set-up's own files, and a folder `bin` as the only PATH."""
    shutil.copytree(ROOT / "tools", tmp_path / "clone" / "tools")
    binaries = tmp_path / "clone" / "bin"
    binaries.mkdir()
    for name in PLAIN:
        found = shutil.which(name)
        assert found, name
        (binaries / name).symlink_to(found)
    return tmp_path / "clone"


def fake(clone: Path, name: str, body: str = "exit 0") -> None:
    """A command in the clone's PATH."""
    path = clone / "bin" / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!{shutil.which('sh')}\n{body}\n")
    path.chmod(0o755)


def run(clone: Path, goal: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / SCRIPT, goal],
        env={"PATH": str(clone / "bin"), "HOME": str(clone), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_names_the_one_command(clone: Path) -> None:
    for tool in ("ld", "apt-get"):
        fake(clone, tool)
    fake(clone, "python3")
    fake(clone, "id", "echo 1000")
    done = run(clone, "rom")
    assert done.returncode == 3
    assert done.stderr == (
        "bootstrap: missing: nasm. Run: sudo apt-get install -y --no-install-recommends nasm\n"
    )
    assert not (clone / ".venv").exists()


def test_root_may_forbid_installing(clone: Path) -> None:
    fake(clone, "apt-get", f"touch {clone}/installed")
    fake(clone, "apt-cache")
    fake(clone, "id", "echo 0")
    done = run(clone, "rom", ROMGEN_NO_INSTALL="1")
    assert done.returncode == 3
    # No Python at all: its package is in the same command.
    wanted = "apt-get install -y --no-install-recommends binutils nasm python3-venv"
    assert done.stderr.endswith(f"Run: {wanted}\n")
    assert not (clone / "installed").exists()


def test_without_apt(clone: Path) -> None:
    done = run(clone, "boot")
    assert done.returncode == 3
    assert "binutils nasm qemu-system-x86" in done.stderr
    assert "with the system's package manager" in done.stderr


def test_old_python_gets_a_newer_package(clone: Path) -> None:
    fake(clone, "apt-get")
    fake(clone, "apt-cache", "echo 'python3:'; echo '  Candidate: 3.10.6-1'")
    fake(clone, "python3", "exit 1")  # as `sys.exit(version < 3.11)` ends there
    fake(clone, "id", "echo 1000")
    assert run(clone, "rom").stderr.endswith(" binutils nasm python3.11-venv\n")


def test_installer_fails(clone: Path) -> None:
    fake(clone, "apt-get", "echo no network; exit 100")
    fake(clone, "apt-cache")
    # The real services policy of this machine is not to be touched by a test.
    if not Path("/usr/sbin/policy-rc.d").exists():
        script = clone / SCRIPT
        script.write_text(script.read_text().replace("/usr/sbin", f"{clone}/sbin"))
        (clone / "sbin").mkdir()
    fake(clone, "id", "echo 0")
    done = run(clone, "rom")
    assert done.returncode == 3
    assert "no network" in done.stderr
    assert not list(clone.glob("sbin/*"))


def test_unknown_goal(clone: Path) -> None:
    done = run(clone, "nonsense")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: tools/bootstrap.sh rom|boot|test")


def test_second_run_costs_nothing(clone: Path) -> None:
    for tool in ("nasm", "ld", "python3"):
        fake(clone, tool)
    fake(clone, "python", f"echo $* >>{clone}/calls")
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").symlink_to(clone / "bin" / "python")
    assert run(clone, "rom").returncode == 0
    assert "-r tools/requirements/rom.txt" in (clone / "calls").read_text()
    command = subprocess.run(
        [clone / ".venv" / "bin" / "romgen", "ev", "check"],
        env={"PATH": str(clone / "bin")},
        cwd="/",
        check=False,
    )
    assert command.returncode == 0
    assert (clone / "calls").read_text().endswith("-m romgen ev check\n")
    (clone / "calls").unlink()
    started = time.monotonic()
    done = run(clone, "rom")
    assert time.monotonic() - started < 1.0  # some 10 ms; the machine may be busy
    assert (done.returncode, done.stderr) == (0, "")
    assert not (clone / "calls").exists()
    # Other requirements are another set-up.
    with (clone / "tools/requirements/rom.txt").open("a") as stream:
        stream.write("# changed\n")
    assert run(clone, "rom").returncode == 0
    assert (clone / "calls").exists()


def imports(folder: Path) -> set[str]:
    """Modules of other people that the Python files below `folder` import."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found.update(name.name.split(".")[0] for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    own = {path.stem for path in (ROOT / "tests").rglob("*")} | {"romgen"}
    return found - set(sys.stdlib_module_names) - own


def pinned(goal: str) -> set[str]:
    """Distributions that the requirements of a goal name, in small letters."""
    names: set[str] = set()
    for line in (ROOT / f"tools/requirements/{goal}.txt").read_text().splitlines():
        if line.startswith("-r "):
            names |= pinned(line.removeprefix("-r ").removesuffix(".txt"))
        elif line and not line.startswith("#"):
            names.add(line.split("==")[0].lower())
    return names


DISTRIBUTIONS = {"elftools": "pyelftools"}


@pytest.mark.parametrize(("goal", "folder"), [("boot", "romgen"), ("test", "tests")])
def test_every_import_is_pinned(goal: str, folder: str) -> None:
    wanted = {DISTRIBUTIONS.get(name, name) for name in imports(ROOT / folder)}
    assert wanted
    assert wanted - pinned(goal) == set()


def test_building_needs_no_more_than_its_pins() -> None:
    code = "import sys, romgen.commands.build; print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    others = {"crcmod", "unicorn", "capstone", "hypothesis", "pytest", "lief"}
    assert set(done.stdout.split()) & others == set()


def test_script_is_posix(clone: Path) -> None:
    dash = shutil.which("dash") or shutil.which("sh")
    assert dash
    subprocess.run([dash, "-n", ROOT / SCRIPT], check=True, timeout=10)
    assert os.access(ROOT / SCRIPT, os.X_OK)
    assert os.access(ROOT / ".ci/run", os.X_OK)
