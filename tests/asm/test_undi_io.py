"""undi/nic: rtl8139, pcnet, ne2k, eepro100 behind models of their chips: what holds for each."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from models.io_nic import PORTS
from models.io_rig import (
    DONE,
    MEDIA,
    MODELS,
    NO_NIC,
    OK,
    OWN,
    PEER,
    RECEIVE,
    TRANSMIT_ERROR,
    Make,
    Rig,
    frame,
    op,
)
from models.ne2k import Ne2k

from romgen.formats import pxe

OTHER, LAA = bytes.fromhex("0200000000fe"), bytes.fromhex("021122334455")
GROUP, BROADCAST = bytes.fromhex("01005e0a0b0c"), b"\xff" * 6


@pytest.fixture(params=list(MODELS))
def rig(request: pytest.FixtureRequest, make_io: Make) -> Rig:
    return make_io(request.param)


def test_start_shows_the_address(rig: Rig) -> None:
    assert rig.start() == OK
    assert rig.information()[:2] == (OWN, OWN)
    assert not rig.nic.bus_master


@pytest.mark.parametrize("break_it", ["memory", "unmapped", "absent"])
def test_no_ports(rig: Rig, break_it: str) -> None:
    space = rig.nic.machine.ports.pci[rig.nic.bdf]
    bar = 0x10 + 4 * rig.nic.bar
    if break_it == "memory":
        space[bar] &= ~1
    elif break_it == "unmapped":
        space[bar : bar + 4] = b"\x01\0\0\0"
    else:
        rig.nic.bdf = 0x0820
    assert rig.start() == NO_NIC
    assert space[4] == 3


@pytest.mark.parametrize("name", list(MODELS))
def test_an_address_that_cannot_be_one(make_io: Make, name: str) -> None:
    for mac in (b"\x01" + OWN[1:], bytes(6)):
        assert make_io(name, mac=mac).start() == NO_NIC


def test_dead_at_start(rig: Rig) -> None:
    rig.nic.dead = True
    assert rig.start() == NO_NIC
    assert rig.nic.machine.ports.pit.ms < 2000


def test_dead_later(rig: Rig) -> None:
    flag = "deaf" if rig.name == "pcnet" else "dead"
    setattr(rig.ready().nic, flag, True)
    assert rig.open() == NO_NIC
    assert not rig.nic.bus_master
    setattr(rig.nic, flag, False)
    assert rig.open() == OK


def test_frames_in_order_of_all_sizes(rig: Rig) -> None:
    rig.opened()
    sent = [frame(n, 60 + 53 * (n % 28)) for n in range(200)]
    got = []
    for start in range(0, 200, 5):
        for one in sent[start : start + 5]:
            rig.nic.receive(one)
        got += rig.client.drain()
    assert got == sent
    assert rig.nic.dropped == 0


def test_it_holds_as_many_as_it_says(rig: Rig) -> None:
    rig.opened()
    count = rig.information()[2]
    assert count >= 10
    for turn in range(12):  # over the end of every ring, one frame with the client each time
        rig.nic.receive(frame(99))
        assert rig.client.isr(2)[0] == RECEIVE
        sent = [frame(turn * 40 + n, 1518) for n in range(count)]
        for one in sent:
            rig.nic.receive(one)
        assert rig.take() == sent
    assert rig.nic.dropped == 0


def test_a_full_ring_loses_no_more_than_it_must(rig: Rig) -> None:
    rig.opened()
    sent = [frame(n, 1514) for n in range(60)]
    for one in sent:
        rig.nic.receive(one)
    got = rig.take()
    assert got == sent[: len(got)]
    assert len(got) >= rig.information()[2]
    assert rig.nic.dropped == 60 - len(got)
    assert rig.take() == []
    rig.nic.receive(frame(77))
    assert rig.take() == [frame(77)]


@pytest.mark.parametrize("size", [60, 61, 1514, 1518])
def test_transmit(rig: Rig, size: int) -> None:
    rig.opened()
    sent = [frame(n, size, PEER) for n in range(9)]
    for one in sent:
        assert rig.client.transmit([one]) == OK
    assert rig.nic.sent == sent


def test_what_does_not_go_out(rig: Rig) -> None:
    rig.opened().nic.stuck = True
    status = [rig.client.transmit([frame(n, dest=PEER)]) for n in range(2)]
    assert status == [OK, TRANSMIT_ERROR]
    # the 8255x takes its filter as a command, behind the frame
    assert rig.filter(7) == (TRANSMIT_ERROR if rig.name == "eepro100" else OK)
    before = rig.nic.machine.ports.pit.ms
    assert rig.close() == OK
    assert rig.nic.machine.ports.pit.ms - before < 200
    rig.nic.stuck = False
    assert rig.open() == OK
    assert rig.client.transmit([frame(5, dest=PEER)]) == OK
    assert rig.nic.sent == [frame(5, dest=PEER)]


@pytest.mark.parametrize(
    "packet_filter, dest, passes",
    [
        (3, OWN, True),
        (3, BROADCAST, True),
        (1, BROADCAST, False),
        (3, OTHER, False),
        (3, GROUP, False),
        (7, OTHER, True),
        (7, GROUP, True),
        (7, BROADCAST, True),
    ],
)
def test_filter(rig: Rig, packet_filter: int, dest: bytes, passes: bool) -> None:
    rig.opened(packet_filter)
    rig.nic.receive(frame(dest=dest))
    assert (rig.take() == [frame(dest=dest)]) is passes


def test_filter_changes_while_open(rig: Rig) -> None:
    rig.opened()
    assert rig.filter(7) == rig.filter(7) == OK
    rig.nic.receive(frame(1, dest=OTHER))
    assert rig.take() == [frame(1, dest=OTHER)]
    rig.nic.receive(frame(2, dest=OTHER))
    assert rig.filter(7) == OK  # nothing changes, nothing is lost
    assert rig.take() == [frame(2, dest=OTHER)]
    assert rig.filter(3) == OK
    for number, dest in enumerate((OTHER, OWN)):
        rig.nic.receive(frame(number, dest=dest))
    assert rig.take() == [frame(1)]
    assert rig.client.transmit([frame(dest=PEER)]) == OK


def test_groups(rig: Rig) -> None:
    rig.opened()
    mcast = {"count": 1, "addr": GROUP.ljust(128, b"\0")}
    assert rig.client.call(op("SET_MCAST_ADDRESS"), pxe.p_set_mcast, mcast=mcast)[0] == OK
    for dest in (GROUP, bytes.fromhex("01005e0a0b0d"), OTHER, OWN):
        rig.nic.receive(frame(dest=dest))
    assert rig.take() == [frame(dest=GROUP), frame()]


def test_another_station_address(rig: Rig) -> None:
    for address in (LAA, OWN[:5] + b"\x57"):
        rig.ready()
        assert rig.station(address) == OK
        assert rig.open() == OK
        for dest in (OWN, address, OTHER, BROADCAST):
            rig.nic.receive(frame(dest=dest))
        assert rig.take() == [frame(dest=address), frame(dest=BROADCAST)]
        assert rig.close() == OK
        assert rig.client.call(op("SHUTDOWN"))[0] == OK
        assert rig.nic.mac == OWN  # what the operating system will find
        assert rig.nic.quiet()
        assert rig.client.call(op("STOP_UNDI"))[0] == OK
        assert rig.start() == OK
        assert rig.information()[1] == OWN
        assert rig.client.call(op("STOP_UNDI"))[0] == OK


def test_a_storm_of_frames_for_others(rig: Rig) -> None:
    """They pass the adapter where the driver has told it to let more in, and end each round."""
    rig.opened()
    mcast = {"count": 1, "addr": GROUP.ljust(128, b"\0")}
    assert rig.client.call(op("SET_MCAST_ADDRESS"), pxe.p_set_mcast, mcast=mcast)[0] == OK
    endless = frame(dest=bytes.fromhex("01005e7f0001"))

    def storm(old: Callable[[int], int]) -> Callable[[int], int]:
        def read(size: int) -> int:
            rig.nic.receive(endless)
            return old(size)

        return read

    for port in range(PORTS, PORTS + rig.nic.span):
        old = rig.nic.machine.ports.readers[port]
        rig.nic.machine.ports.readers[port] = storm(old)
    for _ in range(40):
        rig.nic.receive(endless)
    assert rig.client.isr(2)[0] == DONE


def test_damaged_and_long_frames(rig: Rig) -> None:
    rig.opened()
    for _ in range(3):
        rig.nic.receive(frame(1, 90), damaged=True)
        rig.take()
        rig.nic.receive(frame(2, 1530))
        rig.nic.receive(frame(3, 1700))
        rig.nic.receive(frame(4, 2200))
        rig.nic.receive(frame(5, 1518))
        assert rig.take() == [frame(5, 1518)]


def test_a_storm_of_damaged_frames(rig: Rig) -> None:
    rig.opened()
    for _ in range(40):
        rig.nic.receive(frame(), damaged=True)
    rig.take()
    rig.nic.receive(frame(7))
    rig.take()
    rig.nic.receive(frame(8))
    assert rig.take() == [frame(8)]


@pytest.fixture
def interrupting(rig: Rig) -> Rig:
    """Opened with line 11 open at the interrupt controllers."""
    rig.nic.machine.ports.readers[0x21] = lambda size: 0xB8
    rig.nic.machine.ports.readers[0xA1] = lambda size: 0x86
    return rig.opened()


def test_interrupts(interrupting: Rig) -> None:
    client, nic = interrupting.client, interrupting.nic
    client.isr(1)
    client.drain()
    assert client.isr(1)[0] == 1  # a neighbour on the line
    before = nic.interrupts
    nic.receive(frame())
    assert nic.interrupts == before + 1
    assert client.isr(1)[0] == 0  # ours, and silent now
    nic.receive(frame(1))
    assert nic.interrupts == before + 1
    assert client.isr(1)[0] == 1
    assert client.drain() == [frame(), frame(1)]
    client.isr(1)
    client.drain()
    before = nic.interrupts
    nic.receive(frame(2))
    assert nic.interrupts == before + 1
    assert client.isr(1)[0] == 0
    assert client.drain() == [frame(2)]


def test_a_new_filter_keeps_the_interrupt(interrupting: Rig) -> None:
    client, nic = interrupting.client, interrupting.nic
    assert interrupting.filter(7) == OK
    client.isr(1)
    client.drain()
    before = nic.interrupts
    nic.receive(frame())
    assert nic.interrupts == before + 1


def test_silent_after_close(interrupting: Rig) -> None:
    assert interrupting.close() == OK
    assert interrupting.nic.quiet()
    before = interrupting.nic.interrupts
    interrupting.nic.receive(frame())
    assert (interrupting.nic.interrupts, interrupting.nic.dropped) == (before, 1)


def test_stopped_and_restored(rig: Rig) -> None:
    rig.opened()
    rig.nic.receive(frame())
    assert rig.client.transmit([frame(dest=PEER)]) == OK
    assert rig.client.call(op("SHUTDOWN"))[0] == OK
    assert rig.nic.quiet() and not rig.nic.bus_master
    assert rig.client.call(op("STOP_UNDI"))[0] == OK
    assert rig.nic.machine.ports.pci[rig.nic.bdf][4] == 3


def test_link(rig: Rig) -> None:
    assert rig.start() == rig.client.call(op("STARTUP"))[0] == OK
    rig.nic.link = False
    assert rig.initialize() == (OK if rig.name == "ne2k" else MEDIA)
    rig.nic.link = True
    assert rig.initialize() == OK


def test_statistics(rig: Rig) -> None:
    rig.opened()
    for number in range(60):
        rig.nic.receive(frame(number, 1514))
    lost = {"rtl8139": rig.nic.dropped, "pcnet": rig.nic.dropped, "ne2k": 1, "eepro100": 0}
    if isinstance(rig.nic, Ne2k):
        rig.nic.crc = 3
    for _ in range(2):  # counted once
        _, block = rig.client.call(op("GET_STATISTICS"), pxe.p_statistics)
        assert block["rx_resource_errors"] == lost[rig.name]
        assert block["rx_crc_errors"] == (3 if rig.name == "ne2k" else 0)
