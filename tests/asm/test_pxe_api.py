"""asm/pxe/api*.asm: the calls of PXE 2.1 as a boot program makes them, through the hook."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from bench.machine import (
    CALLER_STACK,
    DATA_SEGMENT,
    PAGE,
    ROM_SEGMENT,
    UNDI_CODE_SEGMENT,
    Machine,
    Result,
)
from peer.boot_net import Datagram, DhcpServer, Net, TftpServer, ip
from peer.stack import GATEWAY_IP, GATEWAY_MAC, OWN_IP, PEER_IP, Stack

FILE = bytes(number * 11 & 0xFF for number in range(3000))
PXE_AT, PXENV_AT = 0x40, 0x10
ROOM = 1472
CALL, CALL_OLD = 0x60, 0x61  # interrupts that lead to a caller by !PXE and by PXENV+
UNDI_STATUS = 0x1234


@dataclass
class Pxe:
    """A boot program's view: parameter blocks and calls."""

    stack: Stack
    net: Net
    undi_calls: list[int] = field(default_factory=list)

    @property
    def machine(self) -> Machine:
        return self.stack.machine

    def far(self, place: int) -> bytes:
        return struct.pack("<HH", place & 15, place >> 4)

    def call(self, opcode: int, block: bytes, old: bool = False) -> tuple[int, int, bytes]:
        """AX, status and the block behind the status."""
        machine = self.machine
        place = machine.buffer(2 + len(block), b"\xee\xee" + block)
        result = machine.call_interrupt(
            CALL_OLD if old else CALL, bx=opcode, es=place >> 4, di=place & 15,
            limit=400_000_000, name="pxe_api",
        )  # fmt: skip
        self.kept(result, place)
        content = machine.read(place, 2 + len(block))
        status = struct.unpack("<H", content[:2])[0]
        assert result.ax == (status != 0)
        return result.ax, status, content[2:]

    def kept(self, result: Result, place: int) -> None:
        assert (result.ss, result.es, result.di) == (0, place >> 4, place & 15)
        assert result.sp == CALLER_STACK + 4 * PAGE - 0x100

    def status(self, opcode: int, block: bytes = b"") -> int:
        return self.call(opcode, block)[1]

    def buffer(self, size: int, content: bytes = b"") -> int:
        return self.machine.buffer(size, content)

    # the calls
    def open_udp(self) -> None:
        assert self.status(0x30, ip(OWN_IP)) == 0

    def write(
        self, data: bytes, dest: str = PEER_IP, gateway: str = "0.0.0.0", port: int = 1000
    ) -> int:
        place = self.buffer(max(len(data), 1), data)
        head = ip(dest) + ip(gateway) + struct.pack(">HH", port, 2000)
        return self.status(0x33, head + struct.pack("<H", len(data)) + self.far(place))

    def read(
        self, size: int = 1500, dest: str = "0.0.0.0", port: int = 0
    ) -> tuple[int, bytes, bytes]:
        """Status, data, the block's addresses and ports."""
        place = self.buffer(size)
        head = bytes(4) + ip(dest) + struct.pack(">HH", 0, port)
        _, status, block = self.call(0x32, head + struct.pack("<H", size) + self.far(place))
        length = struct.unpack("<H", block[12:14])[0]
        return status, self.machine.read(place, length) if not status else b"", block[:12]

    def open_file(self, name: str = "file", size: int = 1024, port: int = 0) -> tuple[int, int]:
        head = ip(PEER_IP) + bytes(4) + name.encode().ljust(128, b"\0")
        block = head + struct.pack(">H", port) + struct.pack("<H", size)
        _, status, block = self.call(0x20, block)
        return status, struct.unpack("<H", block[-2:])[0]

    def read_block(self) -> tuple[int, int, bytes]:
        """Status, the packet's number, its data."""
        place = self.buffer(1468)
        _, status, block = self.call(0x22, bytes(4) + self.far(place))
        number, size = struct.unpack("<HH", block[:4])
        return status, number, self.machine.read(place, size) if not status else b""

    def read_file(
        self, size: int = 4096, opcode: int = 0x23, place: int = 0, port: int = 0
    ) -> tuple[int, bytes]:
        place = place or self.buffer(size)
        block = b"file".ljust(128, b"\0") + struct.pack("<II", size, place)
        block += ip(PEER_IP) + bytes(8) + bytes(2) + struct.pack(">H", port) + bytes(4)
        _, status, block = self.call(opcode, block)
        return status, self.machine.read(place, struct.unpack("<I", block[128:132])[0])

    def cached(self, kind: int, size: int) -> tuple[int, bytes]:
        place = self.buffer(max(size, 1))
        block = struct.pack("<HH", kind, size) + (self.far(place) if size else bytes(4))
        _, status, block = self.call(0x71, block)
        length = struct.unpack("<H", block[2:4])[0]
        offset, segment = struct.unpack("<HH", block[4:8])
        return status, self.machine.read(segment * 16 + offset, length) if not status else b""


def byte_sum(machine: Machine, offset: int, size: int) -> int:
    return sum(machine.read(UNDI_CODE_SEGMENT * 16 + offset, size)) & 0xFF


def caller(machine: Machine, interrupt: int, code: Callable[[int], bytes]) -> None:
    """INT ``interrupt`` runs ``code``, made for its address."""
    place = machine.buffer(64, writable=False)
    machine.write(place, code(place))
    machine.write(interrupt * 4, struct.pack("<HH", place & 15, place >> 4))


@pytest.fixture
def pxe(pxe_machine: Machine) -> Pxe:
    machine = pxe_machine
    stack = Stack(machine, gateway=GATEWAY_IP)
    stack.answer_arp()
    pxe = Pxe(stack, Net(stack))

    def undi(_: Machine) -> None:
        pxe.undi_calls.append(machine.reg("bx"))
        machine.set_cf(False)

    machine.replace("undi_call", undi)
    # The UNDI's entry: AX = 0, a status of its own.
    entry = machine.buffer(16, b"\x26\xc7\x05" + struct.pack("<H", UNDI_STATUS) + b"\x31\xc0\xcb")
    far = struct.pack("<HH", entry & 15, entry >> 4)
    base = UNDI_CODE_SEGMENT * 16
    machine.write(base + PXE_AT + 0x10, far)
    machine.write(base + PXENV_AT + 0x0A, far)
    machine.set("undi_entry", far)
    machine.set("undi_pxe", struct.pack("<HH", PXE_AT, UNDI_CODE_SEGMENT))
    machine.set("undi_pxenv", struct.pack("<HH", PXENV_AT, UNDI_CODE_SEGMENT))
    machine.set("undi_cs_seg", UNDI_CODE_SEGMENT)
    machine.set("boot_code", ROM_SEGMENT)
    machine.allow(base, PAGE * 2, "UNDI and hook")
    machine.allow(0x1A * 4, 4, "vector 1Ah")
    machine.interrupts[0x1A] = lambda m: None
    assert not machine.call("pxe_hook_install").cf
    del machine.interrupts[0x1A]
    hook = struct.unpack("<I", machine.read(base + PXE_AT + 0x10, 4))[0]
    old = struct.unpack("<I", machine.read(base + PXENV_AT + 0x0A, 4))[0]
    pushes = b"\x06\x57\x53"  # push es; push di; push bx
    caller(machine, CALL, lambda _: pushes + b"\x9a" + struct.pack("<I", hook) + b"\x83\xc4\6\xcf")
    caller(machine, CALL_OLD, lambda _: b"\x9a" + struct.pack("<I", old) + b"\xcf")
    return pxe


# --- the entry ----------------------------------------------------------------------------------


def test_structures_say_what_they_should(pxe: Pxe) -> None:
    machine = pxe.machine
    base = UNDI_CODE_SEGMENT * 16
    assert byte_sum(machine, PXE_AT, 0x58) == 0 and byte_sum(machine, PXENV_AT, 0x2C) == 0
    data, physical, size = struct.unpack("<HIH", machine.read(base + PXE_AT + 0x40, 8))
    assert (data, physical, size) == (
        DATA_SEGMENT, DATA_SEGMENT * 16, machine.address("stack_top"),
    )  # fmt: skip
    assert struct.unpack("<HH", machine.read(base + PXENV_AT + 0x1C, 4)) == (DATA_SEGMENT, size)


def test_int_1a(pxe: Pxe) -> None:
    result = pxe.machine.call_interrupt(0x1A, ax=0x5650, flags=0x203)
    assert (result.ax, result.es, result.bx) == (0x564E, UNDI_CODE_SEGMENT, PXENV_AT)
    assert result.edx == UNDI_CODE_SEGMENT * 16 + PXENV_AT and not result.cf


def test_int_1a_for_others(pxe: Pxe) -> None:
    result = pxe.machine.call_interrupt(0x1A, ax=0x0200, bx=7)
    assert (result.ax, result.bx) == (0x0200, 7)


def test_int_1a_is_left_to_the_undi(pxe: Pxe) -> None:
    machine = pxe.machine
    machine.call("pxe_hook_remove")
    before = machine.read(0x1A * 4, 4)
    machine.interrupts[0x1A] = lambda m: m.set_reg("ax", 0x564E)
    machine.call("pxe_hook_install")
    assert machine.read(0x1A * 4, 4) == before
    assert not machine.call("pxe_hook_remove").cf


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("opcode", [0x00, 0x08, 0x15])
def test_undi_calls_go_to_the_undi(pxe: Pxe, opcode: int, old: bool) -> None:
    machine = pxe.machine
    place = machine.buffer(64)
    result = machine.call_interrupt(
        CALL_OLD if old else CALL, bx=opcode, es=place >> 4, di=place & 15
    )
    assert result.ax == 0 and machine.read(place, 2) == struct.pack("<H", UNDI_STATUS)
    pxe.kept(result, place)


@pytest.mark.parametrize("opcode", [0x16, 0x24, 0x72, 0xE0, 0x120, 0x7130])
@pytest.mark.parametrize("old", [False, True])
def test_what_it_does_not_have(pxe: Pxe, opcode: int, old: bool) -> None:
    assert pxe.call(opcode, bytes(4), old)[:2] == (1, 3)


def test_registers_of_the_caller(pxe: Pxe) -> None:
    machine = pxe.machine
    place = machine.buffer(16)
    result = machine.call_interrupt(
        CALL, es=place >> 4, di=place & 15, ds=0x1111, fs=0x2222, gs=0x3333,
        ecx=0x12345678, edx=0x9ABCDEF0, esi=0xFEDCBA98, ebp=0x76543210, bx=0x75,
    )  # fmt: skip
    assert (result.ax, result.bx) == (0, 0x75)
    assert (result.ecx, result.edx) == (0x12345678, 0x9ABCDEF0)
    assert (result.esi, result.ebp) == (0xFEDCBA98, 0x76543210)
    assert (result.ds, result.fs, result.gs) == (0x1111, 0x2222, 0x3333)


def test_not_reentrant(pxe: Pxe) -> None:
    pxe.machine.set("pxe_busy", 1, 1)
    assert pxe.status(0x75) == 1
    pxe.machine.set("pxe_busy", 0, 1)
    assert pxe.status(0x75) == 0


def test_unload(pxe: Pxe) -> None:
    """The hook leads to the UNDI alone, for those who kept the entry point, too."""
    machine = pxe.machine
    entry = machine.bytes_of("undi_entry", 4)
    assert pxe.status(0x70, bytes(10)) == 0
    base = UNDI_CODE_SEGMENT * 16
    assert machine.read(base + PXE_AT + 0x10, 4) == entry
    assert machine.read(base + PXENV_AT + 0x0A, 4) == entry
    assert byte_sum(machine, PXE_AT, 0x58) == 0 and byte_sum(machine, PXENV_AT, 0x2C) == 0
    assert machine.read(0x1A * 4, 4) == struct.pack("<HH", 0xFF53, 0xF000)
    machine.write(machine.data, b"\xcc" * machine.address("stack_top"))  # somebody else's now
    place = machine.buffer(8)
    result = machine.call_interrupt(CALL, bx=0x71, es=place >> 4, di=place & 15)
    assert result.ax == 0 and machine.read(place, 2) == struct.pack("<H", UNDI_STATUS)


def test_unload_while_somebody_has_hooked_int_1a(pxe: Pxe) -> None:
    pxe.machine.write(0x1A * 4, b"\1\2\3\4")
    assert pxe.status(0x70, bytes(10)) == 5
    assert pxe.status(0x75) == 0


def test_unload_without_pxenv(pxe: Pxe) -> None:
    pxe.machine.set("undi_pxenv", bytes(4))
    assert pxe.status(0x70, bytes(10)) == 0


def test_remove_what_was_never_installed(pxe_machine: Machine) -> None:
    assert not pxe_machine.call("pxe_hook_remove").cf


def test_stop_base_closes(pxe: Pxe) -> None:
    TftpServer(pxe.net, {"file": FILE})
    pxe.open_udp()
    pxe.open_file()
    assert pxe.status(0x76) == 0
    assert pxe.status(0x31) == 0x18 and pxe.status(0x21) == 0x1A


# --- UDP ----------------------------------------------------------------------------------------


def test_udp_while_closed(pxe: Pxe) -> None:
    assert (pxe.write(b"x"), pxe.read()[0], pxe.status(0x31)) == (0x18, 0x18, 0x18)
    pxe.open_udp()
    pxe.open_udp()
    assert pxe.status(0x31) == 0 and pxe.status(0x31) == 0x18


def test_udp_open_opens_the_undi(pxe: Pxe) -> None:
    assert pxe.status(0x30, bytes(4)) == 0
    assert pxe.undi_calls == [0x0C, 0x06]
    assert pxe.machine.bytes_of("net_ip", 4) == ip(OWN_IP)
    assert pxe.machine.bytes_of("undi_block", 6)[4:] == b"\3\0"
    assert pxe.status(0x30, ip("192.0.2.77")) == 0
    assert pxe.machine.bytes_of("net_ip", 4) == ip("192.0.2.77")


@pytest.mark.parametrize("size", [0, 1, 1472])
def test_udp_write(pxe: Pxe, size: int) -> None:
    pxe.open_udp()
    data = (FILE * 2)[:size]
    assert pxe.write(data) == 0
    assert pxe.net.sent == [Datagram(OWN_IP, 1000, PEER_IP, 2000, data)]


def test_udp_write_defaults_and_limits(pxe: Pxe) -> None:
    pxe.open_udp()
    assert pxe.write(b"x", port=0) == 0
    assert pxe.net.sent[0].src_port == 2069
    assert pxe.write(bytes(1473)) == 6
    pxe.stack.step = 20
    assert pxe.write(b"x", dest="192.0.2.200") == 0x11


def test_udp_write_by_another_gateway(pxe: Pxe) -> None:
    pxe.stack.answer_arp("192.0.2.253", GATEWAY_MAC)
    pxe.open_udp()
    assert pxe.write(b"x", "198.51.100.1", "192.0.2.253") == 0
    assert pxe.stack.sent[-1].dest == GATEWAY_MAC


def test_udp_read(pxe: Pxe) -> None:
    pxe.open_udp()
    assert pxe.read()[0] == 1
    for number in range(3):
        pxe.net.deliver(Datagram(PEER_IP, 53, OWN_IP, 1000 + number, b"data%d" % number))
    for number in range(3):  # one at a time: the others wait in the adapter
        status, data, block = pxe.read()
        assert (status, data) == (0, b"data%d" % number)
        assert block == ip(PEER_IP) + ip(OWN_IP) + struct.pack(">HH", 53, 1000 + number)
    assert pxe.read()[0] == 1


@pytest.mark.parametrize(
    "dest, port, expected",
    [("0.0.0.0", 0, 0), (OWN_IP, 1000, 0), ("0.0.0.0", 1000, 0), (OWN_IP, 0, 0),
     ("192.0.2.99", 1000, 1), (OWN_IP, 1001, 1)],
)  # fmt: skip
def test_udp_read_by_address_and_port(pxe: Pxe, dest: str, port: int, expected: int) -> None:
    pxe.open_udp()
    pxe.net.deliver(Datagram(PEER_IP, 53, OWN_IP, 1000, b"data"))
    assert pxe.read(dest=dest, port=port)[0] == expected


def test_udp_read_cuts_what_is_too_long(pxe: Pxe) -> None:
    pxe.open_udp()
    pxe.net.deliver(Datagram(PEER_IP, 53, OWN_IP, 1000, b"0123456789"))
    assert pxe.read(size=4)[:2] == (0, b"0123")


# --- TFTP ---------------------------------------------------------------------------------------


def test_tftp_by_blocks(pxe: Pxe) -> None:
    server = TftpServer(pxe.net, {"file": FILE})
    assert pxe.status(0x21) == 0x1A
    assert pxe.open_file(size=1024) == (0, 1024)
    got = [pxe.read_block() for _ in range(4)]
    assert [number for _, number, _ in got] == [1, 2, 3, 3]
    assert b"".join(data for _, _, data in got) == FILE
    assert pxe.status(0x21) == 0 and server.errors == []
    assert pxe.read_block()[0] == 0x1A


def test_tftp_closed_early(pxe: Pxe) -> None:
    server = TftpServer(pxe.net, {"file": FILE})
    pxe.open_file()
    assert pxe.status(0x21) == 0 and server.errors == [0]


def test_tftp_opened_twice(pxe: Pxe) -> None:
    server = TftpServer(pxe.net, {"file": FILE, "other": b"other"})
    pxe.open_file()
    assert pxe.open_file("other") == (0, 1024)
    assert server.errors == [0] and pxe.read_block() == (0, 1, b"other")


@pytest.mark.parametrize("port", [0, 69])
def test_tftp_not_found(pxe: Pxe, port: int) -> None:
    TftpServer(pxe.net, {})
    assert pxe.open_file(port=port)[0] == 0x3B


def test_tftp_read_that_fails(pxe: Pxe) -> None:
    pxe.stack.step = 20
    TftpServer(pxe.net, {"file": FILE}, quiet_from=1)
    pxe.open_file()
    assert pxe.read_block()[0] == 0x35


def test_tftp_size(pxe: Pxe) -> None:
    server = TftpServer(pxe.net, {"file": FILE})
    block = ip(PEER_IP) + ip("192.0.2.253") + b"file".ljust(128, b"\0") + bytes(4)
    _, status, block = pxe.call(0x25, block)
    assert status == 0 and struct.unpack("<I", block[-4:])[0] == len(FILE)
    assert server.errors == [0]
    assert pxe.machine.bytes_of("net_gateway", 4) == ip("192.0.2.253")


@pytest.mark.parametrize("options, files, status", [((), ("file",), 0x3E), ((), (), 0x3B)])
def test_tftp_size_unknown(
    pxe: Pxe, options: tuple[str, ...], files: tuple[str, ...], status: int
) -> None:
    TftpServer(pxe.net, dict.fromkeys(files, FILE), options=options)
    block = ip(PEER_IP) + bytes(4) + b"file".ljust(128, b"\0") + bytes(4)
    assert pxe.call(0x25, block)[1] == status


@pytest.mark.parametrize("port", [0, 69])
def test_tftp_whole_file(pxe: Pxe, port: int) -> None:
    TftpServer(pxe.net, {"file": FILE})
    assert pxe.read_file(port=port) == (0, FILE)


def test_tftp_whole_file_that_is_too_long(pxe: Pxe) -> None:
    TftpServer(pxe.net, {"file": FILE})
    assert pxe.read_file(2999)[0] == 0x79


def test_restart(pxe: Pxe) -> None:
    """The new program runs at 0:7C00 as PXE says, on a stack of its own."""
    machine = pxe.machine
    TftpServer(pxe.net, {"file": b"\xcd\x62" + FILE})
    machine.allow(0x7C00, 0x1000, "boot program")
    seen: list[tuple[int, ...]] = []

    def program(machine: Machine) -> None:
        stack = machine.reg("ss") * 16 + machine.reg("sp")
        back, pointer = struct.unpack("<II", machine.read(stack, 8))
        names = ("ss", "ax", "es", "bx", "edx", "cx")
        seen.append((pointer, *(machine.reg(name) for name in names)))
        assert machine.reg("cs") == 0 and machine.reg("eflags") & 0x200 and back >> 16 == 0xC800
        machine.fail("the boot program runs")

    machine.interrupts[0x62] = program
    with pytest.raises(AssertionError, match="the boot program runs"):
        pxe.read_file(4096, 0x73, 0x7C00)
    pointer = UNDI_CODE_SEGMENT << 16 | PXE_AT
    linear = UNDI_CODE_SEGMENT * 16 + PXENV_AT
    assert seen == [(pointer, 0, 0, UNDI_CODE_SEGMENT, PXENV_AT, linear, UNDI_CODE_SEGMENT)]


def test_restart_that_fails(pxe: Pxe) -> None:
    TftpServer(pxe.net, {})
    assert pxe.read_file(4096, 0x73)[0] == 0x3B


# --- cached packets -----------------------------------------------------------------------------


@pytest.fixture
def bound(pxe: Pxe) -> Pxe:
    DhcpServer(pxe.net)
    assert not pxe.machine.call("dhcp_run").cf
    return pxe


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_cached_packets_by_pointer_and_by_copy(bound: Pxe, kind: int) -> None:
    status, whole = bound.cached(kind, 0)
    assert status == 0 and whole[:4] == bytes([1 if kind == 1 else 2, 1, 6, 0])
    assert bound.cached(kind, 2000) == (0, whole)
    assert bound.cached(kind, 100) == (0, whole[:100])


@pytest.mark.parametrize("kind", [0, 4, 0xFFFF])
def test_no_such_packet(bound: Pxe, kind: int) -> None:
    assert bound.cached(kind, 100)[0] == 3


