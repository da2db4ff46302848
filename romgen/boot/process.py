"""Children that never outlive us: tools are found, started, and ended in any case."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from romgen.errors import EXIT_TOOL, RomgenError

PACKAGES = {
    "nasm": "nasm",
    "qemu-system-i386": "qemu-system-x86",
    "qemu-system-x86_64": "qemu-system-x86",
    "apt-cache": "apt",
    "apt-get": "apt",
    "debootstrap": "debootstrap",
    "dpkg-deb": "dpkg",
    "mke2fs": "e2fsprogs",
    "xz": "xz-utils",
    "bochs": "bochs bochs-term",
    "debugfs": "e2fsprogs",
    "swtpm": "swtpm",
    "tgtd": "tgt",
    "tgtadm": "tgt",
    "iscsi-perf": "libiscsi-bin",
    "setpriv": "util-linux",
    "grub-mkimage": "grub-common grub-pc-bin",
    "syslinux": "syslinux",
    "mformat": "mtools",
    "mcopy": "mtools",
    "ip": "iproute2",
}
"""Tool -> Debian package that has it."""

SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin")
STOP_PATIENCE = 2.0
"""Seconds between asking a child to end and killing it."""


def find_tool(name: str) -> str:
    """Path of a tool. Error: it is not there, with the command that installs it."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SBIN))
    found = shutil.which(name, path=path)
    if found is None:
        package = PACKAGES.get(name, name)
        raise RomgenError(
            "tool-missing",
            name,
            "not installed",
            f"run: apt-get install --no-install-recommends {package}",
            status=EXIT_TOOL,
        )
    return found


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    log: Path,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a tool with its output in `log`. The kernel kills it when we die.

    It gets a session of its own, so that Ctrl-C reaches us alone and we end it in order.
    """
    program = find_tool(argv[0])
    with log.open("wb") as out:
        return subprocess.Popen(
            [find_tool("setpriv"), "--pdeathsig", "KILL", "--", program, *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            pass_fds=tuple(pass_fds),
            start_new_session=True,
        )


def stop(child: subprocess.Popen[bytes], *, polite: bool = True) -> None:
    """End a child, by SIGTERM first if `polite`, and reap it."""
    if child.poll() is None and polite:
        child.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(STOP_PATIENCE)
    if child.poll() is None:
        child.kill()
    child.wait()


def run_tool(argv: Sequence[str], *, cwd: Path | None = None, timeout: float = 60.0) -> str:
    """Run a tool to its end and return what it printed. Error: it fails or does not end."""
    program = find_tool(argv[0])
    try:
        done = subprocess.run(
            [program, *argv[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            cwd=cwd,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RomgenError(
            "tool-timeout", argv[0], f"did not end within {timeout:g} s", status=EXIT_TOOL
        ) from error
    if done.returncode != 0:
        raise RomgenError(
            "tool-failed",
            argv[0],
            f"exit code {done.returncode}: {' '.join(argv[1:])}",
            detail=(done.stdout + done.stderr).strip(),
        )
    return done.stdout
