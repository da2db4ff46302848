"""What is fuzzed: everything in the ROM that takes bytes from outside."""

from __future__ import annotations

import functools
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.contract import parse_tree
from bench.coverage import Coverage
from bench.machine import Machine
from bench.ports import FwCfg
from bench.program import Program
from peer.packets import ACK, ARP, IP, PSH, SYN, Arp, Packet, Segment, checksum, mss_option
from peer.stack import GATEWAY_IP, OWN_IP, OWN_MAC, PEER_IP, PEER_MAC, Stack
from peer.tcp import TcpPeer, connected
from peer_iscsi import bench as initiator
from peer_iscsi.link import Link

from fuzz.driver import ROOT, Target
from romgen.build import Built, build
from romgen.formats import iscsi
from romgen.project import Project
from romgen.target import Disk, Script
from romgen.target import Target as IscsiTarget
from romgen.target.pdu import Pdu, encode
from romgen.target.pdu import build as header
from romgen.target.server import Connection, DropError

LAYOUT = "iscsi-e1000"
SAMPLE_EV = b"""InitiatorName=iqn.2024-01.test:client
TargetName=iqn.2024-01.test:disk0
TargetIP=10.0.2.2
InitiatorIP=10.0.2.15
InitiatorNetmask=255.255.255.0
InitiatorRoute=10.0.2.2
LUN=0x0001000000000000
AuthMethod=MutualCHAP
CHAPUsername=joe
CHAPSecret=0x00112233445566778899aabbcc
CHAPMSecret=another secret 12
VLAN=12
HeaderDigest=Prefer
ForceBoot=True
TargetIP2=10.0.2.3
CHAPAlgorithms=SHA256,MD5
"""


@functools.cache
def _built() -> Built:
    return build(Project(ROOT, Path(tempfile.mkdtemp(prefix="romgen-fuzz-"))), LAYOUT)


def new_machine(coverage: Coverage | None = None) -> Machine:
    """A machine with the freshly built ROM."""
    return Machine(Program.load(_built().elf), parse_tree(ROOT)[0], coverage=coverage)


# --- boot variables -------------------------------------------------------------------------------


def _ev_text(machine: Machine, data: bytes) -> None:
    machine.write(machine.data + machine.address("scratch"), data)
    machine.call("ev_parse", si=machine.address("scratch"), cx=len(data))


class _Directory(FwCfg):
    """fw_cfg whose directory is the input."""

    def __init__(self) -> None:
        super().__init__()
        self.present = True
        self.directory = b""

    def select(self, key: int) -> None:
        super().select(key)
        if key == 0x19:
            self._item = self.directory
        elif key == 0x20:
            self._item = SAMPLE_EV


def _prepare_fw_cfg(machine: Machine) -> None:
    machine.ports.fw_cfg = _Directory()


def _fw_cfg(machine: Machine, data: bytes) -> None:
    directory = machine.ports.fw_cfg
    assert isinstance(directory, _Directory)
    directory.directory = data
    machine.call("ev_load")


def _entry(name: bytes, size: int, select: int) -> bytes:
    return struct.pack(">IHH56s", size, select, 0, name)


# --- network --------------------------------------------------------------------------------------

_stacks: dict[int, Stack] = {}


def _prepare_stack(machine: Machine) -> None:
    _stacks[id(machine)] = Stack(machine)


def _prepare_connected(machine: Machine) -> None:
    stack = Stack(machine)
    connected(stack)
    _stacks[id(machine)] = stack


def _stack(machine: Machine) -> Stack:
    """The machine's stack, as it was when it was prepared."""
    stack = _stacks[id(machine)]
    stack.forget(clock=20_000)
    return stack


def _frame(machine: Machine, data: bytes) -> None:
    stack = _stack(machine)
    stack.deliver(data.ljust(14, b"\0"))
    stack.poll(2)


def _kind(kind: int) -> Callable[[Machine, bytes], None]:
    def run(machine: Machine, data: bytes) -> None:
        stack = _stack(machine)
        stack.deliver(stack.frame(kind, data[:1500]))
        stack.poll(2)

    return run


def _with_ip_checksum(packet: bytes) -> bytes:
    if len(packet) < 20:
        return packet
    length = min(len(packet), max(20, (packet[0] & 15) * 4))
    clean = packet[:10] + b"\0\0" + packet[12:]
    return packet[:10] + struct.pack(">H", checksum(clean[:length])) + packet[12:]


def _ipv4(machine: Machine, data: bytes) -> None:
    _kind(IP)(machine, _with_ip_checksum(data))


def _icmp(machine: Machine, data: bytes) -> None:
    data = data[:1480]
    fixed = data[:2] + b"\0\0" + data[4:]
    fixed = data[:2] + struct.pack(">H", checksum(fixed)) + data[4:]
    stack = _stack(machine)
    stack.send_packet(1, fixed)
    stack.poll(2)


def _tcp(machine: Machine, data: bytes) -> None:
    """Ports and checksum are put right; sequence numbers are meant from the connection's own."""
    stack = _stack(machine)
    data = data[:1480].ljust(20, b"\0")
    port = int.from_bytes(machine.bytes_of("tcp_ports", 4)[0:2], "big")
    ports = {int.from_bytes(machine.bytes_of("tcp_ports", 4)[i : i + 2], "big") for i in (0, 2)}
    own = next(iter(ports - {3260}), port)
    seq = (machine.get("tcp_rcv_nxt", 4) + int.from_bytes(data[4:8], "big")) & 0xFFFFFFFF
    ack = (machine.get("tcp_snd_nxt", 4) + int.from_bytes(data[8:12], "big")) & 0xFFFFFFFF
    head = struct.pack(">HHII", 3260, own, seq, ack) + data[12:16] + b"\0\0" + data[18:]
    from peer.packets import pseudo_header

    total = checksum(pseudo_header(PEER_IP, OWN_IP, len(head)) + head)
    stack.send_packet(6, head[:16] + struct.pack(">H", total) + head[18:])
    stack.poll(2)


def _tcp_options(machine: Machine, data: bytes) -> None:
    stack = _stack(machine)
    stack.listeners.clear()
    stack.answer_arp()
    options = data[:40]
    TcpPeer(stack, options=options + bytes(-len(options) % 4))
    stack.connect(timeout=3000)


# --- iSCSI ----------------------------------------------------------------------------------------

_benches: dict[int, initiator.Bench] = {}


def _prepare_initiator(machine: Machine) -> None:
    folder = Path(tempfile.mkdtemp(prefix="romgen-fuzz-"))
    bench = initiator.make(machine, folder / "disk.img", Script(attention_after_login=False))
    bench.ev(connect_timeout=1, connect_retries=0, io_timeout=1)
    bench.link.tick_ms = 50
    _benches[id(machine)] = bench


def _open(machine: Machine, target: Any) -> None:
    bench = _benches[id(machine)]
    link: Link = bench.link
    link.targets.clear()
    link.targets[initiator.IP, initiator.PORT] = target
    bench.open()
    link.close_connection()


class _Scripted(Connection):
    """A target whose answers are the input."""

    data: bytes = b""

    async def login(self) -> None:
        """Answers the first login request with the input as its text."""
        pdu = await self.receive()
        head = pdu.parse(iscsi.bhs_login)
        self.exp_cmd_sn = head.cmd_sn
        text = header(
            iscsi.bhs_login_response, opcode=0x23, flags=0x87, isid=head.isid, tsih=1,
            itt=head.itt, **self._numbers(),
        )  # fmt: skip
        self.writer.write(encode(Pdu(text, self.data), False, False))
        while True:
            await self.receive()


class _AfterLogin(Connection):
    """A correct login; then each command is answered with the input."""

    data: bytes = b""

    async def serve(self) -> None:
        """The input, with the tag and the numbers of the command put in where it says so."""
        while True:
            pdu = await self.receive()
            itt = pdu.header[16:20]
            out = bytearray(self.data)
            if len(out) >= 48 and out[2] != 0xFF:  # byte 2 FFh: leave the header as it is
                out[16:20] = itt
                out[24:36] = struct.pack(
                    ">III", self.stat_sn, self.exp_cmd_sn, self.exp_cmd_sn + 31
                )
            self.writer.write(bytes(out))
            raise DropError


def _answering(kind: type[Any]) -> Callable[[Machine, bytes], None]:
    def run(machine: Machine, data: bytes) -> None:
        bench = _benches[id(machine)]

        def connect(link: Link) -> Connection:
            connection: Any = kind(bench.target, None, None)
            connection.data = data
            return connection  # type: ignore[no-any-return]

        _open(machine, connect)

    return run


class _StrangeDisk(Disk):
    """Answers commands that read no blocks with the input."""

    data: bytes = b""

    def command(self, cdb: bytes, known: bool) -> bytes:
        """INQUIRY, READ CAPACITY and so on: the input."""
        return self.data if cdb[0] in (0x12, 0x25, 0x9E) else super().command(cdb, known)


def _scsi_data(machine: Machine, data: bytes) -> None:
    bench = _benches[id(machine)]
    disk = _StrangeDisk(bench.path)
    disk.data = data
    _open(machine, IscsiTarget(Script(attention_after_login=False), disk))


def _pdu(kind: Any, payload: bytes = b"", **fields: Any) -> bytes:
    return encode(Pdu(header(kind, **fields), payload), False, False)


_SENSE = bytes([0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29, 0, 0, 0, 0, 0])
_DESCRIPTOR = bytes([0x72, 5, 0x25, 0, 0, 0, 0, 0])
_LOGIN_KEYS = (
    b"TargetPortalGroupTag=1\0HeaderDigest=None\0DataDigest=None\0InitialR2T=No\0"
    b"ImmediateData=Yes\0MaxRecvDataSegmentLength=8192\0MaxBurstLength=262144\0"
    b"FirstBurstLength=65536\0DefaultTime2Wait=2\0DefaultTime2Retain=20\0"
    b"MaxOutstandingR2T=1\0MaxConnections=1\0ErrorRecoveryLevel=0\0DataPDUInOrder=Yes\0"
    b"DataSequenceInOrder=Yes\0X-com.example=1\0TargetAlias=x\0"
)
_PDUS = [
    _pdu(iscsi.bhs_target, opcode=0x21, flags=0x80),
    _pdu(iscsi.bhs_target, opcode=0x21, flags=0x82, status=2, residual=36,
         payload=struct.pack(">H", len(_SENSE)) + _SENSE),
    _pdu(iscsi.bhs_target, opcode=0x21, flags=0x80, status=2,
         payload=struct.pack(">H", len(_DESCRIPTOR)) + _DESCRIPTOR),
    _pdu(iscsi.bhs_target, opcode=0x21, flags=0x80, status=8),
    _pdu(iscsi.bhs_target, opcode=0x25, flags=0x81, ttt=0xFFFFFFFF, payload=bytes(36)),
    _pdu(iscsi.bhs_target, opcode=0x25, flags=0x80, ttt=0xFFFFFFFF, payload=bytes(8)),
    _pdu(iscsi.bhs_target, opcode=0x31, flags=0x80, ttt=1, residual=512),
    _pdu(iscsi.bhs_target, opcode=0x20, flags=0x80, response=0xFF, itt=0xFFFFFFFF, ttt=5),
    _pdu(iscsi.bhs_async, opcode=0x32, flags=0x80, itt=0xFFFFFFFF, event=1),
    _pdu(iscsi.bhs_target, opcode=0x3F, flags=0x80, response=4, itt=0xFFFFFFFF,
         payload=bytes(48)),
    _pdu(iscsi.bhs_target, opcode=0x26, flags=0x80),
    _pdu(iscsi.bhs_login_response, opcode=0x23, flags=0x87),
    _pdu(iscsi.bhs_target, opcode=0x24, flags=0x80, ttt=0xFFFFFFFF, payload=b"a=b\0"),
]  # fmt: skip


def _seed_tcp(data: bytes = b"", flags: int = ACK, seq: int = 0, options: bytes = b"") -> bytes:
    segment = Segment(3260, 1, seq, 0, flags, 8192, data, options)
    return segment.build(PEER_IP, OWN_IP)


def _arp(op: int, sender: str, target: str) -> bytes:
    return Arp(op, PEER_MAC, sender, OWN_MAC, target).build()


TARGETS = {
    target.name: target
    for target in (
        Target("ev_text", lambda m: None, _ev_text, [SAMPLE_EV], 4096),
        Target(
            "fw_cfg",
            _prepare_fw_cfg,
            _fw_cfg,
            [
                struct.pack(">I", 2) + _entry(b"bootorder", 9, 0x21)
                + _entry(b"opt/romgen/ev", len(SAMPLE_EV), 0x20),
                struct.pack(">I", 1) + _entry(b"opt/romgen/ev", 5000, 0x20),
            ],
            4096,
        ),
        Target(
            "ethernet", _prepare_connected, _frame,
            [
                OWN_MAC + PEER_MAC + b"\x08\x06" + _arp(1, PEER_IP, OWN_IP),
                b"\xff" * 6 + PEER_MAC + b"\x81\x00\x00\x05\x08\x00" + bytes(46),
                OWN_MAC + PEER_MAC + b"\x08\x00" + Packet(PEER_IP, OWN_IP, 1, bytes(8)).build(),
            ],
        ),
        Target(
            "arp", _prepare_connected, _kind(ARP),
            [_arp(1, PEER_IP, OWN_IP), _arp(2, PEER_IP, OWN_IP), _arp(2, GATEWAY_IP, OWN_IP)],
        ),
        Target(
            "ipv4", _prepare_connected, _ipv4,
            [
                Packet(PEER_IP, OWN_IP, 1, b"\x08\0\0\0abcdefgh").build(),
                Packet(PEER_IP, OWN_IP, 6, _seed_tcp(b"data")).build(),
                Packet(PEER_IP, OWN_IP, 17, bytes(20)).build(),
            ],
        ),
        Target(
            "icmp", _prepare_connected, _icmp,
            [
                b"\x08\0\0\0\0\1\0\2ping",
                b"\x03\x04\0\0\0\0\x02\x40" + Packet(OWN_IP, PEER_IP, 6, bytes(8)).build(),
                b"\x03\x01\0\0\0\0\0\0" + Packet(OWN_IP, PEER_IP, 6, bytes(8)).build(),
            ],
        ),
        Target(
            "tcp", _prepare_connected, _tcp,
            [
                _seed_tcp(b"hello"), _seed_tcp(b"later", seq=1440), _seed_tcp(flags=4),
                _seed_tcp(flags=ACK | 1), _seed_tcp(flags=SYN), _seed_tcp(b"x", ACK | PSH),
                _seed_tcp(options=mss_option(1460)),
            ],
        ),
        Target(
            "tcp_options", _prepare_stack, _tcp_options,
            [mss_option(1460), b"\1\1\4\2" + mss_option(536), b"\x08\x0a" + bytes(8) + b"\0\0"],
            40,
        ),
        Target("login_text", _prepare_initiator, _answering(_Scripted),
               [_LOGIN_KEYS, b"AuthMethod=None\0", b"CHAP_A=5\0CHAP_I=1\0CHAP_C=0x00\0"], 8192),
        Target("pdu", _prepare_initiator, _answering(_AfterLogin), _PDUS),
        Target(
            "scsi_data", _prepare_initiator, _scsi_data,
            [
                struct.pack(">II", 4095, 512), struct.pack(">II", 0xFFFFFFFF, 512),
                struct.pack(">QI20x", 1 << 33, 4096), bytes([0, 0, 5, 2, 31]) + bytes(31),
                bytes([0x0C, 0, 5, 2, 31]) + bytes(31),
            ],
            256,
        ),
    )
}  # fmt: skip

__all__ = ["TARGETS", "new_machine"]
