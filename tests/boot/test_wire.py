"""Boots over the bad wire: the few that are quick (all of them: tests/matrix).

The peer's TCP is the kernel's, in a network namespace: these tests need root.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from romgen.boot.netns import BadWire
from romgen.boot.pcap import CONST, ETH, ETH_SIZE, IP, Frame, pdus, segments
from romgen.boot.wire import Plan
from romgen.boot.wire_boot import (
    FIRST,
    INITIATOR,
    PORT,
    SECOND,
    Peer,
    Security,
    Verdict,
    WireBoot,
    WireOutcome,
    wire_boot,
)

VLAN, OTHER_VLAN = 5, 6
LAA = "02:00:5e:10:20:30"
BROADCAST = b"\xff" * 6
GROUP = 1  # bit of the first address byte: not for one station alone
NO_ARP_REPLY = 3003
READS, READ_SIZE = 10, 127 * 512


def right(outcome: WireOutcome) -> WireOutcome:
    assert outcome.verdict is Verdict.RIGHT, (
        f"{outcome.why}\n{outcome.counters}\n{outcome.run.console.text}"
    )
    return outcome


def unlike_a_static_boot(frames: list[Frame], mac: bytes) -> list[str]:
    """Frames of the ROM that are neither ARP for the target nor TCP to its port."""
    found = []
    tcp = {segment.frame.index: segment for segment in segments(frames)}
    for frame in frames:
        if frame.source != mac:
            continue
        to = frame.data[ETH["dest"]]
        if frame.arp_op is not None:
            if to == BROADCAST and frame.arp_op != CONST["ARP_REQUEST"]:
                found.append(f"frame {frame.index}: ARP that is no request, to all")
            continue
        segment = tcp.get(frame.index)
        if segment is None:
            protocol = frame.data[ETH_SIZE:][IP["protocol"]].hex()
            found.append(f"frame {frame.index}: {frame.ethertype:04x}, protocol {protocol}")
        elif segment.source[0] != INITIATOR or segment.dest != (FIRST, PORT):
            found.append(f"frame {frame.index}: {segment.source} to {segment.dest}")
        if to[0] & GROUP:
            found.append(f"frame {frame.index}: to {to.hex(':')}")
    return found


def test_every_frame_of_a_boot_is_arp_or_iscsi(rom: Path, device: str) -> None:
    """No DHCP, no DNS, no broadcast but ARP; all from the address that LAA gives."""
    variables = {"LAA": LAA.replace(":", "")}
    outcome = right(wire_boot(WireBoot(rom, device, variables=variables)))
    mac = bytes.fromhex(LAA.replace(":", ""))
    assert unlike_a_static_boot(outcome.frames, mac) == []
    mine = [frame for frame in outcome.frames if frame.source == mac]
    theirs = {frame.source for frame in outcome.frames if frame.source != mac}
    assert sum(frame.arp_op is not None for frame in mine) >= 1
    assert len(mine) > 1000  # every sector was read more than once
    assert len(theirs) == 1  # the tap: nobody else spoke, not the adapter's own address either
    assert mine[0].data[ETH_SIZE:][8:14] == mac  # ARP: sender's hardware address


def test_loss_with_mutual_chap_and_digests(rom: Path, device: str) -> None:
    outcome = right(
        wire_boot(
            WireBoot(rom, device, "scripted", Security("MutualCHAP", True, True), Plan(loss=0.01))
        )
    )
    assert outcome.counters["lost"] > 10


def test_everything_at_once(rom: Path, device: str) -> None:
    """Frames are cut short, late, doubled, out of order, and wrong in a bit."""
    plan = Plan(truncate=0.01, delay=0.0005, duplicate=0.02, reorder=0.02, corrupt=0.01)
    outcome = right(wire_boot(WireBoot(rom, device, "tgt", Security("CHAP"), plan)))
    for harm in ("truncated", "duplicated", "reordered", "corrupted"):
        assert outcome.counters[harm] > 5


def test_a_vlan(rom: Path, device: str) -> None:
    """The wire takes off the tag of this VLAN and puts it on: the target knows of none."""
    given = {"VLAN": str(VLAN)}
    outcome = right(wire_boot(WireBoot(rom, device, plan=Plan(vlan=VLAN), variables=given)))
    assert outcome.counters["foreign_vlans"] == []
    assert {frame.ethertype for frame in outcome.frames} == {CONST["ETHERTYPE_VLAN"]}


@pytest.mark.parametrize("given", [str(OTHER_VLAN), "Disabled"])
def test_the_wrong_vlan(rom: Path, device: str, given: str) -> None:
    variables = {"VLAN": given, "ConnectTimeout": "3", "ConnectRetries": "0"}
    boot = WireBoot(rom, device, plan=Plan(vlan=VLAN), variables=variables, timeout=40)
    outcome = wire_boot(boot)
    assert outcome.run.ended == "exit", outcome.run.console.text
    assert NO_ARP_REPLY in [message.number for message in outcome.messages]
    assert "VLAN" in outcome.run.console.text  # what to check
    foreign = [0] if given == "Disabled" else [OTHER_VLAN]
    assert outcome.counters["foreign_vlans"] == foreign


def test_the_second_target_carries_on(rom: Path, device: str) -> None:
    """The first dies while it sends the whole disk; the booted program sees no error."""

    def kill(wire: BadWire, peers: Sequence[Peer]) -> None:
        capture = wire.folder / "net.pcap"
        enough = capture.stat().st_size + READS * READ_SIZE
        deadline = time.monotonic() + 10
        while capture.stat().st_size < enough and time.monotonic() < deadline:
            pass  # the reads take a millisecond each
        peers[0].kill()

    outcome = right(wire_boot(WireBoot(rom, device, both_targets=True, fault=kill)))
    reads = dict.fromkeys((FIRST, SECOND), 0)
    logins = dict.fromkeys(reads, 0)
    ends = {segment.frame.index: segment.dest[0] for segment in segments(outcome.frames)}
    for pdu in pdus(outcome.frames, PORT):
        address = ends[pdu.frame.index]
        if pdu.to_target and pdu.read:
            reads[address] += 1
        elif pdu.to_target and not pdu.cdb:
            logins[address] += 1
    assert outcome.fault_done
    assert reads[FIRST] > READS and reads[SECOND] > READS
    assert logins[SECOND] >= 1
