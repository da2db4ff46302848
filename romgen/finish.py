"""From objects to the finished image: link, compose, stamp, verify, write.

Apart from `romgen.build`, which imports it when nasm is at work already.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from romgen.build import Built, Job
from romgen.compose import compose, pack_init, verify
from romgen.errors import EXIT_FINDINGS, RomgenError, shown
from romgen.ev.block import pack
from romgen.image.version import stamp_built
from romgen.image_map import block_size, image_map, read_pieces
from romgen.layout import IMAGE_MAX, Layout
from romgen.layout_rules import NO_RULES, check_rules, rule_sizes
from romgen.link import EV_FILE, Linked, link_blob, link_rom, link_undi
from romgen.project import Project, write_atomic
from romgen.source import Source
from romgen.undi_blob import behind

BLOCK_MAX = 0xFC00
"""Most memory of one instance, bytes: base memory from 90000h to 9FC00h. SeaBIOS clears what lies
below before it boots, and its own data begins above."""


def finish(
    job: Job,
    ev_text: bytes,
    source: Callable[[], Source],
    keep: Sequence[str],
    started: float,
) -> Built:
    """The image of a layout whose sources are under way. Errors: as the steps report them.

    source: where the tree comes from; keep, started: as of `Job.finish`
    """
    made = _link(job, ev_text, keep)
    program = made.rom.program
    if made.rom.error:
        used = program.value("rom_end")
        path = _write_map(job.project, job.layout, made.image_map(job.layout, used))
        made.rom.error.hint = f"it has {used} bytes unpacked, see {path} for what takes them"
        raise made.rom.error
    rom = pack_init(
        program.flat(program.value("rom_end")),
        program.value("undi_image"),
        made.undi.program.value("undi_code_size"),
        job.layout.size_max,
    )
    if job.blob:
        rom = behind(rom, job.blob, program.value("undi_blob_place"))
    map_data = made.image_map(job.layout, len(rom))
    return _finish(
        job.project,
        job.layout,
        made,
        rom,
        map_data,
        IMAGE_MAX if keep else job.layout.size_max,
        source(),
        started,
    )


@dataclass(frozen=True, slots=True)
class _Programs:
    """The linked programs, the tools' warnings, the source of each object."""

    rom: Linked
    undi: Linked
    messages: str
    sources: dict[str, str]

    def image_map(self, layout: Layout, used: int) -> dict[str, Any]:
        """The map; used: bytes of the image."""
        return image_map(
            layout,
            self.rom.program,
            self.rom.map_file,
            self.undi.program,
            self.undi.map_file,
            self.sources,
            used,
        )


def _link(job: Job, ev_text: bytes, keep: Sequence[str]) -> _Programs:
    """Both programs, the UNDI's as soon as its objects are there."""
    work = job.project.work(job.layout.name)
    if job.blob:
        undi = link_blob(job.generator, job.layout, job.blob)
    elif job.batch.good(job.undi):
        undi = link_undi(job.generator, job.layout, [unit.object for unit in job.undi])
    messages = job.batch.finish()
    if undi.error:
        raise undi.error
    write_atomic(work / EV_FILE, pack(ev_text, job.layout.ev_capacity))
    objects = [unit.object for unit in job.rom]
    rom = link_rom(job.generator, job.layout, objects, undi.program, keep)
    return _Programs(
        rom,
        undi,
        messages + undi.messages + rom.messages,
        {
            str(unit.object.relative_to(work)): shown(unit.source, job.project.root)
            for unit in (*job.undi, *job.rom)
        },
    )


def _check_memory(layout: Layout, memory: dict[str, int]) -> None:
    """Raise where the block of asm/rom/memory.asm would be longer than it may be."""
    block = block_size(memory, layout.base_less)
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


def _write_map(project: Project, layout: Layout, map_data: dict[str, Any]) -> str:
    """Write the map; its path for messages."""
    path = project.build / f"{layout.name}.map.json"
    write_atomic(path, json.dumps(map_data) + "\n")
    return shown(path, project.root)


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
    shown_map = _write_map(project, layout, map_data)
    size = map_data["image"]["size"]
    if size > size_max:
        raise RomgenError(
            "image-budget",
            layout.size_max_where,
            f"the image has {size} bytes, {size - size_max} more than size_max = {size_max}",
            f"see {shown_map} for what takes them",
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
