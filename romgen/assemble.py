"""nasm: sources to ELF objects with DWARF, in parallel.

The working directory is the project's root and every path is given relative to it, so that
neither the objects nor the messages depend on where the project lies.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from romgen.elf_tidy import forget_directory
from romgen.errors import EXIT_FINDINGS, EXIT_TOOL, RomgenError

TOOL_TIMEOUT = 60.0
"""Seconds until a tool that hangs is given up."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One source and the object that it becomes."""

    source: Path
    object: Path


def run_tool(command: Sequence[str], cwd: Path, package: str) -> tuple[int, str]:
    """Run a tool; returns its exit code and messages. Errors: not installed, no end."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TOOL_TIMEOUT,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        )
    except FileNotFoundError as error:
        raise RomgenError(
            "tool-missing",
            "",
            f"{command[0]} is not installed",
            f"run: tools/bootstrap.sh rom, or install the package {package}",
            status=EXIT_TOOL,
        ) from error
    except subprocess.TimeoutExpired as error:
        raise RomgenError(
            "tool-timeout",
            "",
            f"{command[0]} did not end within {TOOL_TIMEOUT:.0f} s",
            status=EXIT_TOOL,
        ) from error
    return done.returncode, done.stdout


def object_path(root: Path, folder: Path, source: Path) -> Path:
    """Where the object of `source` goes: its path in the project, below `folder`."""
    try:
        inside = source.relative_to(root)
    except ValueError:
        inside = Path(source.name)
    return folder / inside.with_suffix(".o")


def assemble(root: Path, units: Sequence[Unit], includes: Sequence[Path]) -> str:
    """Assemble all units; returns nasm's warnings.

    Error: any of them fails; the message holds what nasm said about every one.
    """
    flags = ["-f", "elf32", "-g", "-F", "dwarf"]
    for folder in includes:
        flags += ["-I", os.path.relpath(folder, root) + "/"]
    for parent in {unit.object.parent for unit in units}:
        parent.mkdir(parents=True, exist_ok=True)

    def one(unit: Unit) -> tuple[int, str]:
        source = os.path.relpath(unit.source, root)
        output = os.path.relpath(unit.object, root)
        status, text = run_tool(["nasm", *flags, "-o", output, source], root, "nasm")
        if status == 0:
            forget_directory(unit.object, unit.source, root)
        return status, text

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(one, units))
    messages = "".join(text for _, text in results)
    failed = [
        os.path.relpath(unit.source, root)
        for unit, (status, _) in zip(units, results, strict=True)
        if status
    ]
    if failed:
        raise RomgenError(
            "assemble",
            "",
            f"nasm failed on {', '.join(failed)}",
            status=EXIT_FINDINGS,
            detail=messages,
        )
    return messages
