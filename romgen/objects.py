"""Objects by what they are made from: each is assembled once, whichever layouts need it.

`build/objects/<hash>.o`: the hash is over everything that nasm sees (`romgen.slices`), its options
and nasm itself. Layouts differ in a few objects only, so they share the others; and what has not
changed since the last build is there already.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from romgen.elf_tidy import forget_directory
from romgen.project import write_atomic
from romgen.slices import Slicer

FORM = b"romgen objects 1"
"""Changes when an object would come out differently from the same inputs."""
MOST = 4000
"""Objects and folders of slices that are kept; the ones that were not used for longest go first."""
DIGITS = 32
"""Of a name in the store."""

Nasm = Callable[[Sequence[Path], Path, Path], tuple[int, str]]
"""Assemble with these include folders a source into an object: exit code, messages."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One source and the object that it becomes."""

    source: Path
    object: Path


class Objects:
    """The store of objects in a build folder.

    root: where nasm runs; folder: of the store; options: nasm's; nasm: runs it
    """

    def __init__(self, root: Path, folder: Path, options: Sequence[str], nasm: Nasm) -> None:
        self._root = root
        self.folder = folder
        self._options = options
        self._nasm = nasm
        self._slicer = Slicer(root)
        self._running: dict[str, Future[tuple[int, str]]] = {}

    @cached_property
    def _base(self) -> bytes:
        """What all objects depend on: nasm and how it is called."""
        path = shutil.which("nasm") or ""
        parts = [os.environ.get("NASMENV", ""), *self._options, os.path.realpath(path)]
        with contextlib.suppress(OSError):
            status = os.stat(path)
            parts += [str(status.st_size), str(status.st_mtime_ns)]
        return FORM + "\0".join(parts).encode()

    def submit(
        self, pool: ThreadPoolExecutor, unit: Unit, folders: Sequence[Path], generated: Path
    ) -> Callable[[], tuple[int, str]]:
        """Have the unit's object made if need be.

        What comes back waits for it and puts it in its place: nasm's exit code and messages.
        folders: nasm's include folders; generated: the one of them whose files may be sliced
        """
        made = self._slicer.slice(unit.source, folders, generated)
        if made is None:
            return pool.submit(self._whole, unit, folders).result
        digest = hashlib.sha256()
        for name, one in made.files:
            digest.update(name.encode() + b"\0" + one)
        for folder in folders:
            if folder != generated:
                digest.update(os.path.relpath(folder, self._root).encode() + b"\0")
        # The object has the slices' folder in it, so that is named by what they hold alone.
        place = self.folder / digest.hexdigest()[:DIGITS]
        digest.update(self._base)
        key = digest.hexdigest()[:DIGITS]
        if key not in self._running:
            stored = self.folder / f"{key}.o"
            if not stored.is_file():
                for name, content in made.generated:
                    write_atomic(place / name, content)
                own = unit.source.parent == generated
                source = place / unit.source.name if own else unit.source
                search = [place if folder == generated else folder for folder in folders]
                self._running[key] = pool.submit(self._make, stored, source, search)
            else:
                ready: Future[tuple[int, str]] = Future()
                ready.set_result((0, ""))
                self._running[key] = ready
        job = self._running[key]
        # Once, by whoever asks: in the pool it would keep a place there while it waits.
        return cache(lambda: self._deliver(job, key, unit, folders))

    def _make(self, stored: Path, source: Path, search: Sequence[Path]) -> tuple[int, str]:
        """Assemble into the store. An object that nasm has something to say about does not stay."""
        temporary = stored.with_name(f".{stored.name}.{os.getpid()}.tmp")
        status, text = self._nasm(search, source, temporary)
        if status == 0 and not text:
            forget_directory(temporary, source, self._root)
            os.replace(temporary, stored)
        else:
            temporary.unlink(missing_ok=True)
        return status, text

    def _deliver(
        self, job: Future[tuple[int, str]], key: str, unit: Unit, folders: Sequence[Path]
    ) -> tuple[int, str]:
        """Put a stored object in its place; what could not be stored is assembled there, whole."""
        if job.result() == (0, ""):
            temporary = unit.object.with_name(f".{unit.object.name}.{os.getpid()}.tmp")
            stored = self.folder / f"{key}.o"
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
                os.utime(stored)
                try:
                    os.link(stored, temporary)
                except FileNotFoundError:
                    raise
                except OSError:  # a file system without links
                    shutil.copyfile(stored, temporary)
                os.replace(temporary, unit.object)
                return 0, ""
        return self._whole(unit, folders)

    def _whole(self, unit: Unit, folders: Sequence[Path]) -> tuple[int, str]:
        """Assemble with the generated includes as they are."""
        unit.object.unlink(missing_ok=True)
        status, text = self._nasm(folders, unit.source, unit.object)
        if status == 0:
            forget_directory(unit.object, unit.source, self._root)
        return status, text

    def prune(self) -> None:
        """Drop the objects, and the folders of slices, that were not used for longest."""
        with contextlib.suppress(OSError):
            with os.scandir(self.folder) as found:
                ages = sorted((one.stat().st_mtime_ns, one.path) for one in found)
            for _, path in ages[: max(len(ages) - MOST, 0)]:
                if path.endswith(".o"):
                    Path(path).unlink(missing_ok=True)
                else:
                    shutil.rmtree(path, ignore_errors=True)
