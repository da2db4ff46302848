"""System 1: Debian mounts its root over iSCSI from the iBFT alone, writes to it and powers off."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.process import run_tool
from romgen.boot.tgt import Account
from romgen.boot.wire_boot import FIRST, INITIATOR, PORT, PREFIX_LENGTH
from romgen.project import Project
from romgen.systems.debian import WRITTEN, debian_disk
from romgen.systems.image import file_in
from romgen.systems.kinds import vlan_disk
from romgen.systems.run import Booted, SystemBoot, boot_system, record

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


VLAN = 5


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
    disk = copy_of(debian_disk(), tmp_path)
    built = time.monotonic() - begin
    name = f"debian-{login}"
    what = SystemBoot(name, disk, 900, ev=variables, accounts=accounts)
    booted = boot_system(project, rom, device, what)
    check(booted, disk)
    assert booted.values("portal") == [f"{ev.HOST_IP} {booted.port}"]
    assert booted.values("chap") == [names]
    assert [line.split()[1] for line in booted.values("address")] == [f"{ev.GUEST_IP}/24"]
    record(project, name, f"Debian 12, root on iSCSI, login: {login}", booted, build=built)


def test_its_root_is_behind_a_vlan(
    project: Project, rom: Path, device: str, tmp_path: Path
) -> None:
    """Every frame of ROM and kernel carries the tag: the wire lets nothing else through."""
    begin = time.monotonic()
    disk = copy_of(vlan_disk(), tmp_path)
    built = time.monotonic() - begin
    booted = boot_system(project, rom, device, SystemBoot("debian-vlan", disk, 900, vlan=VLAN))
    check(booted, disk)
    assert booted.values("portal") == [f"{FIRST} {PORT}"]
    ((interface, address),) = [line.split() for line in booted.values("address")]
    assert interface.endswith(f".{VLAN}") and address == f"{INITIATOR}/{PREFIX_LENGTH}"
    record(project, "debian-vlan", f"Debian 12, root on iSCSI in VLAN {VLAN}", booted, build=built)


def copy_of(image: Path, folder: Path) -> Path:
    """A copy that may be written to."""
    disk = folder / "disk.img"
    run_tool(["cp", "--sparse=always", str(image), str(disk)], timeout=600)
    return disk


def check(booted: Booted, disk: Path) -> None:
    """The system came up whole on the target's disk, and what it wrote is there."""
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
    assert booted.values("failed") == [""]
    (written,) = booted.values("written")
    assert file_in(disk, WRITTEN) == f"{written}\n".encode()
