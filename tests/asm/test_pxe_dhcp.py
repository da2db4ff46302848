"""asm/pxe/dhcp*.asm: an address and a file from servers that are good, odd, silent or two."""

from __future__ import annotations

import struct

import pytest
from bench.machine import Machine, Result
from peer.boot_net import (
    ACK,
    DISCOVER,
    OFFER,
    REQUEST,
    Datagram,
    Dhcp,
    DhcpServer,
    Net,
    ip,
)
from peer.packets import BROADCAST
from peer.stack import OWN_MAC, PEER_IP, Stack

OWN = "192.0.2.10"
PROXY, PROXY_MAC = "192.0.2.69", bytes.fromhex("02aabbccdd69")
CLASS = b"PXEClient:Arch:00000:UNDI:002001"
ROOM = 1472
UUID = bytes(range(16))


@pytest.fixture
def stack(pxe_machine: Machine) -> Stack:
    stack = Stack(pxe_machine, step=5)
    pxe_machine.set("dhcp_uuid", UUID)
    return stack


@pytest.fixture
def net(stack: Stack) -> Net:
    return Net(stack)


def run(stack: Stack) -> Result:
    return stack.machine.call("dhcp_run", limit=400_000_000)


def address(stack: Stack, name: str) -> str:
    return ".".join(map(str, stack.machine.bytes_of(name, 4)))


def packet(stack: Stack, index: int) -> bytes:
    """DISCOVER, ACK, REPLY as GET_CACHED_INFO would give them."""
    length = stack.machine.get("pxe_lengths") if index == 0 else int.from_bytes(
        stack.machine.bytes_of("pxe_lengths", 6)[2 * index : 2 * index + 2], "little"
    )  # fmt: skip
    base = stack.machine.data + stack.machine.address("scratch") + index * ROOM
    return stack.machine.read(base, length)


class Proxy:
    """A server that gives no address: offers with ``file``, else answers on port 4011."""

    def __init__(
        self, net: Net, file: bytes = b"", answer: bytes = b"", *, menu: bytes = b"",
        delay: int = 0, name: bytes = b"PXEClient", deaf: int = 0,
    ) -> None:  # fmt: skip
        self.net, self.file, self.answer, self.menu = net, file, answer, menu
        self.delay, self.name, self.deaf = delay, name, deaf
        self.asked: list[Dhcp] = []
        net.listeners.append(self._hear)

    def _hear(self, datagram: Datagram) -> None:
        options = {54: ip(PROXY), 60: self.name}
        if self.menu:
            options[43] = self.menu
        if datagram.dst_port == 67:
            request = Dhcp.parse(datagram.data)
            if request.kind == DISCOVER:
                self._send(request.reply(OFFER, options=options, file=self.file), "255.255.255.255")
        elif datagram.dst_port == 4011:
            assert (datagram.source, datagram.dest, datagram.src_port) == (OWN, PROXY, 68)
            self.asked.append(Dhcp.parse(datagram.data))
            if self.answer and len(self.asked) > self.deaf:
                reply = self.asked[-1].reply(ACK, options=options, file=self.answer, siaddr=PROXY)
                self._send(reply, OWN)

    def _send(self, reply: Dhcp, to: str) -> None:
        answer = Datagram(PROXY, 67, to, 68, reply.build())
        self.net.deliver(answer, self.delay, PROXY_MAC, BROADCAST if to != OWN else OWN_MAC)


@pytest.mark.parametrize("broadcast", [True, False])
def test_address_and_file(stack: Stack, net: Net, broadcast: bool) -> None:
    server = DhcpServer(net, broadcast=broadcast)
    assert not run(stack).cf
    assert address(stack, "net_ip") == OWN
    assert address(stack, "net_mask") == "255.255.255.0"
    assert address(stack, "net_gateway") == "192.0.2.254"
    assert address(stack, "pxe_server") == PEER_IP
    assert stack.machine.string_of("pxe_file") == "boot.0"
    assert [one.kind for one in server.seen] == [DISCOVER, REQUEST]
    assert all(frame.dest == BROADCAST for frame in stack.sent)


def test_what_the_packets_say(stack: Stack, net: Net) -> None:
    server = DhcpServer(net)
    run(stack)
    discover, request = server.seen
    for one in (discover, request):
        assert one.options[60] == CLASS
        assert one.options[93] == b"\0\0" and one.options[94] == b"\1\2\1"
        assert one.options[97] == b"\0" + UUID
        assert one.options[57] == struct.pack(">H", ROOM)
        assert {1, 3, 43, 54, 60, 66, 67} <= set(one.options[55])
        assert one.mac == OWN_MAC
    assert discover.xid == request.xid
    assert 50 not in discover.options and 54 not in discover.options
    assert request.options[50] == ip(OWN) and request.options[54] == ip(PEER_IP)


def test_cached_packets(stack: Stack, net: Net) -> None:
    DhcpServer(net)
    run(stack)
    assert packet(stack, 0) == net.sent[0].data
    ack = packet(stack, 1)
    assert ack[16:20] == ip(OWN) and ack[240:243] == bytes([53, 1, ACK]) and ack[-1] == 255
    assert packet(stack, 2) == ack


def test_lost_packets_are_sent_again(stack: Stack, net: Net) -> None:
    server = DhcpServer(net, deaf=(0, 1, 3))
    assert not run(stack).cf
    assert [one.kind for one in server.seen] == [DISCOVER] * 3 + [REQUEST] * 2
    assert [one.secs for one in server.seen[:3]] == [0, 2, 6]


def test_nobody_answers(stack: Stack, net: Net) -> None:
    stack.step = 50
    start = stack.clock
    result = run(stack)
    assert (result.cf, result.ax) == (True, stack.error("DHCP_NO_OFFER"))
    assert 30_000 <= stack.clock - start < 33_000 and len(net.sent) == 4


def test_no_acknowledgement(stack: Stack, net: Net) -> None:
    stack.step = 50
    DhcpServer(net, deaf=tuple(n for n in range(20) if n % 4))
    result = run(stack)
    assert (result.cf, result.ax) == (True, stack.error("DHCP_NO_ACK"))


def test_refused(stack: Stack, net: Net) -> None:
    server = DhcpServer(net, nak=True)
    result = run(stack)
    assert (result.cf, result.ax) == (True, stack.error("DHCP_REFUSED"))
    assert [one.kind for one in server.seen] == [DISCOVER, REQUEST] * 4


@pytest.mark.parametrize(
    "fields, server, file",
    [
        ({"file": b"", "options": {54: ip(PEER_IP), 67: b"opt.0"}}, PEER_IP, "opt.0"),
        ({"file": b"", "options": {54: ip(PEER_IP), 67: b"opt.0\0"}}, PEER_IP, "opt.0"),
        ({"siaddr": "0.0.0.0", "options": {54: ip(PEER_IP), 66: b"10.20.30.255"}},
         "10.20.30.255", "boot.0"),
        ({"siaddr": "0.0.0.0", "options": {54: ip(PEER_IP), 66: b"1.2.3.4\0"}},
         "1.2.3.4", "boot.0"),
        ({"siaddr": "0.0.0.0", "options": {54: ip(PEER_IP), 66: b"server.example"}},
         PEER_IP, "boot.0"),
        ({"siaddr": "10.1.2.3", "options": {54: ip(PEER_IP), 66: b"1.2.3.4"}},
         "10.1.2.3", "boot.0"),
        ({"file": Dhcp.pack({67: b"in-file.0"}) + b"\xff",
          "options": {54: ip(PEER_IP), 52: b"\1"}}, PEER_IP, "in-file.0"),
        ({"sname": Dhcp.pack({67: b"in-sname.0"}) + b"\xff",
          "options": {54: ip(PEER_IP), 52: b"\2"}}, PEER_IP, "in-sname.0"),
        ({"file": b"\xff", "sname": Dhcp.pack({67: b"both.0"}) + b"\xff",
          "options": {54: ip(PEER_IP), 52: b"\3"}}, PEER_IP, "both.0"),
        ({"file": b"f" * 127}, PEER_IP, "f" * 127),
    ],
)  # fmt: skip
def test_where_the_file_is(
    stack: Stack, net: Net, fields: dict[str, object], server: str, file: str
) -> None:
    DhcpServer(net, offer=fields)
    assert not run(stack).cf
    assert (address(stack, "pxe_server"), stack.machine.string_of("pxe_file")) == (server, file)


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"file": b""}, "DHCP_NO_FILE"),
        ({"file": b"", "options": {54: ip(PEER_IP), 67: b""}}, "DHCP_NO_FILE"),
        ({"file": Dhcp.pack({12: b"x"}) + b"\xff", "options": {54: ip(PEER_IP), 52: b"\1"}},
         "DHCP_NO_FILE"),
        ({"file": b"", "options": {54: ip(PEER_IP), 67: b"n" * 128}}, "DHCP_FILE_NAME"),
        ({"file": b"f" * 128}, "DHCP_FILE_NAME"),
    ],
)  # fmt: skip
def test_no_usable_file(
    stack: Stack, net: Net, fields: dict[str, object], error: str
) -> None:
    DhcpServer(net, offer=fields)
    result = run(stack)
    assert (result.cf, result.ax) == (True, stack.error(error))


@pytest.mark.parametrize("short", [{54: b"\1\2"}, {}])
def test_no_server_at_all(stack: Stack, net: Net, short: dict[int, bytes]) -> None:
    server = DhcpServer(net, offer={"siaddr": "0.0.0.0"}, ack={"options": short})
    assert server.ack["siaddr"] == "0.0.0.0"
    result = run(stack)
    assert (result.cf, result.ax) == (True, stack.error("DHCP_NO_SERVER"))


@pytest.mark.parametrize(
    "own, mask", [("10.0.0.5", "255.0.0.0"), ("172.16.0.5", "255.255.0.0"), (OWN, "255.255.255.0")]
)
def test_mask_of_the_class_where_none_is_given(
    stack: Stack, net: Net, own: str, mask: str
) -> None:
    DhcpServer(net, own, offer={"options": {54: ip(PEER_IP), 1: b"\xff\xff"}})
    assert not run(stack).cf
    assert (address(stack, "net_mask"), address(stack, "net_gateway")) == (mask, "0.0.0.0")


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: b"\1" + raw[1:],  # a request
        lambda raw: raw[:4] + b"abcd" + raw[8:],  # another transaction
        lambda raw: raw[:28] + b"\2" + raw[29:],  # for another machine
        lambda raw: raw[:32] + b"\2\2" + raw[34:],
        lambda raw: raw[:236] + b"BOOT" + raw[240:],
        lambda raw: raw[:200],
        lambda raw: raw[:240],  # BOOTP: no type
        lambda raw: raw[:240] + b"\x35\x00\xff",
        lambda raw: raw[:240] + b"\x35\xff\2",  # goes beyond the end
        lambda raw: raw[:240] + b"\x0c\xff" + b"x" * 255 * 6,  # longer than there is room for
        lambda raw: raw[:240] + b"\0" * 40 + b"\x0c",
    ],
)
def test_an_answer_that_is_none(stack: Stack, net: Net, change: object) -> None:
    assert callable(change)
    server = DhcpServer(net)
    good = server.send
    first = [True]

    def send(packet: Dhcp, data: bytes | None = None) -> None:
        if first:
            first.clear()
            good(packet, change(packet.build()))
        else:
            good(packet)

    server.send = send  # type: ignore[method-assign]
    assert not run(stack).cf
    assert [one.kind for one in server.seen] == [DISCOVER, DISCOVER, REQUEST]


def test_options_end_with_the_packet(stack: Stack, net: Net) -> None:
    """The last option is not ended: what a packet before has left behind must not be read."""
    server = DhcpServer(net, offer={"file": b""})
    good = server.send

    def send(packet: Dhcp, data: bytes | None = None) -> None:
        if packet.kind == ACK:
            good(packet, packet.build()[:-1] + b"\x43\x06boot")
        else:
            good(packet, packet.build()[:-1] + b"\x43\x06boot.0\x43\x06boot.1\xff")

    server.send = send  # type: ignore[method-assign]
    result = run(stack)
    assert not result.cf  # the four letters and zeros behind them, as far as the room goes
    assert stack.machine.string_of("pxe_file") == "boot"


def test_an_offer_with_a_file_is_better(stack: Stack, net: Net) -> None:
    DhcpServer(net, "192.0.2.50", offer={"file": b""}, server="192.0.2.5")
    DhcpServer(net, OWN, delay=300)
    assert not run(stack).cf
    assert address(stack, "net_ip") == OWN


def test_the_first_of_two_good_offers(stack: Stack, net: Net) -> None:
    DhcpServer(net)
    DhcpServer(net, "192.0.2.50", server="192.0.2.5")
    assert not run(stack).cf
    assert address(stack, "net_ip") == OWN


def test_the_first_of_two_offers_without_a_file(stack: Stack, net: Net) -> None:
    DhcpServer(net, offer={"file": b""})
    DhcpServer(net, "192.0.2.50", offer={"file": b""}, server="192.0.2.5")
    assert run(stack).ax == stack.error("DHCP_NO_FILE")
    assert address(stack, "net_ip") == OWN


def test_offer_without_a_server_identifier(stack: Stack, net: Net) -> None:
    stack.step = 50
    DhcpServer(net, offer={"options": {54: b"\1"}})
    assert run(stack).ax == stack.error("DHCP_NO_OFFER")


@pytest.mark.parametrize("before", [True, False])
def test_a_proxy_names_the_file(stack: Stack, net: Net, before: bool) -> None:
    """Its offer comes before the DHCP server's, or behind it."""
    DhcpServer(net, offer={"file": b""}, delay=200 if before else 0)
    proxy = Proxy(net, b"proxy.0", delay=0 if before else 200)
    assert not run(stack).cf
    assert stack.machine.string_of("pxe_file") == "proxy.0"
    assert address(stack, "pxe_server") == PROXY and address(stack, "net_ip") == OWN
    assert proxy.asked == []
    assert b"proxy.0" in packet(stack, 2) and b"proxy.0" not in packet(stack, 1)


def test_a_late_proxy_is_heard_while_the_request_waits(stack: Stack, net: Net) -> None:
    DhcpServer(net, offer={"file": b"", "options": {54: ip(PEER_IP)}}, deaf=(1,))
    Proxy(net, b"proxy.0", delay=1800)
    assert not run(stack).cf
    assert stack.machine.string_of("pxe_file") == "proxy.0"


@pytest.mark.parametrize(
    "menu, item",
    [(b"", 0), (bytes([9, 5, 0x12, 0x34, 2]) + b"Go\xff", 0x1234), (b"\x06\x01\x08\xff", 0),
     (bytes([6, 1, 8, 9, 4, 0, 7, 1, 65, 255]), 7), (b"\x06\xff\x08", 0)],
)  # fmt: skip
def test_a_proxy_is_asked_for_the_file(stack: Stack, net: Net, menu: bytes, item: int) -> None:
    stack.answer_arp(PROXY, PROXY_MAC)
    DhcpServer(net, offer={"file": b""})
    proxy = Proxy(net, answer=b"asked.0", menu=menu, deaf=1)
    assert not run(stack).cf
    assert stack.machine.string_of("pxe_file") == "asked.0"
    assert address(stack, "pxe_server") == PROXY
    for one in proxy.asked:
        assert one.kind == REQUEST and one.ciaddr == OWN
        assert one.options[43] == bytes([71, 4]) + struct.pack(">HH", item, 0) + b"\xff"
    assert len(proxy.asked) == 2
    assert packet(stack, 2)[240:243] == bytes([53, 1, ACK])


def test_a_proxy_that_does_not_answer(stack: Stack, net: Net) -> None:
    stack.step = 20
    stack.answer_arp(PROXY, PROXY_MAC)
    DhcpServer(net, offer={"file": b""})
    proxy = Proxy(net)
    assert run(stack).ax == stack.error("DHCP_BOOT_SERVER")
    assert len(proxy.asked) == 3


def test_a_proxy_that_is_not_there(stack: Stack, net: Net) -> None:
    stack.step = 20
    DhcpServer(net, offer={"file": b""})
    Proxy(net)
    assert run(stack).ax == stack.error("ARP_TARGET")


@pytest.mark.parametrize("name", [b"PXEServer", b"PXE", b""])
def test_an_offer_without_an_address_of_somebody_else(
    stack: Stack, net: Net, name: bytes
) -> None:
    DhcpServer(net, offer={"file": b""})
    Proxy(net, b"other.0", name=name)
    assert run(stack).ax == stack.error("DHCP_NO_FILE")


@pytest.mark.parametrize(
    "text", ["1.2.3", "1.2.3.256", "1.2.3.4x", "", "1..2.3", ".1.2.3", "1.2.3.", "a.b.c.d",
             "1.2.3.4.5", "999.1.1.1", "1,2,3,4"],
)  # fmt: skip
def test_what_is_no_address(pxe_machine: Machine, text: str) -> None:
    pxe_machine.set("scratch", text.encode() + b"!")
    at = pxe_machine.address("scratch")
    assert pxe_machine.call("dhcp_dotted", si=at, cx=len(text)).cf


def test_smbios_uuid(pxe_machine: Machine) -> None:
    uuid = bytes(range(100, 116))
    table = bytes([0, 4, 0, 0]) + b"ACME\0Bios\0\0"
    table += bytes([1, 27, 1, 0, 1, 2, 3, 4]) + uuid + b"\6\0\0" + b"x\0\0"
    place = pxe_machine.buffer(len(table), table, writable=False)
    entry = b"_SM_" + bytes([0, 31, 2, 8, 64, 0, 0]) + bytes(5) + b"_DMI_\0"
    entry += struct.pack("<HIHB", len(table), place, 2, 0x28)
    pxe_machine.map(0xF0000, 0x10000)
    pxe_machine.write(0xF5A10, entry)
    pxe_machine.set("net_mac", OWN_MAC)
    pxe_machine.call("dhcp_uuid_find", limit=100_000_000)
    assert pxe_machine.bytes_of("dhcp_uuid", 16) == uuid


@pytest.mark.parametrize(
    "table, high",
    [(b"", 0), (bytes([0, 2, 0, 0]), 0), (bytes([127, 4, 0, 0, 0, 0]), 0),
     (bytes([1, 8, 0, 0, 0, 0, 0, 0, 0, 0]), 0), (bytes([2, 4, 0, 0]) + b"no end", 0),
     (bytes([1, 27, 0, 0]) + bytes(60), 1)],
)  # fmt: skip
def test_smbios_without_a_uuid(pxe_machine: Machine, table: bytes, high: int) -> None:
    """The MAC stands in for it. With the 64-bit entry point, which may be out of reach."""
    place = pxe_machine.buffer(len(table) + 64, table + bytes(64), writable=False)
    entry = b"_SM3_" + bytes([0, 24, 3, 0, 0, 1, 0]) + struct.pack("<III", len(table), place, high)
    pxe_machine.map(0xF0000, 0x10000)
    pxe_machine.write(0xF0000, entry)
    pxe_machine.set("net_mac", OWN_MAC)
    pxe_machine.call("dhcp_uuid_find", limit=100_000_000)
    assert pxe_machine.bytes_of("dhcp_uuid", 16) == bytes(10) + OWN_MAC


def test_no_smbios(pxe_machine: Machine) -> None:
    pxe_machine.map(0xF0000, 0x10000)
    pxe_machine.set("net_mac", OWN_MAC)
    pxe_machine.call("dhcp_uuid_find", limit=100_000_000)
    assert pxe_machine.bytes_of("dhcp_uuid", 16) == bytes(10) + OWN_MAC
