"""docs/guide/release.md: its commands run, in its order."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from release_kit import guide_commands, make_release

from romgen import __version__
from romgen.project import ROOT


def test_commands_of_the_guide(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp()
    made = make_release(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
    done_before = {
        # The release itself was made by the guide's own command (release_kit), with its key.
        "ssh-keygen -q -t ed25519": f"cp {shlex.quote(str(made))}/release-key* .",
        "git tag": "true",
        "romgen release --key": f"cp -r {shlex.quote(str(made / 'bundle'))} bundle",
        "romgen release --unsigned": "cp -r bundle unsigned; rm unsigned/SHA256SUMS.sig",
    }
    commands = guide_commands()
    lines = []
    for command in commands:
        known = [value for start, value in done_before.items() if command.startswith(start)]
        lines.append(known[0] if known else command)
    assert sum(line in done_before.values() for line in lines) == len(done_before)
    romgen = f'romgen() {{ {shlex.quote(sys.executable)} -m romgen "$@"; }}'
    script = "\n".join(["set -eu", romgen, f"VERSION={__version__}", *lines])
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-xc", script],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "unsigned" / "SHA256SUMS.sig").is_file()
    assert "diff" in done.stderr and "0/version text: " in done.stdout


def test_tag_command_is_right() -> None:
    [tag] = [one for one in guide_commands() if one.startswith("git tag")]
    assert tag.endswith("v$VERSION")
