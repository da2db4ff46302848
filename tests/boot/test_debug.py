"""The ROM under gdb at source level: its first instruction, breakpoints in it and in its copy."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

from romgen.project import ROOT

LAYOUT = "iscsi-e1000"


def romgen(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "romgen", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def line_of(source: str, label: str) -> int:
    """The number of the first line of code behind a label."""
    lines = (ROOT / source).read_text().splitlines()
    at = lines.index(f"{label}:") + 1
    while not lines[at].split(";")[0].strip() or lines[at].split(";")[0].strip().endswith(":"):
        at += 1
    return at + 1


def test_source_level() -> None:
    edd, bcv = "asm/int13/edd.asm", "asm/rom/bcv.asm"
    read = line_of(edd, "int13_42_read_extended")
    commands = ["info line *$pc", f"break {edd}:{read}", "copy", "break bcv_connect", "continue"]
    commands += ['printf "copy %x %x\\n", $cs, $copy', "delete 4", "continue", "continue", "step"]
    arguments = [part for command in commands for part in ("-ex", command)]
    text = romgen("debug", LAYOUT, "--batch", "--timeout", "120", *arguments)
    assert re.search(r"the ROM of iscsi-e1000 is at [CDE][0-9A-F]{3}:0000", text), text
    assert re.search(r'Line \d+ of "asm/rom/header\.asm" starts at address 0x3', text), text
    assert f"bcv_connect () at {bcv}:{line_of(bcv, 'bcv_connect')}" in text
    copy = re.search(r"^copy (\w+) (\w+)$", text, re.MULTILINE)
    assert copy and copy[1] == copy[2] != "0", text
    # The second time shows that gdb gets over its own breakpoint; then it steps to the next line.
    stops = re.findall(rf"int13_42_read_extended \(\) at {edd}:{read}\n(\d+)\t", text)
    assert stops == [str(read)] * 2, text
    assert re.search(rf"^\w+ \(\) at {edd}:(?!{read}\n)\d+$", text.rpartition(stops[-1])[2], re.M)


def test_where_the_rom_is() -> None:
    found = json.loads(romgen("debug", LAYOUT, "--json"))
    assert 0xC000 <= found["segment"] < 0xF000 and found["elf"].endswith(f"{LAYOUT}.elf")
