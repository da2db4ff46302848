"""From a layout to its ROM: generate, assemble, link, compose, verify.

Everything is made anew each time but the objects, which are kept by what they are made from
(`romgen.objects`), so nothing can be stale.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from romgen.assemble import Assembly, object_path
from romgen.compose import compose, pack_init, verify
from romgen.errors import EXIT_FINDINGS, RomgenError, shown
from romgen.ev.block import pack
from romgen.generate import Generator, Inputs, load_all_inputs
from romgen.image.version import stamp_built
from romgen.image_map import image_map, read_pieces
from romgen.layout import EV_TEXT_MAX, IMAGE_MAX, Layout
from romgen.layout_rules import NO_RULES, check_rules, rule_sizes
from romgen.objects import Unit
from romgen.project import Project, write_atomic
from romgen.source import Source, read_source
from romgen.undi_blob import behind

if TYPE_CHECKING:
    from romgen.link import Linked

PAGE = 4096
BLOCK_MAX = 0xF000
"""Most memory of one instance, bytes: base memory from 90000h to 9F000h. SeaBIOS clears what lies
below before it boots; between there and 9FC00h, where its own data begins, a page is not whole."""
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
    """One layout under way: its includes are generated and its sources started."""

    def __init__(self, generator: Generator, inputs: Inputs, assembly: Assembly) -> None:
        """Generate and start. Errors: the templates' and the driver's."""
        self.layout = inputs.layout
        self._blob = inputs.blob
        self._generator = generator
        self._project = project = generator.project
        sources = find_sources(project, self.layout)
        generated = project.generated(self.layout.name)
        includes = [project.root / "asm" / "include", project.root / "undi" / "include", generated]
        self._undi = self._units(sources.undi)
        self._rom = self._units(sources.rom)
        generator.write(inputs, ".inc")
        self._batch = assembly.batch(includes, generated)
        self._batch.start([*self._undi, *self._rom])
        made = self._units(generator.write(inputs, ".asm"))
        self._batch.start(made)
        self._rom += made

    def _units(self, paths: Sequence[Path]) -> list[Unit]:
        folder = self._project.work(self.layout.name) / "obj"
        return [Unit(path, object_path(self._project.root, folder, path)) for path in paths]

    def wait(self) -> None:
        """Until every source is assembled, well or not."""
        self._batch.good([*self._undi, *self._rom])

    def finish(
        self,
        ev_text: bytes,
        source: Callable[[], Source],
        keep: Sequence[str],
        started: float,
    ) -> Built:
        """Link, compose, verify, write. Errors: as the steps report them."""
        made = self._link(ev_text, keep)
        program = made.rom.program
        rom = pack_init(
            program.flat(program.value("rom_end")),
            program.value("undi_image"),
            made.undi.program.value("undi_code_size"),
        )
        if self._blob:
            rom = behind(rom, self._blob, program.value("undi_blob_place"))
        map_data = image_map(
            self.layout,
            made.rom.program,
            made.rom.map_file,
            made.undi.program,
            made.undi.map_file,
            made.sources,
            len(rom),
        )
        return _finish(
            self._project,
            self.layout,
            made,
            rom,
            map_data,
            IMAGE_MAX if keep else self.layout.size_max,
            source(),
            started,
        )

    def _link(self, ev_text: bytes, keep: Sequence[str]) -> _Programs:
        """Both programs, the UNDI's as soon as its objects are there."""
        # Imported here: pyelftools takes as long to load as ten sources to assemble.
        from romgen.link import EV_FILE, link_blob, link_rom, link_undi

        work = self._project.work(self.layout.name)
        if self._blob:
            undi = link_blob(self._generator, self.layout, self._blob)
        elif self._batch.good(self._undi):
            undi = link_undi(self._generator, self.layout, [unit.object for unit in self._undi])
        messages = self._batch.finish()
        write_atomic(work / EV_FILE, pack(ev_text, self.layout.ev_capacity))
        objects = [unit.object for unit in self._rom]
        rom = link_rom(self._generator, self.layout, objects, undi.program, keep)
        return _Programs(
            rom,
            undi,
            messages + undi.messages + rom.messages,
            {
                str(unit.object.relative_to(work)): shown(unit.source, self._project.root)
                for unit in (*self._undi, *self._rom)
            },
        )


@dataclass(frozen=True, slots=True)
class _Programs:
    """The linked programs, the tools' warnings, the source of each object."""

    rom: Linked
    undi: Linked
    messages: str
    sources: dict[str, str]


def _check_memory(layout: Layout, memory: dict[str, int]) -> None:
    """Raise where the block of asm/rom/memory.asm would be longer than it may be."""
    parts = (memory["data"] + memory["stack"] + memory["undi_data"], memory["undi_code"])
    block = sum(-(-part // PAGE) * PAGE for part in parts)
    if block > BLOCK_MAX and layout.memory.place != "pmm":
        raise RomgenError(
            "memory-budget",
            layout.size_max_where.rpartition(":")[0],
            f"one instance needs {block} bytes of memory, {block - BLOCK_MAX} too many",
            "lower rx_frames, ooo_slots or stack, or leave drivers out",
            status=EXIT_FINDINGS,
        )


def _check_rules(layout: Layout, rom: Linked, map_data: dict[str, Any]) -> None:
    """Raise what the linked image does not keep of what the layout asks of it."""
    symbols = {one.name: one.value for one in rom.program.symbols if one.is_global}
    pieces, _ = read_pieces(rom.map_file.read_text(), {})
    check_rules(layout.rules, symbols, (one.section for one in pieces), rule_sizes(map_data))


def _finish(
    project: Project,
    layout: Layout,
    made: _Programs,
    rom: bytearray,
    map_data: dict[str, Any],
    size_max: int,
    source: Source,
    started: float,
) -> Built:
    """Write the products. The map comes first: it is needed most when the image does not fit."""
    out = project.build
    map_path = out / f"{layout.name}.map.json"
    write_atomic(map_path, json.dumps(map_data) + "\n")
    size = map_data["image"]["size"]
    if size > size_max:
        raise RomgenError(
            "image-budget",
            layout.size_max_where,
            f"the image has {size} bytes, {size - size_max} more than size_max = {size_max}",
            f"see {shown(map_path, project.root)} for what takes them",
            status=EXIT_FINDINGS,
        )
    _check_memory(layout, map_data["memory"])
    if layout.rules != NO_RULES:
        _check_rules(layout, made.rom, map_data)
    image = compose(rom, layout)
    image = stamp_built(image, source)
    verify(image, layout)
    elf_path = out / f"{layout.name}.elf"
    undi_path = out / f"{layout.name}.undi.elf"
    rom_path = out / f"{layout.name}.rom"
    write_atomic(elf_path, made.rom.program.path.read_bytes())
    write_atomic(undi_path, made.undi.program.path.read_bytes())
    write_atomic(rom_path, image)
    return Built(
        layout,
        rom_path,
        elf_path,
        undi_path,
        map_path,
        map_data,
        made.messages,
        time.monotonic() - started,
    )
