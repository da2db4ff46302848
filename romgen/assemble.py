"""nasm: sources to ELF objects with DWARF, in parallel.

The working directory is the project's root and every path is given relative to it, so that
neither the objects nor the messages depend on where the project lies.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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


class Assembly:
    """Sources under way; more may be added while others are finished.

    root: where nasm runs; includes: folders that it searches
    """

    def __init__(self, root: Path, includes: Sequence[Path]) -> None:
        self.root = root
        self._flags = ["-f", "elf32", "-g", "-F", "dwarf"]
        for folder in includes:
            self._flags += ["-I", os.path.relpath(folder, root) + "/"]
        self._jobs: list[tuple[Unit, Future[tuple[int, str]]]] = []
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1)

    def __enter__(self) -> Assembly:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def start(self, units: Sequence[Unit]) -> None:
        """Have the units assembled, in this order, as processors are free."""
        for parent in {unit.object.parent for unit in units}:
            parent.mkdir(parents=True, exist_ok=True)
        self._jobs += [(unit, self._pool.submit(self._one, unit)) for unit in units]

    def _one(self, unit: Unit) -> tuple[int, str]:
        source = os.path.relpath(unit.source, self.root)
        output = os.path.relpath(unit.object, self.root)
        status, text = run_tool(
            ["nasm", *self._flags, "-o", output, source], self.root, "nasm"
        )
        if status == 0:
            forget_directory(unit.object, unit.source, self.root)
        return status, text

    def good(self, units: Sequence[Unit]) -> bool:
        """Wait for these units; True where all were assembled."""
        return not any(job.result()[0] for unit, job in self._jobs if unit in units)

    def finish(self) -> str:
        """Wait for all; returns nasm's warnings.

        Error: any of them fails; the message holds what nasm said about every one.
        """
        results = [(unit, *job.result()) for unit, job in self._jobs]
        messages = "".join(text for _, _, text in results)
        failed = sorted(os.path.relpath(unit.source, self.root) for unit, bad, _ in results if bad)
        if failed:
            raise RomgenError(
                "assemble",
                "",
                f"nasm failed on {', '.join(failed)}",
                status=EXIT_FINDINGS,
                detail=messages,
            )
        return messages
