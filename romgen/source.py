"""Where a tree comes from: its commit, that commit's date, whether something was changed since.

Nothing here asks a clock, and nothing of the host, the user or a path is in the answer.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from romgen.errors import RomgenError

GIT_TIMEOUT = 20.0
"""Seconds."""
INPUTS = ("asm", "undi", "layouts", "romgen")
"""What ROMs are made of; changes elsewhere do not make them dirty."""
HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
DATE_MAX = 0xFFFFFFFF
GIT_ID_DIGITS = 40
"""Of a SHA-256 repository's longer ids there is room for the first ones."""


@dataclass(frozen=True, slots=True)
class Source:
    """git_id: 40 hex digits, "" = unknown; date: seconds since 1970, 0 = unknown."""

    git_id: str = ""
    date: int = 0
    dirty: bool = False


def git(root: Path, *arguments: str) -> str | None:
    """What git says in `root`; None without git, outside a checkout, or where git refuses."""
    # In a hook of git these name the hook's repository, whatever the folder.
    outside = {name: value for name, value in os.environ.items() if name not in HOOK_VARIABLES}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=root,
            env={**outside, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=GIT_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def is_checkout(root: Path) -> bool:
    """Whether `root` is the top of a checkout, and not an exported tree inside another one."""
    top = git(root, "rev-parse", "--show-toplevel")
    return top is not None and os.path.realpath(top) == os.path.realpath(root)


def epoch_of(environment: Mapping[str, str]) -> int | None:
    """SOURCE_DATE_EPOCH. Error: it is no number of seconds."""
    text = environment.get("SOURCE_DATE_EPOCH")
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or int(text) > DATE_MAX:
        raise RomgenError("source-date", "SOURCE_DATE_EPOCH", f"{text!r} is no number of seconds")
    return int(text)


def read_source(
    root: Path, environment: Mapping[str, str], paths: Sequence[str] = INPUTS
) -> Source:
    """Where the tree `root` comes from. paths: changes below these make it dirty."""
    found = Source()
    if is_checkout(root):
        head = (git(root, "log", "-1", "--format=%H %ct") or "").split()
        if len(head) == 2:
            changed = git(root, "status", "--porcelain", "--untracked-files=all", "--", *paths)
            found = Source(head[0][:GIT_ID_DIGITS], int(head[1]), changed != "")
    date = epoch_of(environment)
    return found if date is None else replace(found, date=date)
