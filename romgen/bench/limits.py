"""What stands beside the ratios: the raw limit of the target, and what the ROM costs."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from romgen.bench.plan import DISK_SECTORS
from romgen.boot import ev
from romgen.boot.pattern import SECTOR
from romgen.boot.process import run_tool
from romgen.boot.tgt import LISTEN, Lun, Tgtd
from romgen.errors import EXIT_TOOL, RomgenError
from romgen.image_map import block_size
from romgen.project import Project

LUN = 1
SECONDS = 2
PIECES = (127, 64, 8, 1)
AVERAGE = re.compile(r"iops average (\d+)")
COUNTS = Path("tests/asm/counts.json")
PER_KIB = "_per_kib"
BASE_KIB, PAGE_KIB = 639, 4
ONE_LAYOUT, ALL = "iscsi-e1000", "all"
BUILD_PATIENCE = 120.0


def loopback() -> dict[int, float]:
    """Sectors a command -> KiB/s of libiscsi's iscsi-perf from tgtd on loopback.

    Reads in order, one command at a time. Error: its output has no rate.
    """
    found = {}
    with tempfile.TemporaryDirectory(prefix="romgen-bench-") as folder:
        image = Path(folder) / "disk.img"
        image.write_bytes(bytes(DISK_SECTORS * SECTOR))
        with Tgtd(ev.TARGET_NAME, [Lun(LUN, image)]) as tgt:
            url = f"iscsi://{LISTEN}:{tgt.port}/{tgt.name}/{LUN}"
            for sectors in PIECES:
                argv = ["iscsi-perf", "-m", "1", "-b", str(sectors), "-t", str(SECONDS), url]
                out = run_tool(argv)
                rates = AVERAGE.findall(out)
                if not rates:
                    raise RomgenError(
                        "bench-limit", "iscsi-perf", "no rate", detail=out, status=EXIT_TOOL
                    )
                found[sectors] = int(rates[-1]) * sectors / 2
    return found


def loopback_table(rates: Mapping[int, float]) -> str:
    """The limits as Markdown."""
    rows = [f"| {sectors} | {rate / 1024:.0f} MiB/s |" for sectors, rate in rates.items()]
    head = ["| sectors a command | iscsi-perf, loopback, no machine in between |", "|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def costs_table(project: Project, nics: Sequence[str]) -> str:
    """Bytes of each adapter's ROM, from its map. Error: it is not built."""
    lines = [
        "| ROM | bytes | stay in the C or D segments | memory by PMM | base memory without PMM |",
        "|---|---|---|---|---|",
    ]
    for nic in nics:
        name = f"iscsi-{nic}"
        path = project.build / f"{name}.map.json"
        if not path.is_file():
            raise RomgenError("bench-map", str(path), "no such file", f"romgen build {name}")
        known = json.loads(path.read_text())
        memory = known["memory"]
        lines.append(
            f"| {name} | {known['image']['size']:,} | {known['image']['resident']:,} "
            f"| {sum(memory.values()):,} | {base_memory(memory, known['base_less'])} KiB |"
        )
    return "\n".join(lines) + "\n"


def base_memory(memory: Mapping[str, int], less: int) -> int:
    """KiB by which 40:13 falls below an EBDA of 1 KiB (asm/rom/memory.asm): it begins with a page.

    less: bytes of the UNDI's data that base memory does not give
    """
    below = BASE_KIB - -(-block_size(memory, less) // 1024)
    return BASE_KIB - below // PAGE_KIB * PAGE_KIB


def build_table(project: Project) -> str:
    """Seconds that builds take in an empty folder: one layout, and all."""
    rows = []
    for title, layout in (("one layout, cold", ONE_LAYOUT), ("all layouts, cold", ALL)):
        with tempfile.TemporaryDirectory(prefix="romgen-bench-") as folder:
            argv = [sys.executable, "-m", "romgen", "build", layout, "--build-dir", folder]
            begin = time.monotonic()
            run_tool(argv, cwd=project.root, timeout=BUILD_PATIENCE)
            rows.append(f"| {title} | {time.monotonic() - begin:.2f} s |")
    return "\n".join(["| build | seconds |", "|---|---|", *rows]) + "\n"


def counts_table(project: Project) -> str:
    """Instructions per KiB, from the baseline of the assembly's bench."""
    known = json.loads((project.root / COUNTS).read_text())
    rows = [
        f"| {name.removesuffix(PER_KIB).replace('_', ' ')} | {count} |"
        for name, count in known.items()
        if name.endswith(PER_KIB)
    ]
    return "\n".join(["| path | instructions per KiB |", "|---|---|", *rows]) + "\n"
