"""A network namespace of the test's own: a tap, the bad wire behind it, programs inside it.

Needs root (``ip netns``).  Nothing outside the namespace is touched: it holds one tap with
one address, and what is started inside it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from romgen.boot.process import find_tool
from romgen.boot.wire import Plan
from romgen.errors import RomgenError
from romgen.project import ROOT

TAP = "tap0"
START_SECONDS = 10


class BadWire:
    """Namespace, tap and wire process.  A context manager; ``counters`` after the end.

    folder: for the two sockets (paths stay below 100 characters)
    addresses: of the tap with their prefixes
    """

    def __init__(self, folder: Path, plan: Plan, *addresses: str) -> None:
        self.folder, self.plan = folder, plan
        self.addresses = addresses or ("10.10.10.13/24",)
        self.name = f"romgen-{os.getpid()}-{id(self) & 0xFFFF:04x}"
        self.counters: dict[str, Any] = {}
        self._wire: subprocess.Popen[str] | None = None

    @property
    def netdev(self) -> str:
        """The value of QEMU's -netdev, without its id."""
        return (
            f"dgram,local.type=unix,local.path={self.folder / 'q.sock'},"
            f"remote.type=unix,remote.path={self.folder / 'w.sock'}"
        )

    def command(self, *words: str) -> list[str]:
        """The command that runs `words` inside the namespace."""
        return ["ip", "netns", "exec", self.name, *words]

    def python(self, *words: str) -> list[str]:
        """The command that runs our Python with these arguments inside the namespace."""
        return self.command(sys.executable, *words)

    def cut(self, seconds: float) -> None:
        """Nothing passes for so long, from now."""
        self._say({"cut": seconds})

    def set_plan(self, **fields: Any) -> None:
        """Changes fields of the plan."""
        self._say({"plan": fields})

    def _say(self, command: dict[str, Any]) -> None:
        assert self._wire is not None and self._wire.stdin is not None
        self._wire.stdin.write(json.dumps(command) + "\n")
        self._wire.stdin.flush()

    def _ip(self, *words: str) -> None:
        argv = [find_tool("ip"), *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RomgenError(
                "netns",
                "ip " + " ".join(words),
                done.stderr.strip(),
                "network namespaces need root",
            )

    def __enter__(self) -> BadWire:
        self._ip("netns", "add", self.name)
        try:
            self._ip("-n", self.name, "link", "set", "lo", "up")
            self._ip("-n", self.name, "tuntap", "add", TAP, "mode", "tap")
            for address in self.addresses:
                self._ip("-n", self.name, "addr", "add", address, "dev", TAP)
            self._ip("-n", self.name, "link", "set", TAP, "up")
            self._start()
        except BaseException:
            self._remove()
            raise
        return self

    def _start(self) -> None:
        words = ["-m", "romgen.boot.wire", "--tap", TAP]
        words += ["--local", str(self.folder / "w.sock"), "--remote", str(self.folder / "q.sock")]
        words += ["--plan", json.dumps(asdict(self.plan))]
        self._wire = subprocess.Popen(
            self.python(*words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self._wire.stdout is not None
        if self._wire.stdout.readline().strip() != "ready":
            raise RomgenError("wire", self.name, "the wire process did not start")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._wire is not None:
            try:
                out, _ = self._wire.communicate('{"stop": true}\n', timeout=START_SECONDS)
                self.counters = json.loads(out.strip().splitlines()[-1])
            except (subprocess.TimeoutExpired, ValueError, IndexError):
                self._wire.kill()
                self._wire.wait()
        self._remove()

    def _remove(self) -> None:
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)
