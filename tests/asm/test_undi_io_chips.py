"""undi/nic: rtl8139, pcnet, ne2k, eepro100: what one chip alone does."""

from __future__ import annotations

import struct
from typing import cast

import pytest
from models.eepro100 import Eepro100
from models.io_nic import PORTS
from models.io_rig import DONE, NO_NIC, OK, OWN, PEER, TRANSMIT_ERROR, Make, frame, op
from models.ne2k import Ne2k
from models.pcnet import Pcnet
from models.rtl8139 import Rtl8139

CSR4_DPOLL = 1 << 12


def test_rtl8139_ring_that_makes_no_sense(make_io: Make) -> None:
    rig = make_io("rtl8139").opened()
    nic = cast(Rtl8139, rig.nic)
    for length in (0xFFF0, 5):
        nic.receive(frame())
        nic.machine.write(nic.start + nic.read + 2, struct.pack("<H", length))
        assert rig.take() == []
        nic.receive(frame(9))
        assert rig.take() == [frame(9)]


def test_ne2k_ring_that_makes_no_sense(make_io: Make) -> None:
    rig = make_io("ne2k").opened()
    nic = cast(Ne2k, rig.nic)
    for at, value in ((1, 0x10), (1, 0xC0), (3, 0xFF), (2, 4)):
        nic.receive(frame())
        page = nic.page0[1] + (nic.page0[3] + 1 - nic.page0[1]) % (nic.page0[2] - nic.page0[1])
        if at == 2:
            nic.memory[page * 256 + 2 : page * 256 + 4] = b"\x04\0"
        else:
            nic.memory[page * 256 + at] = value
        if at == 3:
            assert rig.client.isr(2)[0] == DONE  # longer than any frame: left out
        assert rig.take() == []
        nic.receive(frame(9))
        assert rig.take() == [frame(9)]


def test_ne2k_data_port_that_never_ends(make_io: Make) -> None:
    rig = make_io("ne2k")
    nic = cast(Ne2k, rig.nic)
    nic.silent = True
    assert rig.start() == NO_NIC
    nic.silent = False
    rig.opened()
    nic.silent = True
    nic.receive(frame())
    assert rig.take() == []
    assert rig.client.transmit([frame(dest=PEER)]) == TRANSMIT_ERROR
    nic.silent = False
    nic.receive(frame(9))
    assert rig.take() == [frame(9)]


def test_pcnet_looks_at_its_transmit_ring_by_itself_at_first(make_io: Make) -> None:
    """A new connection of QEMU's user network waits for its main loop, which those looks turn."""
    rig = make_io("pcnet").opened()
    nic = cast(Pcnet, rig.nic)
    told = []
    for _ in range(300):
        assert rig.client.transmit([frame(dest=PEER)]) == OK
        told.append(bool(nic.csr[4] & CSR4_DPOLL))
        nic.machine.release_buffers()
    assert told == [False] * 63 + [True] * 237
    assert rig.close() == OK
    assert rig.open() == OK
    assert not nic.csr[4] & CSR4_DPOLL


def test_pcnet_left_in_32_bit_mode(make_io: Make) -> None:
    rig = make_io("pcnet", dwords=True).opened()
    rig.nic.receive(frame())
    assert rig.take() == [frame()]
    assert rig.information()[1] == OWN
    assert rig.client.transmit([frame(dest=PEER)]) == OK
    assert rig.nic.sent == [frame(dest=PEER)]
    assert rig.close() == OK and rig.nic.quiet()


@pytest.mark.parametrize("bits", [6, 8])
@pytest.mark.parametrize("device", [0x1209, 0x1229, 0x2449])
def test_eepro100_of_each_kind(make_io: Make, bits: int, device: int) -> None:
    assert make_io("eepro100", address_bits=bits, device=device).start() == OK


def test_eepro100_silent_parts(make_io: Make) -> None:
    rig = make_io("eepro100")
    nic = cast(Eepro100, rig.nic)
    nic.eeprom_dead = True
    assert rig.start() == NO_NIC
    nic.eeprom_dead = False
    assert rig.start() == rig.client.call(op("STARTUP"))[0] == OK
    nic.phy_dead = True
    assert rig.initialize() == NO_NIC
    nic.phy_dead = False
    assert rig.initialize() == OK
    assert rig.open() == OK
    nic.busy = True
    assert rig.client.transmit([frame(dest=PEER)]) != OK
    nic.busy = False
    assert rig.close() == OK


def test_eepro100_receiver_stops_while_it_is_read(make_io: Make) -> None:
    """The last buffer fills between the look at its descriptor and the look at the receiver."""
    rig = make_io("eepro100").opened()
    nic = cast(Eepro100, rig.nic)
    old = nic.machine.ports.readers[PORTS]
    burst = [frame(n) for n in range(16)]

    def fill(size: int) -> int:
        nic.machine.ports.readers[PORTS] = old
        for one in burst:
            nic.receive(one)
        return old(size)

    nic.machine.ports.readers[PORTS] = fill
    assert rig.take() == burst
    nic.receive(frame(99))
    assert rig.take() == [frame(99)]
