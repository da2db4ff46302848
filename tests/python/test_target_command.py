"""`python -m romgen.target`: a target as a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from romgen.project import ROOT

COMMAND = [sys.executable, "-m", "romgen.target"]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(4096))
    return path


def test_it_listens_and_ends_when_asked(image: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "--lun", f"1={image}"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            word, port = child.stdout.readline().split()
            assert word == "ready"
            socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()
            child.send_signal(signal.SIGTERM)
            assert child.wait(15) == 0
        finally:
            child.kill()


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], "--lun"),
        (["--lun", "1=no-such-file"], "'no-such-file' is no file"),
        (["--lun", "one=disk"], "'one=disk' is not NUMBER=FILE"),
        (["--lun", "1={image}", "--listen", "host"], "'host' is not HOST:PORT"),
        (["--lun", "1={image}", "--user", "alone"], "'alone' is not NAME:SECRET"),
        (["--lun", "1={image}", "--mutual", "a:b"], "--mutual needs --user"),
        (["--lun", "1={image}", "--data-digest", "MD5"], "'MD5' is not of CRC32C and None"),
    ],
)
def test_what_it_does_not_understand(arguments: list[str], says: str, image: Path) -> None:
    words = [word.replace("{image}", str(image)) for word in arguments]
    done = subprocess.run(
        [*COMMAND, *words], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert says in done.stderr
