"""System 1: Debian mounts its root over iSCSI from the iBFT alone, writes to it and powers off."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.process import run_tool
from romgen.boot.tgt import Account
from romgen.project import Project
from romgen.systems.debian import WRITTEN, debian_disk
from romgen.systems.image import file_in
from romgen.systems.run import SystemBoot, boot_system, record

USER, SECRET = "initiator", "secret-of-initiator"
PEER, PEER_SECRET = "the-target", "secret-of-target"
ONE_WAY = {"AuthMethod": "CHAP", "CHAPUsername": USER, "CHAPSecret": SECRET}
# Without CHAPMUsername: the iBFT has the name that the target gave.
MUTUAL = {**ONE_WAY, "AuthMethod": "MutualCHAP", "CHAPMSecret": PEER_SECRET}
NAMED = Account(USER, SECRET)
NOBODY = "(null)"
LOGINS: dict[str, tuple[Mapping[str, str], Sequence[Account], str]] = {
    "none": ({}, (), f"{NOBODY} {NOBODY}"),
    "chap": (ONE_WAY, (NAMED,), f"{USER} {NOBODY}"),
    "mutual": (MUTUAL, (NAMED, Account(PEER, PEER_SECRET, outgoing=True)), f"{USER} {PEER}"),
}


@pytest.mark.parametrize(
    "login",
    [
        pytest.param("none", marks=pytest.mark.ci),
        pytest.param("chap", marks=pytest.mark.ci),
        "mutual",
    ],
)
def test_its_root_is_on_the_target(
    project: Project, rom: Path, device: str, tmp_path: Path, login: str
) -> None:
    variables, accounts, names = LOGINS[login]
    begin = time.monotonic()
    disk = tmp_path / "disk.img"
    run_tool(["cp", "--sparse=always", str(debian_disk()), str(disk)], timeout=600)
    built = time.monotonic() - begin
    name = f"debian-{login}"
    what = SystemBoot(name, disk, 900, ev=variables, accounts=accounts)
    booted = boot_system(project, rom, device, what)
    text = booted.run.console.text
    assert booted.lines and booted.lines[-1] == "@done", text[-3000:]
    assert (booted.run.ended, booted.run.status) == ("exit", 0)
    assert booted.messages == []
    (system,) = booted.values("system")
    assert system.startswith("Debian GNU/Linux 12") and system.endswith("init systemd")
    (root,) = booted.values("root")
    assert root.split()[1] == "ext4" and root.split()[0].startswith("/dev/sd")
    assert "rw" in root.split()[2].split(",")
    assert "/session1/target" in booted.values("device")[0]
    assert booted.values("session") == [f"{ev.TARGET_NAME} {ev.INITIATOR_NAME} LOGGED_IN"]
    assert booted.values("portal") == [f"{ev.HOST_IP} {booted.port}"]
    assert booted.values("chap") == [names]
    assert [line.split()[1] for line in booted.values("address")] == [f"{ev.GUEST_IP}/24"]
    assert booted.values("failed") == [""]
    (written,) = booted.values("written")
    assert file_in(disk, WRITTEN) == f"{written}\n".encode()
    record(project, name, f"Debian 12, root on iSCSI, login: {login}", booted, build=built)
