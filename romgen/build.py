"""From a layout to its ROM: generate, assemble, link, compose, verify.

Everything is made anew each time but the objects, which are kept by what they are made from
(`romgen.objects`), so nothing can be stale.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from romgen.assemble import Assembly, Batch, object_path
from romgen.errors import RomgenError, shown
from romgen.generate import Generator, Inputs, load_all_inputs
from romgen.layout import EV_TEXT_MAX, Layout
from romgen.objects import Unit
from romgen.project import Project
from romgen.source import Source, read_source

LOCK_TIMEOUT = 120.0
"""Seconds to wait for another build of the same layout."""


@dataclass(frozen=True, slots=True)
class Built:
    """A finished image and what belongs to it."""

    layout: Layout
    rom: Path
    elf: Path
    undi_elf: Path
    map: Path
    image_map: dict[str, Any]
    messages: str
    seconds: float


_ALONE = (("pxe",), ("iscsi", "int13", "ibft", "crypto"))
"""The folders of asm/ that a layout without PXE, and one without iSCSI, does not have: tables of
theirs would stay in the image although nothing refers to them."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of the two programs, sorted: the order in the image is always the same."""

    rom: tuple[Path, ...]
    undi: tuple[Path, ...]


def find_sources(project: Project, layout: Layout) -> Sources:
    """The sources in the tree for `layout`. Error: the adapter's driver is not there."""
    root = project.root
    loaders = {False: root / "undi" / "loader.asm", True: root / "undi" / "blob.asm"}
    others = () if layout.with_iscsi and layout.with_pxe else _ALONE[not layout.with_iscsi]
    rom = (
        *(
            path
            for path in sorted((root / "asm").rglob("*.asm"))
            if path.parent.name not in others
        ),
        loaders[bool(layout.undi_blob)],
    )
    if layout.undi_blob:
        return Sources(rom, ())
    drivers = [root / "undi" / "nic" / f"{name}.asm" for name in layout.drivers]
    for driver in drivers:
        if not driver.is_file():
            raise RomgenError(
                "driver-missing",
                shown(driver, root),
                f"the driver of adapter '{layout.nic.name}' is not there",
                "romgen/tables/nics.toml names it",
            )
    folders = (root / "undi", root / "undi" / "chip")
    undi = [path for folder in folders for path in sorted(folder.glob("*.asm"))]
    return Sources(rom, (*(path for path in undi if path not in loaders.values()), *drivers))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the build folder against other builds. Error: another one does not end."""
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_TIMEOUT
    with (folder / ".lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RomgenError(
                        "build-locked", str(folder), "another build holds this folder"
                    ) from None
                time.sleep(0.02)
        yield


def read_ev(path: Path) -> bytes:
    """The EV text to embed. Errors: unreadable, longer than an EV text may be."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise RomgenError("file-read", str(path), f"cannot read: {error.strerror}") from error
    if len(text) > EV_TEXT_MAX:
        raise RomgenError(
            "ev-size", str(path), f"has {len(text)} bytes", f"at most {EV_TEXT_MAX}"
        )
    return text


def build(
    project: Project, name: str, ev_text: bytes = b"", keep: Sequence[str] = ()
) -> Built:
    """Build the layout `name` whole. Errors: as the steps report them.

    keep: routines to link although nothing calls them yet; for tests of such, so the layout's
    size_max does not hold then
    """
    started = time.monotonic()
    (inputs,) = load_all_inputs(project, [name])
    with (
        locked(project.work(name)),
        ThreadPoolExecutor(1) as beside,
        Assembly(project.root, project.objects) as assembly,
    ):
        # git answers while nasm is at work.
        source = beside.submit(read_source, project.root, os.environ)
        job = Job(Generator(project), inputs, assembly)
        return job.finish(ev_text, source.result, keep, started)


class Job:
    """One layout under way: its includes are generated and its sources started.

    undi, rom: the units of the two programs; batch: nasm's work on them
    """

    def __init__(self, generator: Generator, inputs: Inputs, assembly: Assembly) -> None:
        """Generate and start. Errors: the templates' and the driver's."""
        self.layout = inputs.layout
        self.blob = inputs.blob
        self.generator = generator
        self.project = project = generator.project
        sources = find_sources(project, self.layout)
        generated = project.generated(self.layout.name)
        includes = [project.root / "asm" / "include", project.root / "undi" / "include", generated]
        self.undi = self._units(sources.undi)
        self.rom = self._units(sources.rom)
        generator.write(inputs, ".inc")
        self.batch: Batch = assembly.batch(includes, generated)
        self.batch.start([*self.undi, *self.rom])
        made = self._units(generator.write(inputs, ".asm"))
        self.batch.start(made)
        self.rom += made

    def _units(self, paths: Sequence[Path]) -> list[Unit]:
        folder = self.project.work(self.layout.name) / "obj"
        return [Unit(path, object_path(self.project.root, folder, path)) for path in paths]

    def wait(self) -> None:
        """Until every source is assembled, well or not."""
        self.batch.good([*self.undi, *self.rom])

    def finish(
        self,
        ev_text: bytes,
        source: Callable[[], Source],
        keep: Sequence[str],
        started: float,
    ) -> Built:
        """Link, compose, verify, write. Errors: as the steps report them.

        keep: as of `build`; started: on the monotonic clock
        """
        # Imported while nasm is at work: this takes as long as ten sources.
        from romgen.finish import finish

        return finish(self, ev_text, source, keep, started)
