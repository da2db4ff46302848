"""Line coverage of the ROM as QEMU ran it: boots under a TCG plugin, merged with the bench's.

``python tests/boot/cover.py FOLDER`` compiles the plugin with gcc, runs the boots of BOOTS with it
and writes ``FOLDER/lines-qemu.json`` for ``tests/asm/bench/coverage.py``.  Without the VGA BIOS
SeaBIOS puts the adapter's ROM at C0000h, which the run checks by the ROM's first instructions.
The UNDI runs from memory that is given out at run time and is not counted here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
for entry in (HERE.parent / "asm", ROOT):
    sys.path.insert(0, str(entry))

from bench.coverage import Coverage, percent, write_lines  # noqa: E402
from bench.program import Program  # noqa: E402

from romgen.build import build  # noqa: E402
from romgen.project import Project  # noqa: E402

LAYOUT = "iscsi-e1000"
ROM_BASE = 0xC0000
BOOTS = (
    "tests/boot/test_demo.py",
    "tests/boot/test_authentication.py",
    "tests/boot/test_scenarios.py",
    "tests/boot/test_sector_size.py",
)


def compile_plugin(folder: Path) -> Path:
    """The plugin as a shared object. Error: gcc is missing or does not like it."""
    target = folder / "cover.so"
    source = HERE / "plugin" / "cover.c"
    words = ["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden"]
    subprocess.run([*words, str(source), "-o", str(target)], check=True)
    return target


def main() -> int:
    """Runs the boots, writes the lines."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("cover-*.txt"):
        old.unlink()
    plugin = compile_plugin(folder)
    environment = {**os.environ, "ROMGEN_QEMU_PLUGIN": f"{plugin},dir={folder}"}
    words = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *BOOTS]
    done = subprocess.run(words, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        return done.returncode
    program = Program.load(build(Project(ROOT, folder / "build"), LAYOUT).elf)
    ran: set[tuple[int, int]] = set()
    for path in folder.glob("cover-*.txt"):
        ran |= {(int(line, 16) - ROM_BASE, 1) for line in path.read_text().split()}
    if (3, 1) not in ran:
        print("no boot ran the ROM's entry at C0000h: where did the BIOS put it?", file=sys.stderr)
        return 1
    coverage = Coverage({program.name: ran}, {program.name: program})
    lines = coverage.lines()
    write_lines(lines, folder / "lines-qemu.json")
    print(f"in QEMU: {percent(lines):.1f} % of the ROM's lines ran")
    return 0


if __name__ == "__main__":
    sys.exit(main())
