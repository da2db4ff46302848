"""Real systems in the benchmark: GRUB with a large file, Linux up to its last message."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from romgen.bench import rival as ipxe
from romgen.bench.workloads import GRUB, LINUX_FIRST, LINUX_LAST, LINUX_LOADED
from romgen.boot.qemu import Machine, Run, Stop
from romgen.systems.grub import FILE_MIB, grub_disk
from romgen.systems.kernel import LAST_MESSAGE, messages_disk

PATIENCE = 150.0
"""Seconds. Who has not come to the end by then is taken to have come there just then."""
MEMORY_MIB = 256
EMULATOR = "qemu-system-x86_64"
BEGIN, END = "@begin", "@end"
LOADED = "@loaded"


@dataclass(frozen=True, slots=True)
class System:
    """A disk that boots, what ends its run, and the figures that the run gives."""

    disk: Callable[[], Path]
    end: str
    figures: Callable[..., dict[str, float]]

    @property
    def stop(self) -> Stop:
        """When the run is over."""
        return Stop(PATIENCE, re.compile(self.end, re.MULTILINE))

    def machine(self, machine: Machine) -> Machine:
        """The same machine, as such a system needs it."""
        return replace(machine, memory_mib=MEMORY_MIB, emulator=EMULATOR)


def _at(result: Run, text: str) -> float:
    """When a line with `text` came; what never came: the end of all patience."""
    return next((line.at for line in result.console.lines if text in line.text), PATIENCE)


def _grub(result: Run, *, rival: bool) -> dict[str, float]:
    seconds = _at(result, END) - _at(result, BEGIN)
    return {GRUB: FILE_MIB * 1024 / (seconds or PATIENCE)}


def _linux(result: Run, *, rival: bool) -> dict[str, float]:
    times = {
        LINUX_LOADED: _at(result, LOADED),
        LINUX_FIRST: _at(result, "Linux version"),
        LINUX_LAST: _at(result, LAST_MESSAGE),
    }
    if not rival:
        return times
    return {name: ipxe.power_on(result.console.lines, at) for name, at in times.items()}


SYSTEMS = {
    "grub": System(lambda: grub_disk("bench.cfg"), f"^{END}", _grub),
    "linux": System(messages_disk, LAST_MESSAGE, _linux),
}
