"""GNU ld: objects to the UNDI program and to the boot ROM, by scripts of `layouts/templates`.

ld runs in `build/<layout>/`, so that embedded files and objects have the same names everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from romgen.assemble import run_tool
from romgen.elf import Program, read_program
from romgen.elf_tidy import drop_constants, table_names
from romgen.errors import EXIT_FINDINGS, RomgenError
from romgen.generate import Generator, render
from romgen.init_pack import WORK
from romgen.layout import BLOCK, Layout
from romgen.project import write_atomic
from romgen.undi_blob import Blob

UNDI_FILE = "undi.bin"
EV_FILE = "ev_block.bin"
TOO_LONG = "relocation truncated to fit"
"""What ld says where an address does not fit into 16 bits."""


@dataclass(frozen=True, slots=True)
class Linked:
    """A linked program, ld's map of it and ld's warnings.

    error: why it cannot be used: it goes beyond a segment; what takes the room can be seen in it
    """

    program: Program
    map_file: Path
    messages: str
    error: RomgenError | None = None


def _link(
    generator: Generator,
    layout: str,
    name: str,
    objects: Sequence[Path],
    context: Mapping[str, Any],
    extra: Sequence[str],
) -> Linked:
    """Link `objects` by the script `<name>.ld.j2` into `<name>.elf`."""
    project = generator.project
    work = project.work(layout)
    tables = sorted(set().union(*(table_names(path) for path in objects)))
    script = render(
        generator.environment,
        f"{name}.ld.j2",
        {**context, "tables": tables, "block": BLOCK, "unpack_work": WORK},
        project.root,
    )
    write_atomic(work / f"{name}.ld", script)
    command = [
        "ld",
        "-m",
        "elf_i386",
        "-nostdlib",
        "--build-id=none",
        "--orphan-handling=error",
        "--no-warn-rwx-segments",
        "--no-check-sections",
        "--entry=0",
        f"--script={name}.ld",
        f"-Map={name}.map",
        f"--output={name}.elf",
        *(os.path.relpath(path, work) for path in objects),
        *extra,
    ]
    status, messages = run_tool(command, work, "binutils")
    error = None
    if status:
        error = RomgenError(
            "link",
            "",
            f"ld failed on {name}.elf of {layout}",
            status=EXIT_FINDINGS,
            detail=messages,
        )
        # Only where something is out of reach is there a program to be had.
        if TOO_LONG not in messages or run_tool(
            [*command, "--noinhibit-exec"], work, "binutils"
        )[0]:
            raise error
    drop_constants(work / f"{name}.elf")
    return Linked(read_program(work / f"{name}.elf"), work / f"{name}.map", messages, error)


def link_undi(generator: Generator, layout: Layout, objects: Sequence[Path]) -> Linked:
    """The UNDI program; its raw bytes go to `undi.bin` for the ROM's link."""
    linked = _link(generator, layout.name, "undi", objects, {"layout": layout}, ["--gc-sections"])
    image = linked.program.flat(linked.program.value("undi_code_size"))
    write_atomic(generator.project.work(layout.name) / UNDI_FILE, bytes(image))
    return linked


def link_blob(generator: Generator, layout: Layout, blob: Blob) -> Linked:
    """In place of the UNDI program the sizes of another vendor's; `undi.bin` is empty."""
    write_atomic(generator.project.work(layout.name) / UNDI_FILE, b"")
    context = {"layout": layout, "blob": blob}
    return _link(generator, layout.name, "undi_blob", [], context, ["-b", "binary", UNDI_FILE])


def undi_symbols(undi: Program) -> dict[str, int]:
    """What the ROM's link may know of the UNDI: the sizes, and `undi.<name>` for each global."""
    sizes = ("undi_code_size", "undi_data_size")
    symbols = {name: undi.value(name) for name in sizes}
    for symbol in undi.symbols:
        if symbol.is_global and symbol.section and symbol.name not in sizes:
            symbols[f"undi.{symbol.name}"] = symbol.value
    return dict(sorted(symbols.items()))


def link_rom(
    generator: Generator,
    layout: Layout,
    objects: Sequence[Path],
    undi: Program,
    keep: Sequence[str] = (),
) -> Linked:
    """The boot ROM around `undi.bin` and `ev_block.bin`, which must be in the work folder.

    keep: symbols that stay with what they need although nothing refers to them
    """
    context = {
        "layout": layout,
        "undi_symbols": undi_symbols(undi),
        "undi_file": UNDI_FILE,
        "ev_file": EV_FILE,
    }
    embedded = ["-b", "binary", UNDI_FILE, EV_FILE]
    kept = [f"--undefined={symbol}" for symbol in keep]
    return _link(
        generator, layout.name, "rom", objects, context, ["--gc-sections", *kept, *embedded]
    )
