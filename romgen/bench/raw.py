"""The raw limit: one TCP connection through the same network and adapter to a Linux guest."""

from __future__ import annotations

import re
import socket
import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from romgen.bench.cores import apart
from romgen.boot.qemu import Machine, Nic, Stop, run
from romgen.boot.tgt import LISTEN
from romgen.errors import EXIT_BOOT, RomgenError
from romgen.project import Project
from romgen.systems.takeover import raw_guest

MIB = 1024 * 1024
AMOUNT_MIB = 256
PATIENCE = 150.0
MEMORY_MIB = 256
EMULATOR = "qemu-system-x86_64"


def _serve(listener: socket.socket) -> None:
    """Give AMOUNT_MIB to who comes first."""
    connection, _ = listener.accept()
    with connection:
        for _ in range(AMOUNT_MIB):
            connection.sendall(bytes(MIB))


def raw_limit(project: Project, device: str) -> float:
    """KiB/s of a Linux guest with QEMU's `device`. Error: it does not come to its end."""
    guest = raw_guest(project)
    with ExitStack() as stack:
        processor = stack.enter_context(apart())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="romgen-bench-")))
        listener = stack.enter_context(socket.create_server((LISTEN, 0)))
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        port = listener.getsockname()[1]
        words = f"console=ttyS0 quiet panic=-1 romgen.port={port}"
        machine = Machine(
            Nic(device),
            memory_mib=MEMORY_MIB,
            emulator=EMULATOR,
            extra=("-kernel", str(guest / "vmlinuz"), "-initrd", str(guest / "initrd"),
                   "-append", words),
        )  # fmt: skip
        end = Stop(PATIENCE, re.compile("^@end", re.MULTILINE))
        result = run(machine, end, folder, on_start=processor)
    lines = result.console.lines
    times = [line.at for line in lines if line.text.startswith(("@go", "@end"))]
    if len(times) != 2:
        raise RomgenError(
            "bench-limit",
            device,
            f"the Linux guest did not finish: {result.ended}",
            detail="\n".join(line.text for line in lines[-10:]),
            status=EXIT_BOOT,
        )
    return AMOUNT_MIB * 1024 / (times[1] - times[0])


def raw_table(rates: Mapping[str, float]) -> str:
    """The limits as Markdown."""
    rows = [f"| {nic} | {rate / 1024:.0f} MiB/s |" for nic, rate in rates.items()]
    head = ["| adapter | one TCP connection to a Linux guest |", "|---|---|"]
    return "\n".join([*head, *rows]) + "\n"
