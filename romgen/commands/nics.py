"""`romgen nics`: what each driver does in QEMU, measured; the table of docs/adapters.md."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

from romgen.boot import nic_table
from romgen.boot.nics import CELLS, Cell, Subject, subjects
from romgen.build import build
from romgen.catalog import load_nics
from romgen.commands import Subparsers
from romgen.errors import EXIT_BOOT, EXIT_OK, RomgenError
from romgen.layout import load_layout, names
from romgen.project import Project

PAGE = Path("docs/adapters.md")
JOBS = 2


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = sub.add_parser(
        "nics", help="measure each adapter's driver in QEMU; exit 0: every cell held, 4: not"
    )
    parser.add_argument("layouts", nargs="*", metavar="LAYOUT", help="default: every iSCSI layout")
    parser.add_argument(
        "--cell", action="append", choices=tuple(CELLS), help="this one only; default: every one"
    )
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help=f"default: {JOBS}")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    parser.add_argument(
        "--page", action="store_true", help=f"only write {PAGE} anew, from build/nics.json"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Build, measure, keep the results in build/nics.json, write the page."""
    project = Project()
    if args.jobs < 1:
        raise RomgenError("nics-jobs", "--jobs", f"{args.jobs} is no number of jobs")
    nics = load_nics(project.tables / "nics.toml", project.root)
    store = project.build / "nics.json"
    data = nic_table.load(store)
    if args.page:
        nic_table.write_page(project.root / PAGE, data, nics.values())
        return EXIT_OK
    work: list[tuple[Subject, str]] = []
    for name in args.layouts or names(project.layouts, nics, project.root):
        layout = load_layout(project.layouts, name, nics, project.root)
        if layout.kind != "iscsi":
            continue
        data["sizes"][name] = nic_table.sizes(build(project, name))
        folder = project.build / "nics" / name
        folder.mkdir(parents=True, exist_ok=True)
        found = subjects(project, layout, folder)
        work += [(subject, cell) for subject in found for cell in args.cell or CELLS]
    lock = threading.Lock()

    def done(subject: Subject, cell: str, result: Cell) -> None:
        with lock:
            nic_table.keep(data, subject, cell, result)
            nic_table.store(store, data)
            print(f"{subject.nic} {subject.device} {cell}: {result.text}", flush=True)
            if not result.ok:
                print(result.detail, file=sys.stderr, flush=True)

    good = nic_table.run_cells(work, args.jobs, done)
    nic_table.store(store, data)
    if args.write:
        nic_table.write_page(project.root / PAGE, data, nics.values())
    return EXIT_OK if good else EXIT_BOOT
