"""`romgen debug`: run a ROM in QEMU under gdb, at source level, from its first instruction.

Boots as `romgen boot` does, halts at the first instruction of the ROM, wherever the BIOS has put
it, and starts gdb with the sources, with breakpoints by symbol or file:line. Code that is only
needed until the boot has begun runs in a copy in memory: the gdb command `copy` runs until that is
made, and adds its symbols; `code` shows the instructions at CS:IP (gdb takes IP for the whole
address, so a breakpoint has a place at its bare offset, too). `$rom` and `$copy` are the segments.
The console of the machine goes to build/debug/<layout>.console.

With `--batch` gdb reads nothing: it runs the commands of -ex and -x and ends. Exit codes: gdb's in
batch mode, else 0; 2 wrong arguments, 3 a tool is missing, 4 the ROM was not called.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from romgen.boot.images import rom_for_layout
from romgen.boot.process import find_tool, start, stop
from romgen.boot.remote import ADDRESS, Remote
from romgen.boot.run import DEFAULT_LAYOUT
from romgen.boot.tgt import free_port
from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_OK, RomgenError
from romgen.project import ROOT, Project, write_atomic

PATIENCE = 60.0
"""Seconds for the machine to start and to reach the ROM."""
SCRIPT = """set pagination off
set confirm off
set osabi none
set architecture i8086
set tdesc filename {description}
maint set target-async off
target remote {address}:{port}
symbol-file {elf}
add-symbol-file {elf} -o {start:#x}
set $rom = {segment:#x}
set $copy = 0
set $made = 0
define copy
  tbreak *{made:#x}
  break *{linear:#x}
  set $made = $bpnum
  continue
  delete $made
  set $copy = $eax & 0xffff
  eval "add-symbol-file {elf} -o %d", $copy * 16
end
document copy
Run until the code of the boot is in its copy in memory, and add its symbols there.
end
define code
  x/8i ($cs << 4) + $eip
end
document code
The instructions at CS:IP: gdb itself takes IP for the whole address.
end
"""


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("layout", nargs="?", metavar="LAYOUT", help=f"default: {DEFAULT_LAYOUT}")
    parser.add_argument("--ev", type=Path, metavar="FILE", help="EV text; what it lacks is added")
    parser.add_argument("--nic", help="adapter's short name; default: the layout's")
    parser.add_argument(
        "-ex", action="append", default=[], metavar="COMMAND", help="gdb command, once attached"
    )
    parser.add_argument("-x", type=Path, metavar="FILE", help="file of gdb commands, before -ex")
    parser.add_argument("--batch", action="store_true", help="only run the commands")
    parser.add_argument("--timeout", type=float, metavar="S", help="seconds for gdb in batch mode")
    parser.add_argument(
        "--json", action="store_true", help="where things are, as JSON (schema 1), without gdb"
    )
    parser.set_defaults(run=run)


def _boot(args: argparse.Namespace, layout: str, port: int) -> list[str]:
    """The command that boots, halted at reset."""
    command = [sys.executable, "-m", "romgen", "boot", "--layout", layout, "--gdb", str(port)]
    if args.ev:
        command += ["--ev", str(args.ev)]
    return [*command, *(["--nic", args.nic] if args.nic else [])]


def _symbol(elf: Path, name: str) -> int:
    """Value of a symbol, local ones, too. Error: there is none."""
    from romgen.elf import read_program

    for symbol in read_program(elf).symbols:
        if symbol.name == name:
            return symbol.value
    raise RomgenError("symbol-missing", str(elf), f"symbol '{name}' is not defined")


def _gdb(script: Path, args: argparse.Namespace) -> int:
    """Run gdb in the tree, where the names of the sources lead."""
    command: Sequence[str | Path] = [find_tool("gdb"), "-q", "-nx", "-x", script]
    command = [*command, *(["-x", args.x.resolve()] if args.x else [])]
    for text in args.ex:
        command = [*command, "-ex", text]
    if not args.batch:
        return subprocess.run(command, cwd=ROOT, check=False).returncode and EXIT_OK
    try:
        done = subprocess.run(
            [*command, "-batch"], cwd=ROOT, stdin=subprocess.DEVNULL, timeout=args.timeout,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise RomgenError("debug-timeout", "gdb", f"not done in {args.timeout:g} s") from error
    return done.returncode


def run(args: argparse.Namespace) -> int:
    """Boot halted, find the ROM, hand over to gdb, end the machine."""
    project = Project()
    layout = args.layout or DEFAULT_LAYOUT
    rom, _ = rom_for_layout(project, layout)
    if not args.json:
        find_tool("gdb")
    folder = project.build / "debug"
    folder.mkdir(parents=True, exist_ok=True)
    elf = rom.with_suffix(".elf")
    port = free_port()
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), _python_path())))}
    log = folder / f"{layout}.console"
    machine = start(_boot(args, layout, port), env=environment, log=log)
    try:
        try:
            with Remote(port, PATIENCE) as remote:
                description = remote.describe(folder)
                segment = remote.find_rom(rom.read_bytes())
        except RomgenError as error:
            error.detail = log.read_text(errors="replace")
            raise
        if args.json:
            places = {"schema": 1, "layout": layout, "segment": segment, "elf": str(elf)}
            print(json.dumps(places, indent=1))
            return EXIT_OK
        script = folder / f"{layout}.gdb"
        made = _symbol(elf, "rom_run.made")
        text = SCRIPT.format(
            description=description,
            address=ADDRESS,
            port=port,
            elf=elf,
            start=segment << 4,
            linear=(segment << 4) + made,
            segment=segment,
            made=made,
        )
        write_atomic(script, text)
        print(f"the ROM of {layout} is at {segment:04X}:0000", flush=True)
        return _gdb(script, args)
    finally:
        stop(machine)


def _python_path() -> str:
    return os.environ.get("PYTHONPATH", "")
