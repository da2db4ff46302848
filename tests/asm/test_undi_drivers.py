"""undi/nic: what a client may expect of every driver, each against a model of its adapter."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from bench.contract import Contract
from bench.coverage import Coverage
from bench.machine import UNDI_CODE_SEGMENT, UNDI_DATA_SEGMENT, Machine
from bench.program import Program
from conftest import ROOT
from models.e1000 import E1000, RDT
from models.undi_client import Client
from models.virtio import Virtio
from models.vmxnet3 import Vmxnet3

from romgen.build import build
from romgen.catalog import load_errors
from romgen.formats import pxe
from romgen.project import Project

ERRORS = {entry.name: entry.number for entry in load_errors(ROOT / "romgen/tables/errors")}
PEER, OWN = bytes.fromhex("020000000001"), bytes.fromhex("525400123456")
LAA, GROUP = bytes.fromhex("021122334455"), bytes.fromhex("01005e010203")
BROADCAST = b"\xff" * 6
OK, DONE, TRANSMIT = 0, 0, 2
GET_INFORMATION = pxe.CONSTANTS["OP_GET_INFORMATION"]


def virtio(modern: bool, legacy: bool) -> Callable[[Machine], Virtio]:
    return lambda machine: Virtio(machine, modern=modern, legacy=legacy)


LESS = 8 * 1536
"""Bytes that base memory has not for receive buffers: nics.toml."""
GUARD = b"\xdb"


def in_base(model: Callable[[Machine], Any]) -> Callable[[Machine], Any]:
    """The adapter of a ROM with less memory; what lies behind is somebody else's."""

    def make(machine: Machine) -> Any:
        assert machine.undi is not None
        machine.set("memory_rx_less", LESS // 1536)
        machine.shorten("UNDI data", LESS)
        machine.write(UNDI_DATA_SEGMENT * 16 + machine.undi.data_size - LESS, GUARD * LESS)
        return model(machine)

    return make


# name -> layout, model, frames that it takes at once
ADAPTERS: dict[str, tuple[str, Callable[[Machine], Any], int]] = {
    "e1000": ("iscsi-e1000", E1000, 14),
    "e1000e": (
        "iscsi-e1000e",
        lambda machine: E1000(machine, device=0x10D3, window=0xC080, large=True),
        14,
    ),
    "virtio": ("iscsi-virtio", virtio(True, True), 13),
    "virtio-modern": ("iscsi-virtio", virtio(True, False), 13),
    "virtio-legacy": ("iscsi-virtio", virtio(False, True), 8),
    "vmxnet3": ("iscsi-vmxnet3", Vmxnet3, 15),
    "e1000-base": ("iscsi-e1000", in_base(E1000), 6),
    "virtio-base": ("iscsi-virtio", in_base(virtio(True, True)), 5),
}


@dataclass(frozen=True)
class Programs:
    """ROM and UNDI of one layout."""

    rom: Program
    undi: Program


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Programs]:
    made: dict[str, Programs] = {}

    def get(layout: str) -> Programs:
        if layout not in made:
            built = build(Project(ROOT, tmp_path_factory.mktemp("build")), layout)
            made[layout] = Programs(Program.load(built.elf), Program.load(built.undi_elf))
        return made[layout]

    return get


Maker = Callable[..., Client]


@pytest.fixture
def make(
    programs: Callable[[str], Programs],
    contracts: dict[str, Contract],
    asm_coverage: Coverage,
) -> Maker:
    """A client of a layout's UNDI with a model behind it."""

    def get(layout: str, model: Callable[[Machine], Any]) -> Client:
        both = programs(layout)
        machine = Machine(both.rom, contracts, both.undi, coverage=asm_coverage)
        return Client(machine, model(machine), both.undi)

    return get


@pytest.fixture(params=list(ADAPTERS))
def adapter(request: pytest.FixtureRequest, make: Maker) -> Iterator[Client]:
    layout, model, _ = ADAPTERS[request.param]
    client = make(layout, model)
    client.name = request.param  # type: ignore[attr-defined]
    yield client
    if client.name.endswith("-base"):  # type: ignore[attr-defined]
        tail = UNDI_DATA_SEGMENT * 16 + client.undi.data_size - LESS
        assert client.machine.read(tail, LESS) == GUARD * LESS


def nic(client: Client) -> Any:
    return client.nic


def op(name: str) -> int:
    return pxe.CONSTANTS[f"OP_{name}"]


def frame(number: int = 0, size: int = 100, dest: bytes = OWN) -> bytes:
    return (dest + PEER + b"\x08\x00" + struct.pack("<H", number)).ljust(
        size, bytes((number & 255,))
    )


def receive(client: Client) -> bytes | None:
    result = client.machine.call("undi_receive")
    return None if result.cf else client.machine.read(result.es * 16 + result.si, result.cx)


def drain(client: Client) -> list[bytes]:
    got = []
    while (taken := receive(client)) is not None:
        got.append(taken)
    return got


def send(client: Client, content: bytes) -> int:
    client.machine.set("net_tx_frame", content)
    result = client.machine.call("undi_transmit", cx=len(content))
    return result.ax if result.cf else 0


def open_with(client: Client, packet_filter: int) -> None:
    for name, block in (("START_UNDI", pxe.p_start), ("STARTUP", None)):
        fields = {"ax": client.nic.bdf} if block else {}
        assert client.call(op(name), block, **fields)[0] == OK
    assert client.call(op("INITIALIZE"), pxe.p_initialize)[0] == OK
    assert client.call(op("OPEN"), pxe.p_open, filter=packet_filter)[0] == OK


def loaded(client: Client) -> Client:
    client.machine.set("undi_bdf", client.nic.bdf)
    assert not client.machine.call("undi_load").cf
    return client


def test_open_and_close(adapter: Client) -> None:
    adapter.opened()
    assert adapter.machine.bytes_of("net_mac", 6) == OWN
    assert nic(adapter).bus_master
    nic(adapter).receive(frame())
    assert adapter.machine.call("undi_close").cf is False
    nic(adapter).assert_quiet()
    assert not adapter.machine.read(UNDI_CODE_SEGMENT * 16 + 0x40, 4).strip(b"\0")
    adapter.opened()  # and again
    nic(adapter).receive(frame(2))
    assert frame(2) in drain(adapter)


def test_how_many_frames_it_holds(adapter: Client) -> None:
    adapter.opened()
    expected = ADAPTERS[adapter.name][2]  # type: ignore[attr-defined]
    count = adapter.machine.get("undi_rx_count")
    assert count >= expected
    sent = [frame(n, 60 + n) for n in range(count)]
    for one in sent:
        nic(adapter).receive(one)
    assert drain(adapter) == sent and not nic(adapter).dropped


def test_frames_in_order_over_many_rounds(adapter: Client) -> None:
    adapter.opened()
    sent = [frame(n, 60 + 97 * (n % 16)) for n in range(300)]
    got = []
    for start in range(0, 300, 6):
        for one in sent[start : start + 6]:
            nic(adapter).receive(one)
        got += drain(adapter)
    assert got == sent


def tx_buffers(adapter: Client) -> int:
    """How many frames the UNDI has room for, as it says itself."""
    count = adapter.call(GET_INFORMATION, pxe.p_information)[1]["tx_buf_count"]
    assert isinstance(count, int)
    return count


def test_rings_full_and_overrun(adapter: Client) -> None:
    """What is lost is lost whole; what comes is right; afterwards everything works."""
    adapter.opened()
    sent = [frame(n) for n in range(100)]
    for one in sent:
        nic(adapter).receive(one)
    got = drain(adapter)
    assert len(got) + nic(adapter).dropped == 100
    assert got == sent[: len(got)]
    nic(adapter).receive(frame(1, 1514))
    assert drain(adapter) == [frame(1, 1514)]


def test_a_frame_stays_until_the_next_question(adapter: Client) -> None:
    adapter.opened()
    nic(adapter).receive(frame())
    result = adapter.machine.call("undi_receive")
    for n in range(1, 40):
        nic(adapter).receive(frame(n))
    assert send(adapter, frame(3)) == 0
    assert adapter.machine.read(result.es * 16 + result.si, result.cx) == frame()


def test_an_empty_round_costs_no_register(adapter: Client) -> None:
    adapter.opened()
    before = nic(adapter).accesses
    assert receive(adapter) is None
    assert nic(adapter).accesses == before


def test_frames_out(adapter: Client) -> None:
    adapter.opened()
    frames = [frame(n, 60 + n * 17) for n in range(80)]
    assert [send(adapter, one) for one in frames] == [0] * 80
    assert nic(adapter).sent == frames
    assert send(adapter, frame(1, 42)) == 0
    assert nic(adapter).sent[-1] == frame(1, 42).ljust(60, b"\0")


def test_transmit_that_does_not_leave(adapter: Client) -> None:
    adapter.opened()
    nic(adapter).stuck = True
    queued = [frame(n) for n in range(tx_buffers(adapter) - 1)]
    for one in queued:
        assert send(adapter, one) == 0
    started = adapter.machine.ports.pit.ms
    assert send(adapter, frame(100)) == ERRORS["UNDI_TRANSMIT"]
    assert 10 <= adapter.machine.ports.pit.ms - started <= 100
    nic(adapter).stuck = False
    nic(adapter).look()
    assert send(adapter, frame(101)) == 0
    assert nic(adapter).sent == [*queued, frame(101)]


def test_close_while_a_frame_is_stuck(adapter: Client) -> None:
    adapter.opened()
    nic(adapter).stuck = True
    assert send(adapter, frame(1)) == 0
    assert adapter.machine.call("undi_close").cf is False
    nic(adapter).assert_quiet()


def test_no_link(adapter: Client) -> None:
    nic(adapter).link = False
    adapter.machine.ports.pit.step_us = 5000
    result = adapter.open()
    assert (result.cf, result.ax) == (True, ERRORS["LINK_DOWN"])
    assert adapter.machine.call("undi_close").cf is False
    nic(adapter).link = True
    adapter.opened()


def test_local_address(adapter: Client) -> None:
    adapter.machine.set("ev_laa", LAA)
    adapter.opened()
    nic(adapter).receive(frame(1))
    nic(adapter).receive(frame(2, dest=LAA))
    assert drain(adapter) == [frame(2, dest=LAA)]
    adapter.machine.call("undi_close")
    nic(adapter).assert_quiet()


FOREIGN = [PEER, GROUP, b"\xff" * 5 + b"\xfe", b"\xff\xff\xff\xfe\xff\xff", OWN[:4] + b"\0\0"]
PASSES = {1: [OWN], 3: [OWN, BROADCAST], 7: [OWN, BROADCAST, PEER, GROUP]}
"""Packet filter -> destinations that come through it."""


def test_filter(adapter: Client) -> None:
    open_with(loaded(adapter), 3)
    for packet_filter, wanted in PASSES.items():
        assert (
            adapter.call(op("SET_PACKET_FILTER"), pxe.p_set_filter, filter=packet_filter)[0] == OK
        )
        every = [OWN, BROADCAST, *(FOREIGN if packet_filter < 7 else FOREIGN[:2])]
        for dest in every:
            nic(adapter).receive(frame(dest=dest))
        assert adapter.drain() == [frame(dest=dest) for dest in every if dest in wanted]


def test_multicast_list(adapter: Client) -> None:
    open_with(loaded(adapter), 3)
    groups = [bytes.fromhex(f"01005e0{n}a{n}f{n}") for n in range(8)]
    addresses = b"".join(group.ljust(16, b"\0") for group in groups)
    for count in (8, 1, 0):
        mcast = {"count": count, "addr": addresses}
        assert adapter.call(op("SET_MCAST_ADDRESS"), pxe.p_set_mcast, mcast=mcast)[0] == OK
        for group in groups:
            nic(adapter).receive(frame(dest=group))
        assert adapter.drain() == [frame(dest=group) for group in groups[:count]]


def test_a_storm_for_others_ends_the_round(adapter: Client) -> None:
    open_with(loaded(adapter), 1)
    for n in range(100):
        nic(adapter).receive(frame(n, dest=BROADCAST))
    assert adapter.isr(2)[0] == DONE
    nic(adapter).receive(frame(7))
    assert [f for _ in range(12) for f in adapter.drain()] == [frame(7)]


@pytest.fixture
def interrupting(adapter: Client) -> Client:
    """Opened with line 11 open at the interrupt controllers."""
    adapter.machine.ports.readers[0x21] = lambda size: 0xB8
    adapter.machine.ports.readers[0xA1] = lambda size: 0x86
    open_with(loaded(adapter), 3)
    return adapter


def test_interrupt_protocol(interrupting: Client) -> None:
    client = interrupting
    assert client.isr(1)[0] == 1  # a neighbour on the line
    nic(client).receive(frame())
    assert nic(client).interrupts == 1
    assert client.isr(1)[0] == 0  # ours, and silent now
    nic(client).receive(frame(2))
    assert nic(client).interrupts == 1
    assert client.isr(1)[0] == 1
    assert client.drain() == [frame(), frame(2)]
    before = nic(client).interrupts
    nic(client).receive(frame(3))
    assert nic(client).interrupts > before or before > 1
    assert client.isr(1)[0] == 0
    assert client.drain() == [frame(3)]


def test_no_interrupt_where_the_client_polls(adapter: Client) -> None:
    open_with(loaded(adapter), 3)
    nic(adapter).receive(frame())
    nic(adapter).set_link(False)
    nic(adapter).set_link(True)
    assert nic(adapter).interrupts == 0
    assert adapter.isr(1)[0] == 1  # a stray START does no harm
    assert adapter.drain() == [frame()]


def test_statistics(adapter: Client) -> None:
    open_with(loaded(adapter), 3)
    nic(adapter).receive(frame())
    assert adapter.drain() == [frame()]
    status, block = adapter.call(op("GET_STATISTICS"), pxe.p_statistics)
    assert (status, block["rx_good"]) == (OK, 1)


@pytest.mark.parametrize("mac", [bytes(6), b"\x01" + OWN[1:]])
def test_an_address_that_can_be_none(adapter: Client, mac: bytes) -> None:
    client = loaded(adapter)
    if isinstance(nic(client), E1000):
        nic(client).mac = mac
        nic(client)._show_mac()
    else:
        nic(client).mac = nic(client).permanent = nic(client).shown = mac
    assert client.call(op("START_UNDI"), pxe.p_start, ax=client.nic.bdf)[0] == 0x63
    assert not nic(client).bus_master


def start(client: Client) -> int:
    """START_UNDI; its status."""
    return client.call(op("START_UNDI"), pxe.p_start, ax=client.nic.bdf)[0]


VIRTIO_BROKEN: dict[str, dict[str, Any]] = {
    "reset hangs": {"reset_hangs": True, "status": 7},
    "queues too short": {"queue_size": 8},
    "legacy queues too long": {"modern": False, "queue_size": 1024},
    "legacy queues differ": {"modern": False, "tx_queue_size": 128},
    "no queues": {"queue_size": 0},
}


@pytest.mark.parametrize("fields", list(VIRTIO_BROKEN.values()), ids=list(VIRTIO_BROKEN))
def test_virtio_that_cannot_be_started(make: Maker, fields: dict[str, Any]) -> None:
    client = loaded(make("iscsi-virtio", lambda machine: Virtio(machine)))
    for name, value in fields.items():
        setattr(nic(client), name, value)
    if "modern" in fields:
        nic(client).space[6] = 0
    for queue, size in zip(
        nic(client).queues,
        (nic(client).queue_size, nic(client).tx_queue_size or nic(client).queue_size),
        strict=False,
    ):
        queue.size = size
    assert start(client) == 0x63


@pytest.mark.parametrize("broken", ["memory", "unassigned"])
def test_virtio_without_registers(make: Maker, broken: str) -> None:
    client = loaded(make("iscsi-virtio", virtio(False, True)))
    nic(client).space[0x10:0x14] = b"\x00\x00\xbd\xfe" if broken == "memory" else b"\1\0\0\0"
    assert start(client) == 0x63


@pytest.mark.parametrize("broken", ["circle", "no window"])
def test_virtio_with_a_bad_list_is_taken_as_legacy(make: Maker, broken: str) -> None:
    client = make("iscsi-virtio", virtio(True, True))
    nic(client).space[0x35 if broken == "circle" else 0x84] = 0
    nic(client).space[0x41] = 0x98 if broken == "circle" else 0  # the last one's next is the first
    if broken == "circle":
        client.opened()
        assert not nic(client).legacy_run
    else:
        client.opened()
        assert nic(client).legacy_run
    nic(client).receive(frame())
    assert drain(client) == [frame()]


@pytest.mark.parametrize("field", ["version_1", "refuse_features"])
def test_virtio_that_refuses_features(make: Maker, field: str) -> None:
    client = make("iscsi-virtio", virtio(True, False))
    setattr(nic(client), field, field == "refuse_features")
    result = client.open()
    assert (result.cf, result.ax) == (True, ERRORS["UNDI_OPEN"])
    assert client.machine.call("undi_close").cf is False
    nic(client).assert_quiet()


def test_virtio_without_a_link_status(make: Maker) -> None:
    client = make("iscsi-virtio", virtio(True, False))
    nic(client).link_feature = False
    client.opened()


def test_virtio_notifies_only_where_it_is_wanted(make: Maker) -> None:
    client = make("iscsi-virtio", virtio(True, False)).opened()
    assert nic(client).notified == []  # it looks when it is started
    for n in range(8):
        nic(client).receive(frame(n))
    assert len(drain(client)) == 8
    assert nic(client).notified == []  # it never ran out of buffers
    for n in range(20):
        nic(client).receive(frame(n))
    assert len(drain(client)) == 20
    assert set(nic(client).notified) == {0} and len(nic(client).notified) <= 6
    nic(client).notified.clear()
    nic(client).lazy = True
    nic(client).look()
    assert send(client, frame(1)) == 0
    assert nic(client).notified == []
    nic(client).look()
    assert nic(client).sent == [frame(1)]


@pytest.mark.parametrize("legacy", [False, True])
def test_virtio_tells_what_it_could_not_tell_at_once(make: Maker, legacy: bool) -> None:
    """The device wants to know of frames only behind our look: the next round tells it."""
    client = make("iscsi-virtio", virtio(not legacy, legacy)).opened()
    nic(client).lazy = True
    nic(client).look()
    assert send(client, frame(1)) == 0
    assert nic(client).sent == nic(client).notified == []
    used = nic(client).queues[1].used
    client.machine.write(used, b"\0\0")
    assert drain(client) == []
    assert nic(client).sent == [frame(1)] and nic(client).notified == [1]
    assert drain(client) == [] and nic(client).notified == [1]  # once


def test_virtio_waits_for_a_free_buffer_and_tells_meanwhile(make: Maker) -> None:
    client = make("iscsi-virtio", virtio(True, False)).opened()
    nic(client).lazy = True
    nic(client).look()
    for n in range(tx_buffers(client) - 1):
        assert send(client, frame(n)) == 0
    nic(client).lazy = False
    client.machine.write(nic(client).queues[1].used, b"\0\0")
    assert send(client, frame(100)) == 0
    assert nic(client).sent == [*(frame(n) for n in range(tx_buffers(client) - 1)), frame(100)]


def test_virtio_with_a_queue_of_sixteen(make: Maker) -> None:
    client = make("iscsi-virtio", lambda machine: Virtio(machine, queue_size=16)).opened()
    nic(client).stuck = True
    assert send(client, frame(1)) == 0
    assert send(client, frame(2)) == ERRORS["UNDI_TRANSMIT"]  # two buffers, not four
    nic(client).stuck = False
    nic(client).look()
    assert client.machine.get("undi_rx_count") == 7
    sent = [frame(n) for n in range(40)]
    for one in sent:
        nic(client).receive(one)
    assert drain(client) == sent


@pytest.mark.parametrize("size", [1, 13])
def test_virtio_drops_runts(make: Maker, size: int) -> None:
    client = make("iscsi-virtio", virtio(True, True)).opened()
    nic(client).receive(b"\xff" * size)
    nic(client).receive(frame(1, 42))  # it does not pad
    assert drain(client) == [frame(1, 42)]


@pytest.mark.parametrize("broken", ["bar0", "bar1", "io", "64", "version"])
def test_vmxnet3_that_cannot_be_started(make: Maker, broken: str) -> None:
    client = loaded(make("iscsi-vmxnet3", Vmxnet3))
    space = nic(client).space
    if broken == "version":
        nic(client).versions = 2
    elif broken == "io":
        space[0x14] |= 1
    elif broken == "64":
        space[0x10] |= 4
    else:
        at = 0x10 + 4 * int(broken[-1])
        space[at : at + 4] = bytes(4)
    assert start(client) == 0x63


def test_vmxnet3_that_does_not_activate(make: Maker) -> None:
    client = make("iscsi-vmxnet3", Vmxnet3)
    nic(client).refuse = True
    result = client.open()
    assert (result.cf, result.ax) == (True, ERRORS["UNDI_OPEN"])
    assert client.machine.call("undi_close").cf is False
    nic(client).assert_quiet()


def test_vmxnet3_drops_what_is_cut_or_in_pieces(make: Maker) -> None:
    client = make("iscsi-vmxnet3", Vmxnet3).opened()
    nic(client).receive(frame(1, 1600))
    nic(client).receive(frame(2), pieces=2)
    nic(client).receive(frame(3))
    assert drain(client) == [frame(3)]


def test_vmxnet3_tells_its_producer_where_it_is_wanted(make: Maker) -> None:
    client = make("iscsi-vmxnet3", Vmxnet3)
    nic(client).wants_producer = True
    client.opened()
    assert nic(client).produced == [16]
    nic(client).receive(frame(1))
    nic(client).receive(frame(2))
    assert drain(client) == [frame(1), frame(2)]
    assert nic(client).produced == [16, 17, 18]


@pytest.mark.parametrize("what", ["received", "sent"])
def test_e1000_writes_its_tail_once_when_nothing_comes_for_a_while(make: Maker, what: str) -> None:
    client = make("iscsi-e1000", E1000)
    client.opened()
    adapter = nic(client)
    if what == "received":
        adapter.receive(frame())
        assert receive(client) == frame()
    else:
        assert send(client, frame()) == 0
    held, before = adapter.regs[RDT], adapter.accesses
    looks = 0
    while adapter.accesses == before:
        assert receive(client) is None
        client.machine.release_buffers()
        looks += 1
    assert looks in range(255, 258)
    assert adapter.accesses == before + 1
    assert adapter.regs[RDT] == (0 if what == "received" else held)
    for _ in range(600):
        assert receive(client) is None
        client.machine.release_buffers()
    assert adapter.accesses == before + 1


@pytest.mark.parametrize("mode", [2, 3])
def test_e1000_is_given_10_ms_to_reset_however_the_timer_counts(make: Maker, mode: int) -> None:
    client = loaded(make("iscsi-e1000", E1000))
    pit = client.machine.ports.pit
    pit.mode = mode
    started = pit.ms
    assert start(client) == OK
    assert 10 <= pit.ms - started <= 11


def test_e1000e_address_from_the_eeprom(make: Maker) -> None:
    client = loaded(make(*ADAPTERS["e1000e"][:2]))
    nic(client).hide_mac()
    assert start(client) == OK
    assert client.variable("nic_mac", 6) == OWN


@pytest.mark.parametrize("broken", ["dead", "unassigned", "upper half"])
def test_e1000_by_memory_where_the_window_does_not_work(make: Maker, broken: str) -> None:
    client = make("iscsi-e1000", E1000)
    space = client.machine.ports.pci[client.nic.bdf]
    if broken == "upper half":
        space[0x10] |= 4  # BAR0 has 64 bits, its upper half is 0; BAR2's upper half looks like I/O
        space[0x18:0x20] = struct.pack("<II", 0xE000000C, 1)
        nic(client).machine.ports.readers[0] = lambda size: 8
    else:
        space[0x14:0x18] = struct.pack("<I", 1 if broken == "unassigned" else 0xC001)
    client.opened()
    nic(client).receive(frame())
    assert drain(client) == [frame()]
