"""A storm on the adapter's wire: frames put behind QEMU's user network by a filter-redirector.

Broadcasts of every length, ARP questions for others, runts of less than a header, frames longer
than Ethernet's.  On the filter's socket each frame follows its length (32 bits, big endian).
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

BROADCAST = b"\xff" * 6
SOURCE = bytes.fromhex("02000000fe01")
ETHERTYPES = (b"\x08\x06", b"\x08\x00", b"\x86\xdd", b"\x88\xb5")
LENGTHS = (14, 42, 60, 61, 128, 590, 1000, 1513, 1514)
RUNTS = (1, 6, 13)
LONG = (1515, 1518, 1600, 2000)
PAUSE = 0.0005


@dataclass
class Storm:
    """Use as a context manager around the machine; `start` lets it loose.

    rate: frames a second. An emulated machine that switches to protected mode for each register
    (e1000) takes some 2,000.
    """

    folder: Path
    rate: float = 500.0
    sent: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @property
    def _path(self) -> Path:
        return self.folder / "storm.sock"

    def extra(self) -> tuple[str, ...]:
        """QEMU's arguments: frames from the socket go to the adapter on netdev n0."""
        return (
            *("-chardev", f"socket,id=storm,path={self._path},server=on,wait=off"),
            *("-object", "filter-redirector,id=storm0,netdev=n0,queue=tx,indev=storm"),
        )

    def __enter__(self) -> Storm:
        return self

    def start(self) -> None:
        """Begin; once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._blow, daemon=True)
            self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _frames(self, chance: random.Random) -> bytes:
        kind = chance.random()
        lengths = RUNTS if kind < 0.05 else LONG if kind < 0.1 else LENGTHS
        frame = BROADCAST + SOURCE + chance.choice(ETHERTYPES)
        length = chance.choice(lengths)
        return (frame + chance.randbytes(max(length - len(frame), 0)))[:length]

    def _blow(self) -> None:
        chance = random.Random(1)
        with socket.socket(socket.AF_UNIX) as wire:
            wire.connect(str(self._path))
            begin = time.monotonic()
            while not self._stop.wait(PAUSE):
                due = int((time.monotonic() - begin) * self.rate)
                try:
                    while self.sent < due:
                        frame = self._frames(chance)
                        wire.sendall(struct.pack(">I", len(frame)) + frame)
                        self.sent += 1
                except OSError:  # the machine has ended
                    return
