"""istgt (Debian package), a target with BSD roots: from its package, without being installed.

Its first unit must be LUN 0, unlike tgt's.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from romgen.boot.process import start, stop
from romgen.errors import EXIT_BOOT, RomgenError
from romgen.systems.packages import unpacked
from romgen.systems.recipe import recipe

PACKAGE = "istgt"
LUN = 0
PREFIX_LENGTH = 24
"""Of the net from which initiators are let in."""
GROUP = "AuthGroup1"
PATIENCE = 15.0
POLL = 0.05
READY = re.compile(r"^LU1: LUN0 command queuing", re.MULTILINE)
"""The last line before it listens."""
SETTLE = 0.3
"""Seconds between that line and its listening."""


@dataclass(slots=True)
class Istgt:
    """istgt with one target; a context manager.

    account: (user, secret) of the initiator; own: (user, secret) of the target, for mutual CHAP
    prefix: a command that runs it elsewhere, for example in a network namespace
    folder: for its files; it has one disk, `image`, as LUN 0
    """

    name: str
    image: Path
    folder: Path
    host: str
    port: int
    account: tuple[str, str] | None = None
    own: tuple[str, str] | None = None
    prefix: Sequence[str] = ()
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __enter__(self) -> Istgt:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def log(self) -> str:
        """What it has said since its last start."""
        return (self.folder / "istgt.log").read_text(errors="replace")

    def _write(self) -> Path:
        words = [*(self.account or ()), *(self.own or ())]
        auth = self.folder / "istgt.auth"
        # It refuses a file that others can read, and an empty group.
        auth.write_text(f"[{GROUP}]\n  Auth {' '.join(words or ['nobody', 'secretsecret12'])}\n")
        auth.chmod(0o600)
        method = "CHAP" if self.account else "None"
        config = self.folder / "istgt.conf"
        config.write_text(
            recipe(
                "istgt/istgt.conf",
                FOLDER=self.folder,
                NET=f"{self.host}/{PREFIX_LENGTH}",
                PORTAL=f"{self.host}:{self.port}",
                NAME=self.name,
                METHOD=f"{method} Mutual" if self.own else method,
                GROUP=GROUP,
                IMAGE=self.image,
            )
        )
        return config

    def _start(self) -> None:
        program = unpacked(PACKAGE) / "usr" / "sbin" / "istgt"
        argv = [*self.prefix, str(program), "-D", "-c", str(self._write())]
        self._child = start(argv, log=self.folder / "istgt.log")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._child.poll() is None:
            if READY.search(self.log):
                time.sleep(SETTLE)
                return
            time.sleep(POLL)
        raise RomgenError(
            "istgt-start", self.host, "istgt did not start", detail=self.log, status=EXIT_BOOT
        )

    def kill(self) -> None:
        """End it as a crash would."""
        if self._child is not None:
            stop(self._child, polite=False)

    def restart(self) -> None:
        """Kill it and start it again at the same address."""
        self.kill()
        self._start()
