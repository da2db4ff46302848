"""nasm: sources to ELF objects with DWARF, in parallel.

The working directory is the project's root and every path is given relative to it, so that
neither the objects nor the messages depend on where the project lies.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from romgen.errors import EXIT_FINDINGS, EXIT_TOOL, RomgenError
from romgen.objects import Objects, Unit

TOOL_TIMEOUT = 60.0
"""Seconds until a tool that hangs is given up."""


OPTIONS = ("-f", "elf32", "-g", "-F", "dwarf")


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

    root: where nasm runs
    folder: of the stored objects, which several assemblies may share
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1)
        self._objects = Objects(root, folder, OPTIONS, self._nasm)

    def __enter__(self) -> Assembly:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._objects.prune()

    def batch(self, includes: Sequence[Path], generated: Path) -> Batch:
        """The units of one layout. includes: folders that nasm searches, `generated` among them."""
        return Batch(self, includes, generated)

    def submit(
        self, unit: Unit, includes: Sequence[Path], generated: Path
    ) -> Callable[[], tuple[int, str]]:
        """Have one unit assembled as a processor is free; see `Objects.submit`."""
        return self._objects.submit(self._pool, unit, includes, generated)

    def _nasm(self, includes: Sequence[Path], source: Path, target: Path) -> tuple[int, str]:
        command = ["nasm", *OPTIONS]
        for folder in includes:
            command += ["-I", os.path.relpath(folder, self.root) + "/"]
        command += ["-o", os.path.relpath(target, self.root)]
        return run_tool([*command, os.path.relpath(source, self.root)], self.root, "nasm")


class Batch:
    """The units of one layout under way."""

    def __init__(self, assembly: Assembly, includes: Sequence[Path], generated: Path) -> None:
        self._assembly = assembly
        self._includes = includes
        self._generated = generated
        self._jobs: list[tuple[Unit, Callable[[], tuple[int, str]]]] = []

    def start(self, units: Sequence[Unit]) -> None:
        """Have the units assembled, in this order."""
        for parent in {unit.object.parent for unit in units}:
            parent.mkdir(parents=True, exist_ok=True)
        for unit in units:
            job = self._assembly.submit(unit, self._includes, self._generated)
            self._jobs.append((unit, job))

    def good(self, units: Sequence[Unit]) -> bool:
        """Wait for these units; True where all were assembled."""
        results = [job()[0] for unit, job in self._jobs if unit in units]
        return not any(results)

    def finish(self) -> str:
        """Wait for all; returns nasm's warnings.

        Error: any of them fails; the message holds what nasm said about every one.
        """
        results = [(unit, *job()) for unit, job in self._jobs]
        messages = "".join(text for _, _, text in results)
        root = self._assembly.root
        failed = sorted(os.path.relpath(unit.source, root) for unit, bad, _ in results if bad)
        if failed:
            raise RomgenError(
                "assemble",
                "",
                f"nasm failed on {', '.join(failed)}",
                status=EXIT_FINDINGS,
                detail=messages,
            )
        return messages
