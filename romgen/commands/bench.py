"""`romgen bench`: our ROM and iPXE's through the same machine in turn; docs/benchmarks.md."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from romgen.bench import rival
from romgen.bench.limits import (
    build_table,
    costs_table,
    counts_table,
    loopback,
    loopback_table,
)
from romgen.bench.measure import Side, boot
from romgen.bench.page import plot, table, write_page
from romgen.bench.raw import raw_limit, raw_table
from romgen.bench.results import Pair, load, ratios, store, without
from romgen.bench.workloads import GROUPS, RACERS, WORKLOADS, Workload, chosen
from romgen.boot.images import rom_for_layout
from romgen.boot.run import qemu_device
from romgen.catalog import load_nics
from romgen.commands import Subparsers
from romgen.errors import EXIT_BOOT, EXIT_OK, RomgenError
from romgen.project import Project, write_atomic

PAIRS = 5
PAGE, PLOT, DATA = "docs/benchmarks.md", "docs/benchmarks.svg", "docs/benchmarks.json"


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = sub.add_parser(
        "bench", help="measure a ROM against iPXE's in QEMU; exit 0: every goal held, 4: not"
    )
    parser.add_argument(
        "--nic", action="append", metavar="NIC", help="default: each that both drive"
    )
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="workload or group; default: every one"
    )
    parser.add_argument("--pairs", type=int, default=PAIRS, metavar="N", help=f"default: {PAIRS}")
    parser.add_argument("--list", action="store_true", help="name the workloads, by group, and end")
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page anew")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE}, .json and .svg")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, keep the pairs in build/bench.json (or the page's), print what was measured."""
    if args.list:
        for each in WORKLOADS:
            print(f"{each.group:<10}{each.name:<20}{each.title}")
        return EXIT_OK
    if args.pairs < 1:
        raise RomgenError("bench-pairs", "--pairs", f"{args.pairs} is no number of pairs")
    only = args.only or []
    work = chosen(only)
    known = {each.name for each in WORKLOADS} | {each.name for each in GROUPS}
    for name in only:
        if name not in known:
            raise RomgenError("bench-only", name, "no such workload", "romgen bench --list")
    project = Project()
    kept = project.root / DATA if args.write or args.page else project.build / "bench.json"
    pairs = load(kept)
    nics = load_nics(project.tables / "nics.toml", project.root)
    both = [name for name, nic in nics.items() if nic.ipxe]
    for nic in () if args.page else args.nic or both:
        adapter = nics.get(nic)
        if adapter is None:
            raise RomgenError("bench-nic", nic, "no such adapter", f"one of {', '.join(both)}")
        pairs = without(pairs, nic, work)
        device = qemu_device(project, nic)
        image, _ = rom_for_layout(project, f"iscsi-{nic}")
        ours = Side("this ROM", device, image, False)
        other = Side("iPXE", device, rival.rom(adapter, project.build), True)
        for side in (ours, other):
            boot(side, GROUPS[0], [])  # does not count: the first one waits for files
        for number in range(args.pairs):
            for found in _pair(nic, ours, other, work, number + 1):
                pairs += found
                store(kept, pairs)
    rows = ratios(pairs, WORKLOADS)
    shown = (
        rows
        if args.page
        else [row for row in rows if row.nic in (args.nic or both) and row.workload in work]
    )
    print(table(shown), end="")
    if args.write or args.page:
        measured = list(dict.fromkeys(pair.nic for pair in pairs))
        beside = (
            raw_table({nic: raw_limit(project, qemu_device(project, nic)) for nic in RACERS}),
            loopback_table(loopback()),
            costs_table(project, measured),
            counts_table(project),
            build_table(project),
        )
        write_page(project.root / PAGE, (table(rows), *beside))
        write_atomic(project.root / PLOT, plot(rows))
    else:
        write_atomic(project.build / Path(PLOT).name, plot(rows))
    return EXIT_BOOT if any(row.held is False for row in shown) else EXIT_OK


def _pair(
    nic: str, ours: Side, other: Side, work: list[Workload], number: int
) -> Iterator[list[Pair]]:
    """Both ROMs once through every group of the workloads that has so many pairs, one by one."""
    for group in GROUPS:
        mine = [each for each in work if each.group == group.name]
        if not mine or number > (group.pairs or number):
            continue
        print(f"{nic} {group.title}: {number}", flush=True)
        first, second = boot(ours, group, mine), boot(other, group, mine)
        yield [Pair(nic, name, first[name], second[name]) for name in second]
