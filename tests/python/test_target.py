"""The scripted target is a target: libiscsi's tools (Debian: libiscsi-bin) work with it."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from romgen.target import Account, Disk, Fault, Script, Target
from romgen.target.disk import lun_bytes
from romgen.target.script import Act

MEBIBYTE = 1 << 20
SECRET = Account("joe", b"secretsecret1")


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    image = tmp_path / "disk.img"
    image.write_bytes(b"".join(struct.pack("<I", n) * 128 for n in range(MEBIBYTE // 512)))
    return Disk(image)


def tool(target: Target, *words: str, user: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a tool of libiscsi on LUN 1."""
    url = f"iscsi://{user}127.0.0.1:{target.port}/{target.script.name}/1"
    return subprocess.run([*words, url], capture_output=True, text=True, timeout=30, check=False)


def test_discovery_and_size(disk: Disk) -> None:
    with Target(Script(), disk) as target:
        portal = f"iscsi://127.0.0.1:{target.port}"
        listed = subprocess.run(
            ["iscsi-ls", "-s", portal], capture_output=True, text=True, timeout=30, check=True
        )
        assert target.script.name in listed.stdout and "DIRECT_ACCESS" in listed.stdout
        assert f"Total size:{MEBIBYTE}" in tool(target, "iscsi-readcapacity16").stdout


def test_inquiry(disk: Disk) -> None:
    with Target(Script(), disk) as target:
        assert "SCRIPTED DISK" in tool(target, "iscsi-inq").stdout


def test_chap_is_required(disk: Disk) -> None:
    with Target(Script(auth="CHAP", user=SECRET), disk) as target:
        assert tool(target, "iscsi-inq", user="joe%secretsecret1@").returncode == 0
        assert tool(target, "iscsi-inq", user="joe%secretsecret2@").returncode != 0
        assert tool(target, "iscsi-inq").returncode != 0


@pytest.mark.parametrize(
    "suite",
    [
        "SCSI.Read10.Simple",
        "SCSI.Read16.Simple",
        "SCSI.Write10.Simple",
        "SCSI.Write16.Simple",
        "SCSI.TestUnitReady",
        "SCSI.ReadCapacity10",
        "iSCSI.iSCSICmdSn",
        "iSCSI.iSCSIDataSn",
    ],
)
@pytest.mark.parametrize("r2t", [False, True])
def test_conformance_suites(disk: Disk, suite: str, r2t: bool) -> None:
    """libiscsi's test programs for the functions that the target has."""
    script = Script(initial_r2t=r2t, immediate_data=not r2t, first_burst=4096, max_burst=16384)
    with Target(script, disk) as target:
        done = tool(target, "iscsi-test-cu", "-n", "-d", "-t", suite)
        summary = [line.split() for line in done.stdout.splitlines() if "asserts" in line]
        assert summary, done.stdout + done.stderr
        _, total, _, passed, failed, _ = summary[0]
        assert (failed, passed) == ("0", total), done.stdout


def test_unknown_target_is_refused(disk: Disk) -> None:
    with Target(Script(), disk) as target:
        target.script.name = "iqn.2026-01.test.romgen:other"
        url = f"iscsi://127.0.0.1:{target.port}/iqn.2026-01.test.romgen:scripted/1"
        done = subprocess.run(["iscsi-inq", url], capture_output=True, timeout=30, check=False)
        assert done.returncode != 0
        assert any("0203" in event for event in target.events)


def test_fault_comes_in_its_turn(disk: Disk) -> None:
    fault = Fault(Act.SENSE, opcode=0x12, at=2, times=1, sense=(4, 0x44, 0))
    with Target(Script(faults=[fault]), disk) as target:
        results = [tool(target, "iscsi-inq").returncode == 0 for _ in range(3)]
        assert results.count(False) <= 1
        assert target.events.count("fault sense") == 1


def test_garbage_ends_the_connection_only(disk: Disk) -> None:
    with Target(Script(), disk) as target:
        with socket.create_connection(("127.0.0.1", target.port), timeout=10) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\n".ljust(65536, b"\0"))
            with contextlib.suppress(ConnectionError):
                assert peer.recv(100) == b""
        assert tool(target, "iscsi-inq").returncode == 0


@pytest.mark.parametrize(
    "number, expected",
    [
        (1, "0001000000000000"),
        (255, "00ff000000000000"),
        (256, "4100000000000000"),
        (16383, "7fff000000000000"),
    ],
)
def test_lun_addressing(number: int, expected: str) -> None:
    assert lun_bytes(number).hex() == expected
