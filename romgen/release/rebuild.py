"""Builds a tag twice, in surroundings that differ, and compares every product byte for byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from romgen.errors import EXIT_FINDINGS, EXIT_TOOL, RomgenError
from romgen.release.plan import Plan

CLONE_TIMEOUT = 120.0
BUILD_TIMEOUT = 900.0
"""Seconds; a layout takes about one."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where and how a build runs. folder: below a place of its own."""

    folder: str
    umask: int
    environment: dict[str, str]


# What may leak into a build: names of folders (length, blanks, letters beyond ASCII), time zone,
# locale, umask, user, the order of Python's sets.
SURROUNDINGS = (
    Surroundings(
        "a/tree",
        0o022,
        {
            "TZ": "UTC",
            "LC_ALL": "C",
            "LANG": "C",
            "USER": "builder",
            "LOGNAME": "builder",
            "PYTHONHASHSEED": "1",
        },
    ),
    Surroundings(
        "b/another folder, much farther dówn/tree",
        0o077,
        {
            "TZ": "Pacific/Kiritimati",
            "LC_ALL": "C.UTF-8",
            "LANG": "tr_TR.UTF-8",
            "USER": "somebody-else",
            "LOGNAME": "somebody-else",
            "PYTHONHASHSEED": "4242",
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Product:
    """What one layout became. files: kind (rom, elf, undi_elf, map) -> path."""

    layout: str
    files: dict[str, Path]


def _run(
    command: Sequence[str], cwd: Path, where: Surroundings, env: dict[str, str], timeout: float
) -> str:
    """Run a step of a build; returns what it printed. Errors: it fails, it does not end."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            umask=where.umask,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        message = f"{command[0]} does not run: {error.strerror}"
        raise RomgenError("tool-missing", "", message, status=EXIT_TOOL) from error
    except subprocess.TimeoutExpired as error:
        message = f"{command[0]} did not end within {timeout:.0f} s"
        raise RomgenError("tool-timeout", "", message, status=EXIT_TOOL) from error
    if done.returncode:
        message = f"{' '.join(command[:4])} failed in the tree of the tag"
        status = done.returncode if done.returncode == EXIT_TOOL else EXIT_FINDINGS
        raise RomgenError("release-build", "", message, status=status, detail=done.stderr)
    return done.stdout


def _build(plan: Plan, layouts: Sequence[str], where: Surroundings, top: Path) -> list[Product]:
    """One build of the tag."""
    tree = top / where.folder
    tree.parent.mkdir(parents=True, exist_ok=True)
    home = tree.parent / "home"
    home.mkdir()
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        # Nobody's git settings (filters, line ends) reach the tree.
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PYTHONPATH": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",
        **where.environment,
    }
    clone = ["git", "clone", "-q", "--shared", "--no-checkout", str(plan.root), str(tree)]
    _run(clone, tree.parent, where, env, CLONE_TIMEOUT)
    _run(["git", "checkout", "-q", "--detach", plan.commit], tree, where, env, CLONE_TIMEOUT)
    command = [sys.executable, "-m", "romgen", "build", *layouts, "--json"]
    try:
        images = json.loads(_run(command, tree, where, env, BUILD_TIMEOUT))["images"]
        return [
            Product(
                image["layout"],
                {
                    kind: tree / image[kind]
                    for kind in ("rom", "elf", "undi_elf", "map")
                    if image.get(kind)
                },
            )
            for image in images
        ]
    except (ValueError, KeyError, TypeError) as error:
        message = f"romgen build --json of the tag says something else: {error}"
        raise RomgenError("release-build", "", message, status=EXIT_FINDINGS) from error


def first_difference(one: bytes, two: bytes) -> int | None:
    """Offset of the first byte that differs; None where both are the same."""
    if one == two:
        return None
    for at, (left, right) in enumerate(zip(one, two, strict=False)):
        if left != right:
            return at
    return min(len(one), len(two))


def compare(first: Sequence[Product], second: Sequence[Product]) -> None:
    """Raise where two builds differ, with the first differing byte of each file that does."""
    wrong = []
    names = [[(one.layout, sorted(one.files)) for one in build] for build in (first, second)]
    if names[0] != names[1]:
        wrong.append(f"not the same products: {names[0]} and {names[1]}")
    for one, two in zip(first, second, strict=False):
        for kind in sorted(set(one.files) & set(two.files)):
            at = first_difference(one.files[kind].read_bytes(), two.files[kind].read_bytes())
            if at is not None:
                wrong.append(f"{one.files[kind].name}+0x{at:x}: the second build differs")
    if wrong:
        raise RomgenError(
            "release-differs",
            "",
            "two builds of the same tag differ",
            "docs/guide/release.md says where to look",
            status=EXIT_FINDINGS,
            detail="\n".join(wrong),
        )


def rebuild(plan: Plan, layouts: Sequence[str], folder: Path) -> tuple[Path, list[Product]]:
    """Build `layouts` (or "all") of the tag twice in `folder`; the first tree and its products.

    Errors: a build fails, the two differ.
    """
    with ThreadPoolExecutor(len(SURROUNDINGS)) as pool:
        jobs = [pool.submit(_build, plan, layouts, where, folder) for where in SURROUNDINGS]
        first, second = (job.result() for job in jobs)
    compare(first, second)
    return folder / SURROUNDINGS[0].folder, first
