"""The UNDI over an adapter with I/O ports, called by its opcodes; for test_undi_io*.py."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from models.eepro100 import Eepro100
from models.io_nic import IoNic
from models.ne2k import Ne2k
from models.pcnet import Pcnet
from models.rtl8139 import Rtl8139
from models.undi_client import Client
from romgen.formats import pxe

PEER, OWN = bytes.fromhex("020000000001"), bytes.fromhex("525400123456")
OK, MEDIA, NO_NIC, TRANSMIT_ERROR = 0, 0x61, 0x63, 0x6B
DONE, TRANSMIT, RECEIVE = 0, 2, 3
MODELS: dict[str, type[IoNic]] = {
    "rtl8139": Rtl8139,
    "pcnet": Pcnet,
    "ne2k": Ne2k,
    "eepro100": Eepro100,
}


@dataclass
class Rig:
    """One adapter and the client of its UNDI, which is loaded and not started."""

    name: str
    client: Client
    nic: IoNic

    def start(self) -> int:
        return self.client.call(op("START_UNDI"), pxe.p_start, ax=self.nic.bdf)[0]

    def initialize(self) -> int:
        return self.client.call(op("INITIALIZE"), pxe.p_initialize)[0]

    def open(self, packet_filter: int = 3) -> int:
        return self.client.call(op("OPEN"), pxe.p_open, filter=packet_filter)[0]

    def ready(self) -> Rig:
        assert self.start() == self.client.call(op("STARTUP"))[0] == OK
        assert self.initialize() == OK
        return self

    def opened(self, packet_filter: int = 3) -> Rig:
        assert self.ready().open(packet_filter) == OK
        return self

    def close(self) -> int:
        return self.client.call(op("CLOSE"))[0]

    def filter(self, packet_filter: int) -> int:
        return self.client.call(op("SET_PACKET_FILTER"), pxe.p_set_filter, filter=packet_filter)[0]

    def station(self, address: bytes) -> int:
        raw = address.ljust(16, b"\0")
        return self.client.call(op("SET_STATION_ADDRESS"), pxe.p_set_station, address=raw)[0]

    def information(self) -> tuple[bytes, bytes, int]:
        """Address in use, address burnt in, receive buffers."""
        _, block = self.client.call(op("GET_INFORMATION"), pxe.p_information)
        return block["current_address"][:6], block["permanent_address"][:6], block["rx_buf_count"]

    def take(self) -> list[bytes]:
        """Everything that comes, over several rounds."""
        return [frame for _ in range(4) for frame in self.client.drain()]


Make = Callable[..., Rig]


def op(name: str) -> int:
    return pxe.CONSTANTS[f"OP_{name}"]


def frame(number: int = 0, size: int = 100, dest: bytes = OWN) -> bytes:
    head = dest + PEER + b"\x08\x00" + struct.pack("<H", number)
    return head + bytes((number * 7 + n) & 0xFF for n in range(size - len(head)))
