"""Boot programs of `qemu/guests/`, assembled for one disk."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from romgen.boot.process import run_tool
from romgen.errors import RomgenError
from romgen.project import ROOT

GUESTS = ROOT / "qemu" / "guests"
EXIT_PASS = 0x10 * 2 + 1
"""QEMU's exit code when a guest wrote EXIT_PASS to isa-debug-exit (guest.inc)."""
EXIT_FAIL = 0x11 * 2 + 1
EXIT_LOAD = 0x12 * 2 + 1


def assemble(program: str, defines: Mapping[str, int]) -> bytes:
    """The boot program `qemu/guests/<program>.asm`, whole sectors, with its numbers.

    Errors: no such program; nasm's own, with its file and line.
    """
    source = GUESTS / f"{program}.asm"
    if not source.is_file():
        known = ", ".join(sorted(path.stem for path in GUESTS.glob("*.asm")))
        raise RomgenError(
            "guest-unknown", str(source), "no such boot program", f"there are {known}"
        )
    with tempfile.TemporaryDirectory(prefix="romgen-guest-") as folder:
        out = Path(folder) / f"{program}.bin"
        run_tool(
            [
                "nasm",
                *("-f", "bin", "-Wall", "-Werror"),
                *(f"-D{name}={value}" for name, value in defines.items()),
                f"-I{GUESTS}/",
                *("-o", str(out), str(source)),
            ]
        )
        return out.read_bytes()
