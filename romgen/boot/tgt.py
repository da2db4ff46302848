"""A private tgtd: own control socket, free port on 127.0.0.1, gone afterwards in any case."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from romgen.boot.process import find_tool, start, stop
from romgen.errors import EXIT_BOOT, RomgenError

LISTEN = "127.0.0.1"
START_PATIENCE = 10.0
STOP_PATIENCE = 2.0
POLL = 0.01
PORT_ATTEMPTS = 8
ADMIN_PATIENCE = 10.0
PORT_TAKEN = re.compile(r"unable to bind server socket|Address already in use", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Lun:
    """A logical unit: its number (0 is tgt's own controller) and the file behind it."""

    number: int
    file: Path
    options: tuple[str, ...] = ()
    """Further arguments of `tgtadm --op update --mode logicalunit`."""


@dataclass(frozen=True, slots=True)
class Account:
    """CHAP: a user and its secret; `outgoing`: the target's own, for mutual CHAP."""

    user: str
    secret: str
    outgoing: bool = False


@dataclass(slots=True)
class Tgtd:
    """tgtd with one target; use it as a context manager.

    luns: what is exported; name: the target's name; port: chosen when it starts, unless given;
    host: the address that it listens on; prefix: a command that runs it elsewhere, for example in
    a network namespace (romgen/boot/netns.py); parameters: of the target, such as HeaderDigest.
    """

    name: str
    luns: Sequence[Lun]
    accounts: Sequence[Account] = ()
    port: int = 0
    host: str = LISTEN
    prefix: Sequence[str] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    _folder: Path | None = field(default=None, init=False)
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __enter__(self) -> Tgtd:
        # Not below the user's folder: a socket's path has at most 107 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="romgen-tgt-"))
        try:
            self._start()
            self._configure()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Process id of the running tgtd."""
        assert self._child is not None
        return self._child.pid

    @property
    def log(self) -> str:
        """What tgtd has printed so far."""
        assert self._folder is not None
        return (self._folder / "log").read_text(errors="replace")

    def admin(self, *arguments: str) -> str:
        """Run tgtadm on this tgtd. Error: it fails."""
        done = self._admin(arguments)
        if done.returncode != 0:
            raise RomgenError(
                "tgt-admin",
                "tgtadm " + " ".join(arguments),
                (done.stdout + done.stderr).strip() or f"exit code {done.returncode}",
                status=EXIT_BOOT,
            )
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "TGT_IPC_SOCKET": str(self._folder / "s")} if self._folder else {}

    def _admin(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [find_tool("tgtadm"), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ADMIN_PATIENCE,
            env=self._environment(),
            check=False,
        )

    def _start(self) -> None:
        """Start on a free port; another process may take it in between, then again."""
        given = self.port
        for _ in range(1 if given else PORT_ATTEMPTS):
            self.port = given or free_port()
            if self._start_once():
                return
            self._kill()
        raise RomgenError(
            "tgt-port",
            f"{self.host}:{self.port}",
            "the port is taken" if given else "tgtd found no free port",
            detail=self.log,
            status=EXIT_BOOT,
        )

    def _start_once(self) -> bool:
        """True: tgtd answers and listens. False: its port was taken."""
        assert self._folder is not None
        self._child = start(
            [*self.prefix, find_tool("tgtd"), "-f", "--iscsi", f"portal={self.host}:{self.port}"],
            env={"TGT_IPC_SOCKET": str(self._folder / "s")},
            log=self._folder / "log",
        )
        deadline = time.monotonic() + START_PATIENCE
        while time.monotonic() < deadline:
            if PORT_TAKEN.search(self.log):
                return False
            if self._child.poll() is not None:
                break
            shown = self._admin(("--lld", "iscsi", "--op", "show", "--mode", "portal"))
            if shown.returncode == 0 and f":{self.port}," in shown.stdout:
                return True
            time.sleep(POLL)
        raise RomgenError(
            "tgt-start",
            "tgtd",
            "did not start"
            if self._child.poll() is None
            else f"ended with exit code {self._child.returncode}",
            detail=self.log,
            status=EXIT_BOOT,
        )

    def _configure(self) -> None:
        iscsi = ("--lld", "iscsi")
        self.admin(*iscsi, "--op", "new", "--mode", "target", "--tid", "1", "-T", self.name)
        for name, value in self.parameters.items():
            update = ("--op", "update", "--mode", "target", "--tid", "1", "-n", name, "-v", value)
            self.admin(*iscsi, *update)
        for lun in self.luns:
            unit = ("--mode", "logicalunit", "--tid", "1", "--lun", str(lun.number))
            self.admin(*iscsi, "--op", "new", *unit, "-b", str(lun.file.resolve()))
            if lun.options:
                self.admin(*iscsi, "--op", "update", *unit, *lun.options)
        for account in self.accounts:
            user = ("--mode", "account", "--user", account.user)
            self.admin(*iscsi, "--op", "new", *user, "--password", account.secret)
            outgoing = ("--outgoing",) if account.outgoing else ()
            self.admin(*iscsi, "--op", "bind", *user, "--tid", "1", *outgoing)
        self.admin(*iscsi, "--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL")

    def kill(self) -> None:
        """End tgtd as a crash would."""
        self._kill()

    def restart(self) -> None:
        """Kill tgtd, as a crash would, and start it again on the same port."""
        self._kill()
        assert self._folder is not None
        for left in ("s.0", "s.0.lock"):
            (self._folder / left).unlink(missing_ok=True)
        if not self._start_once():
            raise RomgenError("tgt-port", f"{self.host}:{self.port}", "taken", status=EXIT_BOOT)
        self._configure()

    def close(self) -> None:
        """End tgtd: asked by tgtadm, killed if it stays; its folder goes too."""
        child = self._child
        try:
            if child is not None and child.poll() is None:
                target = ("--lld", "iscsi", "--mode", "target", "--tid", "1")
                self._admin((*target, "--op", "delete", "--force"))
                self._admin(("--op", "delete", "--mode", "system"))
                child.wait(STOP_PATIENCE)
        except (subprocess.TimeoutExpired, OSError):
            pass
        finally:
            self._kill()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _kill(self) -> None:
        if self._child is not None:
            stop(self._child, polite=False)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has just now."""
    with socket.socket() as probe:
        probe.bind((LISTEN, 0))
        port: int = probe.getsockname()[1]
        return port
