"""asm/pxe/tftp.asm and udp.asm: files from servers that lose, repeat, refuse, lie."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

import pytest
from bench.machine import Machine, Result
from peer.boot_net import DATA, ERROR, OACK, Datagram, Net, TftpServer
from peer.packets import ARP, BROADCAST, Packet
from peer.stack import GATEWAY_IP, GATEWAY_MAC, OWN_IP, PEER_IP, PEER_MAC, Stack

FILE = bytes(number * 7 + number // 251 & 0xFF for number in range(5000))
# PXE 2.1, status codes
ARP_TIMEOUT, CLOSED, OPEN_TIMEOUT, READ_TIMEOUT = 0x11, 0x1A, 0x32, 0x35
OTHER_ERROR, NOT_FOUND, ACCESS, BAD_OPCODE, BAD_SIZE, TOO_BIG = 0x36, 0x3B, 0x3C, 0x33, 0x3F, 0x79


@pytest.fixture
def stack(pxe_machine: Machine) -> Stack:
    stack = Stack(pxe_machine, gateway=GATEWAY_IP, step=5)
    stack.answer_arp()
    return stack


@pytest.fixture
def net(stack: Stack) -> Net:
    return Net(stack)


def aim(stack: Stack, server: str = PEER_IP, port: int = 69) -> None:
    stack.machine.set("tftp_server", IPv4Address(server).packed)
    stack.machine.set("tftp_server_port", struct.pack(">H", port))


def fetch(
    stack: Stack, name: bytes = b"file\0", room: int = 65536, size: int = 1456
) -> tuple[Result, bytes]:
    """tftp_fetch, and what it has put into memory."""
    machine = stack.machine
    aim(stack)
    text = machine.buffer(len(name), name, writable=False)
    place = machine.buffer(min(room, 0x10000))
    result = machine.call(
        "tftp_fetch", es=(text - 0x100) >> 4, si=0x100 + (text & 15), cx=size, edi=place, edx=room,
        limit=400_000_000,
    )  # fmt: skip
    return result, b"" if result.cf else machine.read(place, result.eax)


def status(result: Result) -> int:
    assert result.cf
    return result.ax


@pytest.mark.parametrize("length", [0, 1, 511, 512, 1456, 2912, 5000])
def test_a_file(stack: Stack, net: Net, length: int) -> None:
    server = TftpServer(net, {"file": FILE[:length]})
    result, content = fetch(stack)
    assert not result.cf and content == FILE[:length]
    assert server.requests == [("file", {"blksize": "1456", "tsize": "0"})]
    assert server.acks == list(range(length // 1456 + 2))
    assert server.errors == []


@pytest.mark.parametrize("options", [(), ("tsize",), ("blksize",)])
@pytest.mark.parametrize("length", [0, 100, 512, 1500])
def test_servers_with_fewer_options(
    stack: Stack, net: Net, options: tuple[str, ...], length: int
) -> None:
    server = TftpServer(net, {"file": FILE[:length]}, options=options)
    result, content = fetch(stack)
    assert not result.cf and content == FILE[:length]
    assert server.acks[-1] == length // (1456 if options == ("blksize",) else 512) + 1


@pytest.mark.parametrize("asked, got", [(1, 512), (600, 600), (9000, 1468)])
def test_block_size(stack: Stack, net: Net, asked: int, got: int) -> None:
    server = TftpServer(net, {"file": FILE})
    assert fetch(stack, size=asked)[1] == FILE
    assert server.requests[0][1]["blksize"] == str(got)


def test_smaller_blocks_than_asked_for(stack: Stack, net: Net) -> None:
    TftpServer(net, {"file": FILE}, most=700)
    assert fetch(stack)[1] == FILE


def test_options_refused_then_without(stack: Stack, net: Net) -> None:
    server = TftpServer(net, {"file": FILE}, refuse_options=True)
    assert fetch(stack)[1] == FILE
    assert [wanted for _, wanted in server.requests] == [{"blksize": "1456", "tsize": "0"}, {}]


def test_options_refused_although_none_was_asked_for(stack: Stack, net: Net) -> None:
    server = TftpServer(net, {"file": FILE}, error=(8, "no"))
    assert status(fetch(stack)[0]) == BAD_OPCODE
    assert len(server.requests) == 2


@pytest.mark.parametrize("lose", [(0,), (1,), (2, 3), (0, 2, 4), (4,), (0, 1, 2)])
@pytest.mark.parametrize("options", [(), ("blksize",)])
def test_lost_packets(
    stack: Stack, net: Net, lose: tuple[int, ...], options: tuple[str, ...]
) -> None:
    TftpServer(net, {"file": FILE}, lose=lose, options=options)
    assert fetch(stack)[1] == FILE


def test_packets_that_come_twice_are_acknowledged_once(stack: Stack, net: Net) -> None:
    server = TftpServer(net, {"file": FILE}, twice=True)
    assert fetch(stack)[1] == FILE
    assert server.acks == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "number, expected",
    [(0, OTHER_ERROR), (1, NOT_FOUND), (2, ACCESS), (3, OTHER_ERROR), (7, OTHER_ERROR)],
)
def test_errors(stack: Stack, net: Net, number: int, expected: int) -> None:
    server = TftpServer(net, {}, error=(number, "because"))
    assert status(fetch(stack)[0]) == expected
    assert server.errors == []  # an error is not answered


def test_error_in_the_middle(stack: Stack, net: Net) -> None:
    server = TftpServer(net, {"file": FILE})

    def block(datagram: Datagram, number: int) -> None:
        server.send(datagram, struct.pack(">HH", ERROR, 0) + b"disk\0")

    server.block = block  # type: ignore[method-assign]
    assert status(fetch(stack)[0]) == OTHER_ERROR
    assert server.errors == []


def test_nobody_at_the_address(pxe_machine: Machine) -> None:
    stack = Stack(pxe_machine, step=10)
    assert status(fetch(stack)[0]) == ARP_TIMEOUT
    assert stack.machine.get("tftp_no_way") == stack.error("ARP_TARGET")


def test_no_service(stack: Stack, net: Net) -> None:
    stack.step = 20
    start = stack.clock
    assert status(fetch(stack)[0]) == OPEN_TIMEOUT
    assert 18_000 < stack.clock - start < 22_000 and len(net.sent) == 6


def test_server_that_stops(stack: Stack, net: Net) -> None:
    stack.step = 20
    server = TftpServer(net, {"file": FILE}, quiet_from=2)
    assert status(fetch(stack)[0]) == READ_TIMEOUT
    assert server.acks == [0] + [1] * 6
    assert server.errors == [0]


@pytest.mark.parametrize("options", [(), ("blksize",), ("blksize", "tsize")])
def test_file_that_does_not_fit(stack: Stack, net: Net, options: tuple[str, ...]) -> None:
    server = TftpServer(net, {"file": FILE}, options=options)
    assert status(fetch(stack, room=500)[0]) == TOO_BIG
    assert server.errors == [0]


@pytest.mark.parametrize("options", [(), ("blksize",)])
def test_file_that_fits_exactly(stack: Stack, net: Net, options: tuple[str, ...]) -> None:
    TftpServer(net, {"file": FILE}, options=options)
    assert fetch(stack, room=5000)[1] == FILE


@pytest.mark.parametrize(
    "answer, expected",
    [
        (b"blksize\x00999\0", None),
        (b"BLKSIZE\x00512\0tsize\x005000\0", None),
        (b"unknown\0value\0blksize\x00600\0", None),
        (b"blksiz\0x\0tsizes\0y\0", None),
        (b"tsize\x005000", None),
        (b"b\0", None),
        (b"blksize", None),
        (b"blksize\x001457\0", BAD_SIZE),
        (b"blksize\x007\0", BAD_SIZE),
        (b"blksize\0x\0", BAD_SIZE),
    ],
)
def test_option_acknowledgements(
    stack: Stack, net: Net, answer: bytes, expected: int | None
) -> None:
    server = TftpServer(net, {"file": FILE})
    request = server._request
    size = {b"blksize\x00999\0": 999, b"unknown\0value\0blksize\x00600\0": 600}.get(answer, 512)

    def hear(datagram: Datagram) -> None:
        sender, server.send = server.send, lambda *_: None  # type: ignore[method-assign]
        request(datagram)
        server.send = sender  # type: ignore[method-assign]
        server.block_size = size
        server.send(datagram, struct.pack(">H", OACK) + answer)

    server._request = hear  # type: ignore[method-assign]
    result, content = fetch(stack)
    if expected is None:
        assert content == FILE
    else:
        assert status(result) == expected and server.errors == [0]


def test_block_that_is_too_long(stack: Stack, net: Net) -> None:
    server = TftpServer(net, {"file": FILE}, options=("tsize",))
    server.block = lambda datagram, number: server.send(  # type: ignore[method-assign]
        datagram, struct.pack(">HH", DATA, number) + bytes(513)
    )
    assert status(fetch(stack)[0]) == BAD_SIZE
    assert server.errors == [0]


def test_first_block_that_is_too_long(stack: Stack, net: Net) -> None:
    server = TftpServer(net, {"file": FILE}, options=())
    server.block = lambda datagram, number: server.send(  # type: ignore[method-assign]
        datagram, struct.pack(">HH", DATA, number) + bytes(513)
    )
    assert status(fetch(stack)[0]) == BAD_SIZE


def test_what_is_not_the_answer_is_passed_over(stack: Stack, net: Net) -> None:
    """Strangers, wrong ports, wrong opcodes, short ones, other blocks; the transfer goes on."""
    server = TftpServer(net, {"file": FILE})
    good = server.send

    def send(datagram: Datagram, data: bytes, port: int = 0) -> None:
        def other(
            content: bytes, source: str = PEER_IP, port: int = 0, dst: int = datagram.src_port
        ) -> None:
            answer = Datagram(source, port or server.port, datagram.source, dst, content)
            net.deliver(answer)

        wrong = struct.pack(">HH", DATA, 1) + b"wrong"
        other(wrong, "192.0.2.99")
        other(wrong, dst=datagram.src_port ^ 1)
        other(b"\0\3\0")
        other(b"")
        other(struct.pack(">HH", DATA, 77) + b"wrong")
        other(struct.pack(">HH", 4, 0))
        if len(server.acks):
            other(struct.pack(">HH", DATA, len(server.acks)) + b"wrong", port=999)
            other(struct.pack(">HH", ERROR, 1), port=999)
            other(struct.pack(">H", OACK) + b"blksize\x00512\0")
        good(datagram, data, port)

    server.send = send  # type: ignore[method-assign, assignment]
    result, content = fetch(stack)
    assert not result.cf and content == FILE


def test_name_without_an_end(stack: Stack, net: Net) -> None:
    assert status(fetch(stack, b"n" * 128)[0]) == NOT_FOUND
    assert net.sent == []


def test_longest_name(stack: Stack, net: Net) -> None:
    name = b"n" * 127
    TftpServer(net, {name.decode(): FILE})
    assert fetch(stack, name + b"\0")[1] == FILE


def test_next_without_a_file(stack: Stack) -> None:
    assert status(stack.machine.call("tftp_next")) == CLOSED


def test_behind_the_end(stack: Stack, net: Net) -> None:
    TftpServer(net, {"file": b"short"})
    machine = stack.machine
    aim(stack)
    text = machine.buffer(5, b"file\0", writable=False)
    assert not machine.call("tftp_open", es=(text - 0x100) >> 4, si=0x100 + (text & 15), cx=512).cf
    machine.set("tftp_dest", machine.buffer(512), 4)
    machine.set("tftp_room", 512, 4)
    first = machine.call("tftp_next")
    assert (first.cf, first.zf, first.cx) == (False, True, 5)
    again = machine.call("tftp_next")
    assert (again.cf, again.zf, again.cx) == (False, True, 0)


def test_block_numbers_wrap(stack: Stack, net: Net) -> None:
    server = TftpServer(net, {"file": bytes(1456 * 3 + 9)})
    machine = stack.machine
    aim(stack)
    text = machine.buffer(5, b"file\0", writable=False)
    machine.call("tftp_open", es=(text - 0x100) >> 4, si=0x100 + (text & 15), cx=1456)
    machine.set("tftp_block", 0xFFFF)
    server.block = lambda datagram, number: server.send(  # type: ignore[method-assign]
        datagram, struct.pack(">HH", DATA, number & 0xFFFF) + bytes(1456)
    )
    machine.set("tftp_dest", machine.buffer(1456), 4)
    machine.set("tftp_room", 1456, 4)
    for _ in range(3):
        assert machine.call("tftp_next").cx == 1456
    assert server.acks == [0xFFFE, 0xFFFF, 0]


def test_data_for_memory_out_of_reach(stack: Stack, net: Net) -> None:
    """Above 1 MiB with CR0.PE set (V86 mode): a failure, no crash."""
    TftpServer(net, {"file": FILE})
    stack.machine.replace("copy_to_linear", lambda machine: machine.set_cf(True))
    assert status(fetch(stack)[0]) == 1


def test_first_data_for_memory_out_of_reach(stack: Stack, net: Net) -> None:
    TftpServer(net, {"file": FILE}, options=())
    calls = iter([False, True])
    stack.machine.replace(
        "copy_to_linear", lambda machine: machine.set_cf(next(calls))
    )
    assert status(fetch(stack)[0]) == 1


# --- UDP ----------------------------------------------------------------------------------------


def send(stack: Stack, dest: str, data: bytes = b"data") -> Result:
    machine = stack.machine
    machine.set("udp_dest", IPv4Address(dest).packed)
    machine.set("udp_ports", struct.pack(">HH", 1000, 2000))
    place = machine.buffer(max(len(data), 1), data, writable=False)
    return machine.call("udp_send", es=place >> 4, si=place & 15, cx=len(data))


@pytest.mark.parametrize("size", [0, 1, 2, 999, 1472])
def test_send(stack: Stack, net: Net, size: int) -> None:
    data = bytes(range(256)) * 6
    assert not send(stack, PEER_IP, data[:size]).cf
    assert net.sent == [Datagram(OWN_IP, 1000, PEER_IP, 2000, data[:size])]


def test_send_asks_arp_once(stack: Stack, net: Net) -> None:
    for _ in range(3):
        send(stack, PEER_IP)
    assert [frame.type == ARP for frame in stack.sent] == [True, False, False, False]


def test_send_by_the_gateway(stack: Stack, net: Net) -> None:
    stack.answer_arp(GATEWAY_IP, GATEWAY_MAC)
    send(stack, "198.51.100.7")
    assert stack.sent[-1].dest == GATEWAY_MAC and net.sent[0].dest == "198.51.100.7"
    send(stack, PEER_IP)
    assert stack.sent[-1].dest == PEER_MAC


@pytest.mark.parametrize("dest", ["255.255.255.255", "192.0.2.255"])
def test_send_to_everybody(stack: Stack, dest: str) -> None:
    assert not send(stack, dest).cf
    (frame,) = stack.sent
    assert frame.dest == BROADCAST and frame.packet and frame.packet.dest == dest


def test_broadcast_address_of_another_net_goes_by_the_gateway(stack: Stack) -> None:
    stack.answer_arp(GATEWAY_IP, GATEWAY_MAC)
    send(stack, "198.51.100.255")
    assert stack.sent[-1].dest == GATEWAY_MAC


def test_sum_of_zero_is_sent_as_ones(stack: Stack, net: Net) -> None:
    """Of 65536 values of a word one gives the sum 0; `Datagram.of` wants a sum in each."""
    send(stack, PEER_IP, b"\0\0")
    raw = stack.raw[-1][14 + 20 :]
    total = struct.unpack(">H", raw[6:8])[0]
    send(stack, PEER_IP, struct.pack(">H", total))
    assert stack.raw[-1][14 + 20 + 6 : 14 + 20 + 8] == b"\xff\xff"


def taken(stack: Stack, packet: bytes) -> bool:
    """Is a packet taken by a TFTP transfer that waits for its first block?"""
    machine = stack.machine
    machine.set("tftp_state", 3, 1)
    machine.set("tftp_block_size", 512)
    machine.set("tftp_local_port", struct.pack(">H", 50000))
    aim(stack)
    machine.set("udp_sink", machine.address("tftp_sink"))
    stack.send_ip(packet)
    machine.call("net_poll")
    return bool(machine.get("udp_taken", 1))


FIRST = Datagram(PEER_IP, 40000, OWN_IP, 50000, struct.pack(">HH", DATA, 1) + b"abc")


@pytest.mark.parametrize(
    "packet, expected",
    [
        (FIRST.build(), True),
        (FIRST.build(no_sum=True), True),
        (FIRST.build(sum_error=1), False),
        (FIRST.build(length=7), False),
        (FIRST.build(length=100), False),
        (Packet(PEER_IP, OWN_IP, 17, b"\1\2\3\4\5\6\7").build(), False),
        (Datagram(PEER_IP, 40000, "255.255.255.255", 50000, FIRST.data).build(), True),
        (Datagram(PEER_IP, 40000, "192.0.2.11", 50000, FIRST.data).build(), False),
        (Packet(PEER_IP, "255.255.255.255", 1, bytes(8)).build(), False),
        (Packet(PEER_IP, OWN_IP, 6, bytes(20)).build(), False),
    ],
)
def test_what_comes_in(stack: Stack, packet: bytes, expected: bool) -> None:
    assert taken(stack, packet) == expected


def test_nobody_waits(stack: Stack) -> None:
    stack.send_ip(FIRST.build())
    stack.poll()
    assert stack.sent == [] and not stack.machine.get("udp_taken", 1)


def test_ping_is_answered(stack: Stack) -> None:
    from test_net import echo

    stack.send_packet(1, echo(b"hello"))
    stack.poll()
    assert stack.sent[-1].packet and stack.sent[-1].packet.payload[0] == 0
