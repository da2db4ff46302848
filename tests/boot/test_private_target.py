"""The private tgtd: several at once, nothing left over, not even after Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from romgen.boot.peers import ClosedPort, SilentTarget
from romgen.boot.tgt import LISTEN, Lun, Tgtd
from romgen.errors import RomgenError
from romgen.project import ROOT

NAME = "iqn.2007-09.com.example:test"


@pytest.fixture
def lun(tmp_path: Path) -> Lun:
    (tmp_path / "lun.img").write_bytes(bytes(1 << 20))
    return Lun(1, tmp_path / "lun.img")


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_two_at_once_then_none(lun: Lun) -> None:
    with Tgtd(NAME, [lun]) as one, Tgtd(NAME, [lun]) as two:
        assert one.port != two.port
        for each in (one, two):
            socket.create_connection((LISTEN, each.port), timeout=5).close()
        pids = (one.pid, two.pid)
    assert not any(alive(pid) for pid in pids)


def test_it_exports_the_file(lun: Lun) -> None:
    with Tgtd(NAME, [lun]) as tgt:
        shown = tgt.admin("--lld", "iscsi", "--op", "show", "--mode", "target")
    assert NAME in shown and str(lun.file) in shown


def test_a_missing_file_ends_it(tmp_path: Path) -> None:
    tgt = Tgtd(NAME, [Lun(1, tmp_path / "nothing")])
    with pytest.raises(RomgenError) as error, tgt:
        pass
    assert error.value.code == "tgt-admin"
    assert not alive(tgt.pid)


def test_it_dies_when_its_starter_is_killed(lun: Lun) -> None:
    program = (
        "import time; from pathlib import Path; from romgen.boot.tgt import Lun, Tgtd\n"
        f"with Tgtd({NAME!r}, [Lun(1, Path({str(lun.file)!r}))]) as tgt:\n"
        "    print(tgt.pid, flush=True); time.sleep(60)\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    starter.kill()
    starter.wait()
    assert wait_until(lambda: not alive(pid))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything(number: signal.Signals, tmp_path: Path) -> None:
    # An empty disk boots nothing; the machine is halted by --gdb, so the command waits for us.
    rom, disk = tmp_path / "empty.rom", tmp_path / "disk.img"
    rom.write_bytes(bytes(512))
    disk.write_bytes(bytes(1 << 20))
    command = [*(sys.executable, "-m", "romgen", "boot", "--rom", str(rom), "--nic", "e1000"),
               *("--disk", str(disk), "--gdb", "0", "--timeout", "60")]  # fmt: skip
    log = tmp_path / "log"
    with log.open("w") as out:
        boot = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env=os.environ)
    try:
        assert wait_until(lambda: len(children(boot.pid)) == 2), log.read_text()  # tgtd, QEMU
        pids = children(boot.pid)
        boot.send_signal(number)
        assert boot.wait(10) == 130
        assert wait_until(lambda: not any(alive(pid) for pid in pids))
    finally:
        boot.kill()
        boot.wait()


def test_a_silent_target_takes_everything_and_says_nothing() -> None:
    with SilentTarget() as target, socket.create_connection((LISTEN, target.port), 5) as peer:
        peer.sendall(b"x" * 100)
        assert wait_until(lambda: target.received == 100)
        peer.setblocking(False)
        with pytest.raises(BlockingIOError):
            peer.recv(1)


def test_a_closed_port_refuses() -> None:
    with ClosedPort() as target, pytest.raises(ConnectionRefusedError):
        socket.create_connection((LISTEN, target.port), timeout=5)
