"""undi/*.asm: every opcode of PXE 2.1 in every state, by the conventions that clients use."""

from __future__ import annotations

import itertools
import struct

import pytest
from bench.machine import UNDI_CODE_SEGMENT, UNDI_DATA_SEGMENT, Machine
from bench.program import Program
from models.e1000 import E1000, MTA, RCTL, RCTL_BAM, RCTL_MPE, RCTL_UPE
from models.undi_client import Client

from romgen.formats import pxe

PEER, OWN = bytes.fromhex("020000000001"), bytes.fromhex("525400123456")
BROADCAST = b"\xff" * 6
OK, UNSUPPORTED, INVALID_STATE, INVALID_PARAMETER = 0, 3, 0x6A, 0x6C
DONE, TRANSMIT, RECEIVE = 0, 2, 3


@pytest.fixture
def client(machine_with_undi: Machine, undi_program: Program) -> Client:
    """A UNDI that is loaded and not started."""
    client = Client(machine_with_undi, E1000(machine_with_undi), undi_program)
    client.machine.set("undi_bdf", client.nic.bdf)
    assert not client.machine.call("undi_load").cf
    return client


@pytest.fixture
def started(client: Client) -> Client:
    assert client.call(pxe.CONSTANTS["OP_START_UNDI"], pxe.p_start, ax=client.nic.bdf)[0] == OK
    assert client.call(pxe.CONSTANTS["OP_STARTUP"])[0] == OK
    return client


@pytest.fixture
def ready(started: Client) -> Client:
    assert started.call(pxe.CONSTANTS["OP_INITIALIZE"], pxe.p_initialize)[0] == OK
    return started


@pytest.fixture
def opened(ready: Client) -> Client:
    assert ready.call(pxe.CONSTANTS["OP_OPEN"], pxe.p_open, filter=3)[0] == OK
    return ready


def op(name: str) -> int:
    return pxe.CONSTANTS[f"OP_{name}"]


def frame(dest: bytes = OWN, kind: int = 0x0800, size: int = 80) -> bytes:
    return (dest + PEER + struct.pack(">H", kind)).ljust(size, b"\x5a")


@pytest.mark.parametrize("opcode", [*range(1, 0x16)])
def test_nothing_works_before_start(client: Client, opcode: int) -> None:
    assert client.call(opcode)[0] == INVALID_STATE


@pytest.mark.parametrize(
    "opcode", [0x0F, 0x10, 0x16, 0x20, 0x33, 0x71, 0x75, 0x76, 0xE5, 0x1234, 0xFFFF]
)
def test_what_there_is_not(started: Client, opcode: int) -> None:
    assert started.call(opcode)[0] == UNSUPPORTED


def test_unload_stack_succeeds(started: Client) -> None:
    assert started.call(op("UNLOAD_STACK"))[0] == OK


def test_start_twice(started: Client) -> None:
    assert started.call(op("START_UNDI"), pxe.p_start, ax=started.nic.bdf)[0] == OK


@pytest.mark.parametrize("break_it", ["absent", "io", "unmapped", "high", "group"])
def test_start_fails_and_leaves_the_adapter(client: Client, break_it: str) -> None:
    space = client.machine.ports.pci[client.nic.bdf]
    if break_it == "io":
        space[0x10] |= 1
    elif break_it == "unmapped":
        space[0x10:0x14] = bytes(4)
    elif break_it == "high":
        space[0x10] |= 4
        space[0x14] = 1
    elif break_it == "group":
        client.nic.mac = b"\x01" + client.nic.mac[1:]
        client.nic._show_mac()
    bdf = 0x0820 if break_it == "absent" else client.nic.bdf
    assert client.call(op("START_UNDI"), pxe.p_start, ax=bdf)[0] == 0x63
    assert client.call(op("STARTUP"))[0] == INVALID_STATE
    assert space[4] == 3


def test_64_bit_bar_below_4_gib(client: Client) -> None:
    client.machine.ports.pci[client.nic.bdf][0x10] |= 4
    assert client.call(op("START_UNDI"), pxe.p_start, ax=client.nic.bdf)[0] == OK


@pytest.mark.parametrize("device", [0x100E, 0x100C, 0x100F])
def test_each_device(machine_with_undi: Machine, undi_program: Program, device: int) -> None:
    client = Client(machine_with_undi, E1000(machine_with_undi, device=device), undi_program)
    assert not client.open().cf


def test_address_from_the_eeprom(client: Client) -> None:
    client.nic.hide_mac()
    assert client.call(op("START_UNDI"), pxe.p_start, ax=client.nic.bdf)[0] == OK
    assert client.variable("nic_mac", 6) == OWN


def test_no_address_anywhere(client: Client) -> None:
    client.nic.hide_mac()
    client.nic.eeprom_dead = True
    assert client.call(op("START_UNDI"), pxe.p_start, ax=client.nic.bdf)[0] == 0x63


def test_states(started: Client) -> None:
    assert started.call(op("OPEN"), pxe.p_open, filter=3)[0] == INVALID_STATE
    assert started.call(op("TRANSMIT"), pxe.p_transmit)[0] == INVALID_STATE
    assert started.call(op("CLOSE"))[0] == OK
    assert started.call(op("INITIALIZE"), pxe.p_initialize)[0] == OK
    assert started.call(op("OPEN"), pxe.p_open, filter=3)[0] == OK
    assert started.call(op("SHUTDOWN"))[0] == OK
    assert not started.nic.bus_master and started.nic.regs[RCTL] == 0
    assert started.call(op("OPEN"), pxe.p_open, filter=3)[0] == INVALID_STATE
    assert started.call(op("CLEANUP"))[0] == OK
    assert started.call(op("STOP_UNDI"))[0] == OK
    assert started.call(op("STARTUP"))[0] == INVALID_STATE


def test_stop_while_open(opened: Client) -> None:
    opened.machine.ports.pci[opened.nic.bdf][4] |= 0x40
    assert opened.call(op("STOP_UNDI"))[0] == OK
    assert opened.machine.ports.pci[opened.nic.bdf][4:6] == b"\x03\x01"


def test_media_test(started: Client) -> None:
    started.nic.link = False
    assert started.call(op("INITIALIZE"), pxe.p_initialize)[0] == 0x61
    resets = [value for offset, value in started.nic.writes if offset == 0 and value & 1 << 26]
    started.nic.link = True
    assert started.call(op("INITIALIZE"), pxe.p_initialize)[0] == OK
    assert [
        v for o, v in started.nic.writes if o == 0 and v & 1 << 26
    ] == resets  # the link is not disturbed


@pytest.mark.parametrize("real_reset", [False, True])
def test_reset_adapter_while_open(opened: Client, real_reset: bool) -> None:
    opened.nic.real_reset = real_reset
    group = bytes.fromhex("01005e000005")
    mcast = {"count": 1, "addr": group.ljust(128, b"\0")}
    assert opened.call(op("RESET_ADAPTER"), pxe.p_reset, mcast=mcast)[0] == OK
    opened.nic.receive(frame(dest=group))
    assert opened.drain() == [frame(dest=group)]


def test_information(ready: Client) -> None:
    ready.call(
        op("SET_STATION_ADDRESS"),
        pxe.p_set_station,
        address=bytes.fromhex("021122334455").ljust(16, b"\0"),
    )
    status, block = ready.call(op("GET_INFORMATION"), pxe.p_information)
    assert status == OK
    assert block["current_address"] == bytes.fromhex("021122334455").ljust(16, b"\0")
    assert block["permanent_address"] == OWN.ljust(16, b"\0")
    assert (
        block["int_number"],
        block["max_tran_unit"],
        block["hw_type"],
        block["hw_addr_len"],
    ) == (11, 1500, 1, 6)
    assert (block["rom_segment"], block["rx_buf_count"], block["tx_buf_count"]) == (0xC800, 14, 2)


def test_nic_type(started: Client) -> None:
    status, block = started.call(
        op("GET_NIC_TYPE"), pxe.p_nic_type, sub_vendor=0xABCD, sub_device=0x1234
    )
    assert status == OK
    assert (block["type"], block["vendor"], block["device"]) == (2, 0x8086, 0x100E)
    assert (block["base_class"], block["sub_class"], block["prog_if"], block["revision"]) == (
        2,
        0,
        0,
        3,
    )
    assert block["bus_dev_fn"] == started.nic.bdf
    assert (block["sub_vendor"], block["sub_device"]) == (
        0xABCD,
        0x1234,
    )  # old clients have no room there


@pytest.mark.parametrize("irq, flags", [(11, 0x1C1B), (0, 0x0C1B), (0xFF, 0x0C1B)])
def test_iface_info(
    machine_with_undi: Machine, undi_program: Program, irq: int, flags: int
) -> None:
    client = Client(machine_with_undi, E1000(machine_with_undi, irq=irq), undi_program).opened()
    status, block = client.call(op("GET_IFACE_INFO"), pxe.p_iface_info)
    assert status == OK
    assert block["type"] == b"DIX+802.3".ljust(16, b"\0")
    assert (block["link_speed"], block["service_flags"]) == (1_000_000_000, flags)


def test_multicast_address(started: Client) -> None:
    status, block = started.call(
        op("GET_MCAST_ADDRESS"), pxe.p_mcast_address, ip=bytes((239, 129, 2, 3))
    )
    assert (status, block["mac"][:6]) == (OK, bytes.fromhex("01005e010203"))


def test_statistics(opened: Client) -> None:
    for _ in range(3):
        opened.nic.receive(frame())
    opened.drain()
    assert opened.transmit([frame()]) == OK
    opened.nic.regs.update({0x4000: 5, 0x4010: 7})
    status, block = opened.call(op("GET_STATISTICS"), pxe.p_statistics)
    assert status == OK
    assert [
        block[name] for name in ("tx_good", "rx_good", "rx_crc_errors", "rx_resource_errors")
    ] == [1, 3, 5, 7]
    opened.nic.regs.update({0x4000: 1})
    assert opened.call(op("CLEAR_STATISTICS"))[0] == OK
    status, block = opened.call(op("GET_STATISTICS"), pxe.p_statistics)
    assert not any(
        block[name] for name in ("tx_good", "rx_good", "rx_crc_errors", "rx_resource_errors")
    )


@pytest.mark.parametrize(
    "packet_filter, dest, passes",
    [
        (3, OWN, True),
        (3, BROADCAST, True),
        (1, BROADCAST, False),
        (3, PEER, False),
        (7, PEER, True),
        (7, bytes.fromhex("01005e010203"), True),
        (3, bytes.fromhex("01005e010203"), False),
    ],
)
def test_filter(ready: Client, packet_filter: int, dest: bytes, passes: bool) -> None:
    assert ready.call(op("OPEN"), pxe.p_open, filter=packet_filter)[0] == OK
    ready.nic.receive(frame(dest=dest))
    assert (ready.drain() == [frame(dest=dest)]) is passes


def test_filter_changes_while_open(opened: Client) -> None:
    assert opened.call(op("SET_PACKET_FILTER"), pxe.p_set_filter, filter=7)[0] == OK
    assert (
        opened.nic.regs[RCTL] & (RCTL_UPE | RCTL_MPE | RCTL_BAM) == RCTL_UPE | RCTL_MPE | RCTL_BAM
    )
    opened.nic.writes.clear()
    assert opened.call(op("SET_PACKET_FILTER"), pxe.p_set_filter, filter=7)[0] == OK
    assert RCTL not in [
        offset for offset, _ in opened.nic.writes
    ]  # QEMU's would be deaf for a second


def test_filter_before_open_is_taken_but_open_has_its_own(started: Client) -> None:
    assert started.call(op("SET_PACKET_FILTER"), pxe.p_set_filter, filter=7)[0] == OK


def test_multicast_list(opened: Client) -> None:
    groups = [bytes.fromhex(f"01005e0{n}a{n}f{n}") for n in range(8)]
    addresses = b"".join(group.ljust(16, b"\0") for group in groups)
    assert (
        opened.call(
            op("SET_MCAST_ADDRESS"), pxe.p_set_mcast, mcast={"count": 8, "addr": addresses}
        )[0]
        == OK
    )
    for group in groups:
        opened.nic.receive(frame(dest=group))
    assert opened.drain() == [frame(dest=group) for group in groups]
    assert (
        opened.call(
            op("SET_MCAST_ADDRESS"), pxe.p_set_mcast, mcast={"count": 0, "addr": addresses}
        )[0]
        == OK
    )
    assert not any(opened.nic.regs.get(MTA + 4 * n, 0) for n in range(128))


def test_multicast_list_too_long(opened: Client) -> None:
    mcast = {"count": 9, "addr": bytes(128)}
    assert (
        opened.call(op("SET_MCAST_ADDRESS"), pxe.p_set_mcast, mcast=mcast)[0] == INVALID_PARAMETER
    )
    assert opened.call(op("RESET_ADAPTER"), pxe.p_reset, mcast=mcast)[0] == INVALID_PARAMETER
    assert opened.call(op("OPEN"), pxe.p_open, filter=3, mcast=mcast)[0] == INVALID_PARAMETER


def test_station_address_not_while_open(opened: Client) -> None:
    address = bytes.fromhex("021122334455").ljust(16, b"\0")
    assert (
        opened.call(op("SET_STATION_ADDRESS"), pxe.p_set_station, address=address)[0]
        == INVALID_STATE
    )


@pytest.mark.parametrize("sizes", [[], [60], [1, 2, 3, 4, 5, 6, 7, 32], [100, 1400], [1500]])
def test_frame_of_pieces(opened: Client, sizes: list[int]) -> None:
    pieces = [bytes((n + 1,)) * size for n, size in enumerate(sizes)]
    assert opened.transmit(pieces, immediate=frame(size=14)) == OK
    assert opened.nic.sent == [(frame(size=14) + b"".join(pieces)).ljust(60, b"\0")]


@pytest.mark.parametrize("protocol, kind", [(1, 0x0800), (2, 0x0806), (3, 0x8035)])
@pytest.mark.parametrize("flag", [0, 1])
def test_header_made_by_the_undi(opened: Client, protocol: int, kind: int, flag: int) -> None:
    segment, offset = opened._place(PEER)
    status = opened.transmit(
        [b"x" * 46], protocol=protocol, xmit_flag=flag, dest_off=offset, dest_seg=segment
    )
    dest = BROADCAST if flag else PEER
    assert status == OK
    assert opened.nic.sent == [dest + OWN + struct.pack(">H", kind) + b"x" * 46]


@pytest.mark.parametrize(
    "pieces, fields",
    [
        ([b"x" * 60], {"protocol": 4}),
        ([b"x" * 60], {"protocol": 200}),
        ([b"x" * 60], {"pointer_type": 0}),
        ([b"x" * 1519], {}),
        ([b"x" * 1000, b"x" * 600], {}),
        ([b"x" * 10], {}),
        ([b"x"] * 9, {}),
        ([], {}),
    ],
)
def test_bad_frames_are_refused(
    opened: Client, pieces: list[bytes], fields: dict[str, int]
) -> None:
    kind = fields.pop("pointer_type", 1)
    assert opened.transmit(pieces, immediate=b"", pointer_type=kind, **fields) == INVALID_PARAMETER
    assert opened.nic.sent == []
    assert opened.transmit([frame()]) == OK


def test_transmit_opens_where_needed(ready: Client) -> None:
    assert ready.transmit([frame()]) == OK
    assert ready.nic.sent == [frame()]
    ready.nic.receive(frame(dest=BROADCAST))
    assert ready.isr(2) == (TRANSMIT, b"")


def test_completions_before_frames(opened: Client) -> None:
    opened.nic.receive(frame())
    assert opened.transmit([frame()]) == opened.transmit([frame()]) == OK
    assert [opened.isr(2)[0], *(opened.isr(3)[0] for _ in range(3))] == [
        TRANSMIT,
        TRANSMIT,
        RECEIVE,
        DONE,
    ]


@pytest.mark.parametrize("kind, protocol", [(0x0800, 1), (0x0806, 2), (0x8035, 3), (0x86DD, 4)])
@pytest.mark.parametrize(
    "dest, packet", [(OWN, 0), (BROADCAST, 1), (bytes.fromhex("01005e000001"), 2)]
)
def test_what_a_frame_is(
    opened: Client, kind: int, protocol: int, dest: bytes, packet: int
) -> None:
    opened.call(op("SET_PACKET_FILTER"), pxe.p_set_filter, filter=7)
    opened.nic.receive(frame(dest=dest, kind=kind))
    status, block = opened.call(op("ISR"), pxe.p_isr, func_flag=2)
    assert (status, block["func_flag"], block["frame_header_length"]) == (OK, RECEIVE, 14)
    assert (block["prot_type"], block["pkt_type"], block["frame_seg"]) == (
        protocol,
        packet,
        UNDI_DATA_SEGMENT,
    )
    assert block["buffer_length"] == block["frame_length"] == 80


@pytest.mark.parametrize("function", [0, 4, 0xFFFF])
def test_isr_with_a_bad_function(opened: Client, function: int) -> None:
    status, block = opened.call(op("ISR"), pxe.p_isr, func_flag=function)
    assert (status, block["func_flag"]) == (INVALID_PARAMETER, DONE)


def test_isr_while_closed(ready: Client) -> None:
    assert ready.isr(1)[0] == 1  # not ours
    assert ready.isr(2)[0] == DONE


def test_a_frame_stays_until_the_next_question(opened: Client) -> None:
    opened.nic.receive(frame())
    _, block = opened.call(op("ISR"), pxe.p_isr, func_flag=2)
    for n in range(40):  # 14 of them fill the other buffers
        opened.nic.receive(frame(size=60 + n))
    assert opened.transmit([frame()]) == OK
    assert opened.machine.read(block["frame_seg"] * 16 + block["frame_off"], 80) == frame()


def test_damaged_frames_are_dropped(opened: Client) -> None:
    opened.nic.receive(frame(size=90), errors=1)
    opened.nic.receive(frame(size=1522), end=False)  # the first part of a frame over two buffers
    opened.nic.receive(frame(size=100))
    opened.nic.receive(frame(size=70))
    assert opened.drain() == [frame(size=70)]


def test_a_storm_of_damaged_frames_ends_the_round(opened: Client) -> None:
    for _ in range(100):
        opened.nic.receive(frame(), errors=1)
    assert opened.isr(2)[0] == DONE
    opened.nic.receive(frame(size=70))
    frames = [f for _ in range(10) for f in opened.drain()]
    assert frames == [frame(size=70)]


@pytest.fixture
def interrupting(ready: Client) -> Client:
    """Opened with line 11 open at the interrupt controllers."""
    ready.machine.ports.readers[0x21] = lambda size: 0xB8
    ready.machine.ports.readers[0xA1] = lambda size: 0x86
    assert ready.call(op("OPEN"), pxe.p_open, filter=3)[0] == OK
    return ready


def test_interrupt_protocol(interrupting: Client) -> None:
    client = interrupting
    assert client.isr(1)[0] == 1  # a neighbour on the line
    client.nic.receive(frame())
    assert client.nic.interrupts == 1
    assert client.isr(1)[0] == 0  # ours, and silent now
    client.nic.receive(frame(size=90))
    assert client.nic.interrupts == 1
    assert client.isr(1)[0] == 1
    assert client.drain() == [frame(), frame(size=90)]
    before = client.nic.interrupts
    client.nic.receive(frame(size=100))
    assert client.nic.interrupts > before
    assert client.isr(1)[0] == 0
    assert client.drain() == [frame(size=100)]


def test_interrupt_off_after_close(interrupting: Client) -> None:
    assert interrupting.call(op("CLOSE"))[0] == OK
    assert interrupting.nic.regs.get(0xD0, 0) == 0
    assert interrupting.isr(1)[0] == 1


def test_no_interrupt_where_the_client_polls(opened: Client) -> None:
    opened.nic.receive(frame())
    assert opened.nic.interrupts == 0
    assert opened.isr(1)[0] == 1  # a stray START does no harm
    assert opened.drain() == [frame()]


def test_buffers_never_cross_a_64_kib_line(opened: Client) -> None:
    """First 82545 and 82546, erratum 23. The data segment lies at 92000h, so the line is inside."""
    ring = opened.nic.regs[0x2800]
    addresses = [struct.unpack("<Q", opened.machine.read(ring + 16 * n, 8))[0] for n in range(16)]
    assert all(address >> 16 == address + 1535 >> 16 for address in addresses)
    assert all(b - a >= 1536 for a, b in itertools.pairwise(addresses))


def test_pci_address_port_comes_back(started: Client) -> None:
    started.machine.ports.write(0xCF8, 4, 0x80001234)
    started.call(op("GET_NIC_TYPE"), pxe.p_nic_type)
    assert started.machine.ports.read(0xCF8, 4) == 0x80001234


def test_code_segment_holds_the_loaders_words(client: Client) -> None:
    home = client.machine.read(UNDI_CODE_SEGMENT * 16 + 0x3C, 4)
    assert struct.unpack("<HH", home) == (UNDI_DATA_SEGMENT, 0xC800)


def test_pxenv_entry(opened: Client) -> None:
    """BX and ES:DI, at CS:0; the client sets them in any case."""
    opened.machine.set("undi_entry", UNDI_CODE_SEGMENT << 16, 4)
    status, block = opened.call(op("GET_INFORMATION"), pxe.p_information)
    assert (status, block["current_address"][:6]) == (OK, OWN)
    assert opened.call(0x71)[0] == UNSUPPORTED
