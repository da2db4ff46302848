"""undi/int1a.asm: INT 1Ah AX=5650h from START_UNDI to STOP_UNDI, for clients that have a BIOS."""

from __future__ import annotations

import struct

import pytest
from bench.machine import UNDI_CODE_SEGMENT, Machine
from bench.program import Program
from models.e1000 import E1000
from models.undi_client import Client

from romgen.formats import pxe

VECTOR = 0x1A * 4
BEFORE = (0xF000, 0x1234)
PXENV = 0x10
KEEP_UNDI = 4


@pytest.fixture
def client(machine_with_undi: Machine, undi_program: Program) -> Client:
    """A UNDI that is loaded and not started; somebody's handler of INT 1Ah."""
    client = Client(machine_with_undi, E1000(machine_with_undi), undi_program)
    client.machine.set("undi_bdf", client.nic.bdf)
    client.machine.allow(VECTOR, 4)
    client.machine.write(VECTOR, struct.pack("<HH", BEFORE[1], BEFORE[0]))
    assert not client.machine.call("undi_load").cf
    return client


def start(client: Client, pnp: int = 0xF000) -> None:
    code = pxe.CONSTANTS["OP_START_UNDI"]
    assert client.call(code, pxe.p_start, ax=client.nic.bdf, es=pnp)[0] == 0


def stop(client: Client) -> int:
    return client.call(pxe.CONSTANTS["OP_STOP_UNDI"])[0]


def vector(client: Client) -> tuple[int, int]:
    offset, segment = struct.unpack("<HH", client.machine.read(VECTOR, 4))
    return segment, offset


def test_it_tells_where_the_structure_is(client: Client) -> None:
    start(client)
    result = client.machine.call_interrupt(0x1A, ax=0x5650, flags=0x203)
    assert (result.ax, result.bx, result.es) == (0x564E, PXENV, UNDI_CODE_SEGMENT)
    assert result.edx == UNDI_CODE_SEGMENT * 16 + PXENV
    assert not result.cf
    assert client.machine.read(result.edx, 6) == b"PXENV+"


def test_another_function_goes_to_the_handler_before_us(client: Client) -> None:
    handler = bytes.fromhex("89c6 cf")  # mov si, ax; iret
    segment, offset = client.machine.far(client.machine.buffer(len(handler), handler))
    client.machine.write(VECTOR, struct.pack("<HH", offset, segment))
    start(client)
    result = client.machine.call_interrupt(0x1A, ax=0xB101)
    assert (result.ax, result.si) == (0xB101, 0xB101)


def test_stop_gives_the_vector_back(client: Client) -> None:
    start(client)
    assert vector(client)[0] == UNDI_CODE_SEGMENT
    start(client)  # a second client's START_UNDI changes nothing
    assert stop(client) == 0
    assert vector(client) == BEFORE
    start(client)
    assert vector(client)[0] == UNDI_CODE_SEGMENT


def test_somebody_hooked_it_after_us(client: Client) -> None:
    start(client)
    ours = client.machine.read(VECTOR, 4)
    client.machine.write(VECTOR, b"\x00\x00\x00\x90")
    assert stop(client) == KEEP_UNDI
    assert client.call(pxe.CONSTANTS["OP_STARTUP"])[0] == 0
    client.machine.write(VECTOR, ours)
    assert stop(client) == 0
    assert vector(client) == BEFORE


def test_without_a_bios_structure_nobody_is_told(client: Client) -> None:
    start(client, pnp=0)
    assert vector(client) == BEFORE
    assert stop(client) == 0
    assert vector(client) == BEFORE
