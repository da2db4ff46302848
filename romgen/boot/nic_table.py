"""The table of docs/adapters.md: measured, kept as JSON, written between two marks of the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from romgen.boot.nics import CELLS, Cell, Subject, measure
from romgen.build import Built
from romgen.catalog import Nic
from romgen.errors import RomgenError
from romgen.project import write_atomic

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
IDS_BEGIN, IDS_END = "<!-- ids: begin -->", "<!-- ids: end -->"
NOT_MEASURED = "-"
SIZES = ("driver code", "driver data", "UNDI code", "UNDI data", "ROM")


def sizes(built: Built) -> dict[str, int]:
    """Bytes of one layout's driver (with what it shares with others), UNDI and image."""
    files = built.image_map["undi"]["files"]
    own = [row for name, row in files.items() if name.startswith(("undi/nic/", "undi/chip/"))]
    memory = built.image_map["memory"]
    values = (
        sum(row["image"] for row in own),
        sum(row["data"] for row in own),
        memory["undi_code"],
        memory["undi_data"],
        built.image_map["image"]["used"],
    )
    return dict(zip(SIZES, values, strict=True))


def load(path: Path) -> dict[str, Any]:
    """What has been measured so far; empty where there is nothing."""
    if not path.is_file():
        return {"sizes": {}, "cells": {}}
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def key(subject: Subject) -> str:
    """Name of a subject's row."""
    return f"{subject.nic} | {subject.device}"


def run_cells(
    work: Sequence[tuple[Subject, str]], jobs: int, done: Callable[[Subject, str, Cell], None]
) -> bool:
    """Measure, `jobs` at a time; `done` is told of each as it ends. True: all held."""

    def one(item: tuple[Subject, str]) -> bool:
        subject, cell = item
        try:
            result = measure(subject, cell)
        except RomgenError as error:
            result = Cell(False, "**fails**: " + str(error).splitlines()[0], str(error))
        done(subject, cell, result)
        return result.ok

    with ThreadPoolExecutor(jobs) as pool:
        return all(list(pool.map(one, work)))


def keep(data: dict[str, Any], subject: Subject, cell: str, result: Cell) -> None:
    """Put one result into the data."""
    data["cells"].setdefault(key(subject), {})[cell] = asdict(result)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def render(data: dict[str, Any]) -> str:
    """The two tables as Markdown."""
    sized = _table(
        ("layout", *SIZES),
        (
            (layout, *(str(row[name]) for name in SIZES))
            for layout, row in sorted(data["sizes"].items())
        ),
    )
    measured = _table(
        ("ROM", "QEMU device", *CELLS),
        (
            (*name.split(" | "), *(row.get(cell, {}).get("text", NOT_MEASURED) for cell in CELLS))
            for name, row in sorted(data["cells"].items())
        ),
    )
    return "\n".join([*measured, "", *sized]) + "\n"


def ids(nics: Iterable[Nic]) -> str:
    """Every adapter of the list with its PCI ids and QEMU's devices, as Markdown."""
    rows = [
        (
            nic.name,
            nic.title,
            f"`undi/nic/{nic.driver}.asm`",
            ", ".join(str(pci) for pci in nic.ids),
            ", ".join(filter(None, (nic.qemu, *(device for device, _ in nic.variants)))),
        )
        for nic in nics
    ]
    return "\n".join(_table(("name", "adapter", "driver", "PCI ids", "QEMU devices"), rows)) + "\n"


def write_page(path: Path, data: dict[str, Any], nics: Iterable[Nic]) -> None:
    """Replace what stands between the marks; without measurements those that are there stay.

    Error: the page has no marks.
    """
    if data["cells"]:
        _replace(path, (BEGIN, END), render(data))
    _replace(path, (IDS_BEGIN, IDS_END), ids(nics))


def _replace(path: Path, marks: tuple[str, str], content: str) -> None:
    first, last = marks
    before, begin, rest = path.read_text().partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise RomgenError("page-marks", str(path), f"the page has no {first} ... {last}")
    write_atomic(path, f"{before}{first}\n{content}{last}{after}")


def store(path: Path, data: dict[str, Any]) -> None:
    """Keep what was measured."""
    write_atomic(path, json.dumps(data, indent=1, sort_keys=True) + "\n")
