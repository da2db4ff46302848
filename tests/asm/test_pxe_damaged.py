"""asm/pxe: damaged DHCP and TFTP packets, made from good ones: nothing is written astray."""

from __future__ import annotations

import random
import struct
from ipaddress import IPv4Address

import pytest
from bench.machine import Machine
from peer.boot_net import ACK, DATA, ERROR, OACK, Datagram, Dhcp, ip
from peer.stack import OWN_IP, OWN_MAC, PEER_IP, Stack

PACKETS = 120
XID = b"\1\2\3\4"
INTERESTING = (0, 1, 2, 43, 52, 53, 54, 60, 66, 67, 127, 128, 254, 255)
CLIENT_PORT = 50000


def damaged(chance: random.Random, raw: bytes, first: int) -> bytes:
    """`raw` with some bytes changed from `first` on, cut or made longer."""
    data = bytearray(raw)
    for _ in range(chance.randrange(1, 12)):
        at = chance.randrange(first, len(data))
        data[at] = chance.choice((*INTERESTING, chance.randrange(256)))
    if chance.random() < 0.3:
        del data[chance.randrange(first, len(data)) :]
    if chance.random() < 0.2:
        data += chance.randbytes(chance.randrange(1472 - len(data)))
    return bytes(data)


def good_dhcp(chance: random.Random) -> bytes:
    options = {
        54: ip(PEER_IP), 1: ip("255.255.255.0"), 3: ip("192.0.2.254"), 60: b"PXEClient",
        43: bytes([6, 1, 8, 9, 4, 0, 7, 1, 65, 255]), 66: b"192.0.2.7", 67: b"file.0",
        52: bytes([chance.randrange(4)]),
    }  # fmt: skip
    keys = chance.sample(list(options), chance.randrange(1, len(options)))
    packet = Dhcp(2, XID, OWN_MAC, ACK, {key: options[key] for key in keys}, yiaddr=OWN_IP)
    packet.file, packet.sname = b"boot.0", Dhcp.pack({67: b"other.0"}) + b"\xff"
    return packet.build()


@pytest.mark.parametrize("seed", range(2))
def test_dhcp(pxe_machine: Machine, seed: int) -> None:
    chance = random.Random(seed)
    machine, stack = pxe_machine, Stack(pxe_machine)
    machine.set("dhcp_xid", XID)
    machine.set("udp_sink", machine.address("dhcp_sink"))
    room = machine.address("scratch")
    taken = 0
    for _ in range(PACKETS):
        raw = damaged(chance, good_dhcp(chance), 236)
        machine.set("udp_taken", 0, 1)
        stack.send_ip(Datagram(PEER_IP, 67, OWN_IP, 68, raw).build())
        machine.call("net_poll")
        if not machine.get("udp_taken", 1):
            continue
        taken += 1
        packet = room + 4 * 1472
        assert machine.read(machine.data + packet, len(raw)) == raw
        assert not machine.read(machine.data + packet + len(raw), 1472 - len(raw)).strip(b"\0")
        for code in (1, 43, 54, 67):
            result = machine.call("dhcp_option", bx=packet, ax=code)
            assert result.cf or packet <= result.si <= result.si + result.cx <= packet + 1472
        result = machine.call("dhcp_file", bx=packet)
        assert result.cf or packet <= result.si <= result.si + result.cx <= packet + 1472
        machine.write(machine.data + room + 1472, machine.read(machine.data + packet, 1472))
        machine.call("dhcp_bind")
        machine.set("dhcp_offers", 0, 1)
        machine.call("dhcp_boot_info")
    assert taken > PACKETS // 3


@pytest.mark.parametrize("seed", range(2))
def test_tftp(pxe_machine: Machine, seed: int) -> None:
    chance = random.Random(seed)
    machine, stack = pxe_machine, Stack(pxe_machine)
    place = machine.buffer(1468)
    seeds = (
        struct.pack(">H", OACK) + b"blksize\x001456\0tsize\x0070000\0",
        struct.pack(">HH", DATA, 1) + bytes(400),
        struct.pack(">HH", ERROR, 1) + b"no such file\0",
    )
    machine.set("udp_sink", machine.address("tftp_sink"))
    machine.set("tftp_server", IPv4Address(PEER_IP).packed)
    machine.set("tftp_local_port", struct.pack(">H", CLIENT_PORT))
    taken = 0
    for _ in range(PACKETS):
        size = chance.choice((512, 1000, 1468))
        for name, value, width in (
            ("tftp_state", chance.choice((1, 3)), 1), ("tftp_block", 1, 2),
            ("tftp_block_size", size, 2), ("tftp_dest", place, 4),
            ("tftp_room", chance.choice((0, 300, 1468)), 4), ("udp_taken", 0, 1),
        ):  # fmt: skip
            machine.set(name, value, width)
        machine.set("tftp_server_port", struct.pack(">H", 40000))
        raw = damaged(chance, chance.choice(seeds), 0 if chance.random() < 0.2 else 2)
        stack.send_ip(Datagram(PEER_IP, 40000, OWN_IP, CLIENT_PORT, raw).build())
        machine.call("net_poll")
        taken += machine.get("udp_taken", 1)
        assert machine.get("tftp_block_size") <= size or machine.get("tftp_block_size") == 512
    assert taken > PACKETS // 4
