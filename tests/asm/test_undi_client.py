"""asm/net/undi.asm: from the loader to frames, with our UNDI and an adapter model behind it."""

from __future__ import annotations

import pytest
from bench.machine import UNDI_CODE_SEGMENT, UNDI_DATA_SEGMENT, Machine
from bench.program import Program
from conftest import ROOT
from models.e1000 import E1000, RAL0, RCTL, RCTL_BAM, RCTL_EN, RCTL_SECRC, RDT, TCTL
from models.undi_client import Client

from romgen.catalog import load_errors

ERRORS = {entry.name: entry.number for entry in load_errors(ROOT / "romgen/tables/errors")}
PEER, OWN = bytes.fromhex("020000000001"), bytes.fromhex("525400123456")
LAA = bytes.fromhex("021122334455")


@pytest.fixture
def client(machine_with_undi: Machine, undi_program: Program) -> Client:
    return Client(machine_with_undi, E1000(machine_with_undi), undi_program)


def frame(number: int = 0, size: int = 100, dest: bytes = OWN) -> bytes:
    return (dest + PEER + b"\x08\x00" + bytes((number & 0xFF, number >> 8))).ljust(
        size, bytes((number & 0xFF,))
    )


def receive(client: Client) -> bytes | None:
    result = client.machine.call("undi_receive")
    return None if result.cf else client.machine.read(result.es * 16 + result.si, result.cx)


def send(client: Client, content: bytes) -> int:
    """undi_transmit; 0 or the error."""
    client.machine.set("net_tx_frame", content)
    result = client.machine.call("undi_transmit", cx=len(content))
    return result.ax if result.cf else 0


def byte_sum(client: Client, linear: int, size: int) -> int:
    return sum(client.machine.read(linear, size)) & 0xFF


def test_open_sets_everything(client: Client) -> None:
    client.opened()
    assert client.machine.bytes_of("net_mac", 6) == OWN
    assert client.machine.get("undi_entry", 4) >> 16 == UNDI_CODE_SEGMENT
    assert client.nic.regs[RCTL] == RCTL_EN | RCTL_BAM | RCTL_SECRC
    assert client.nic.bus_master
    assert client.machine.get("undi_rx_count") == 14


def test_structures_have_right_sums(client: Client) -> None:
    client.opened()
    base = UNDI_CODE_SEGMENT * 16
    assert client.machine.read(base + 0x40, 4) == b"!PXE"
    assert client.machine.read(base + 0x10, 6) == b"PXENV+"
    assert (byte_sum(client, base + 0x40, 0x58), byte_sum(client, base + 0x10, 0x2C)) == (0, 0)


def test_frames_in_order(client: Client) -> None:
    client.opened()
    sent = [frame(n, 60 + 97 * (n % 16)) for n in range(100)]
    got = []
    for start in range(0, 100, 10):
        for one in sent[start : start + 10]:
            client.nic.receive(one)
        while (taken := receive(client)) is not None:
            got.append(taken)
    assert got == sent


def test_more_frames_than_buffers_wait_in_the_adapter(client: Client) -> None:
    client.opened()
    sent = [frame(n) for n in range(40)]
    for one in sent:
        client.nic.receive(one)
    assert [receive(client) for _ in range(40)] == sent
    assert receive(client) is None


def test_longest_frame(client: Client) -> None:
    client.opened()
    client.nic.receive(frame(1, 1518))
    assert receive(client) == frame(1, 1518)
    client.nic.receive(frame(1, 1522))  # the adapter may let it in; nobody can use it
    assert receive(client) is None
    client.nic.receive(frame(2))
    assert receive(client) == frame(2)


def test_receive_tail_is_written_for_several_frames_together(client: Client) -> None:
    client.opened()
    client.nic.writes.clear()
    for n in range(16):
        client.nic.receive(frame(n))
        assert receive(client) == frame(n)
        assert receive(client) is None
    assert sum(1 for offset, _ in client.nic.writes if offset == RDT) == 8


def test_empty_round_touches_no_register(client: Client) -> None:
    client.opened()
    client.nic.writes.clear()
    client.nic.reads.clear()
    assert receive(client) is None
    assert (client.nic.writes, client.nic.reads) == ([], [])


def test_short_frame_is_padded_with_zeros(client: Client) -> None:
    client.opened()
    assert send(client, frame(7, 200)) == 0
    assert send(client, frame(1, 42)) == 0
    assert client.nic.sent == [frame(7, 200), frame(1, 42).ljust(60, b"\0")]


def test_many_frames_out(client: Client) -> None:
    client.opened()
    frames = [frame(n, 60 + n * 17) for n in range(80)]
    assert [send(client, one) for one in frames] == [0] * 80
    assert client.nic.sent == frames
    assert receive(client) is None  # after 64 completions or so it has something to say again
    client.nic.receive(frame(3))
    assert frame(3) in [receive(client), receive(client)]


def test_transmit_that_does_not_leave(client: Client) -> None:
    client.opened()
    client.nic.stuck = True
    assert send(client, frame(1)) == 0  # queued
    started = client.machine.ports.pit.ms
    assert send(client, frame(2)) == ERRORS["UNDI_TRANSMIT"]
    assert 10 <= client.machine.ports.pit.ms - started <= 100
    client.nic.stuck = False
    client.nic._set(TCTL, 4, client.nic.regs[TCTL])
    assert send(client, frame(3)) == 0
    assert client.nic.sent == [frame(1), frame(3)]


def test_local_address(client: Client) -> None:
    client.machine.set("ev_laa", LAA)
    client.opened()
    assert client.machine.bytes_of("net_mac", 6) == LAA
    client.nic.receive(frame(1))
    client.nic.receive(frame(2, dest=LAA))
    assert receive(client) == frame(2, dest=LAA)
    client.machine.call("undi_close")
    assert client.nic.regs[RAL0].to_bytes(4, "little") == OWN[:4]


def test_group_address_as_own_is_refused(client: Client) -> None:
    client.machine.set("ev_laa", bytes.fromhex("010203040506"))
    result = client.open()
    assert (result.cf, result.ax) == (True, ERRORS["UNDI_STATION"])
    assert client.machine.get("error_detail", 4) == 0x67


@pytest.mark.parametrize("delay", [0, 3])
def test_no_link(client: Client, delay: int) -> None:
    client.nic.link = False
    client.machine.set("ev_link_delay", delay)
    client.machine.ports.pit.step_us = 5000
    started = client.machine.ports.pit.ms
    result = client.open()
    assert (result.cf, result.ax) == (True, ERRORS["LINK_DOWN"])
    waited = client.machine.ports.pit.ms - started
    assert 5000 + delay * 1000 <= waited <= 6500 + delay * 1000
    assert client.machine.call("undi_close").cf is False


def test_link_comes_late(client: Client) -> None:
    client.nic.link = False
    client.machine.ports.pit.step_us = 5000
    read = client.machine.ports.pit.command

    def command(value: int) -> None:
        read(value)
        client.nic.link = client.machine.ports.pit.ms > 2000

    client.machine.ports.pit.command = command  # type: ignore[method-assign]
    client.opened()


def test_wrong_adapter(client: Client) -> None:
    client.machine.ports.pci[client.nic.bdf][2:4] = b"\x39\x81"
    result = client.open()
    assert (result.cf, result.ax) == (True, ERRORS["UNDI_START"])
    assert client.machine.get("error_detail", 4) == 0x63
    assert client.machine.call("undi_close").cf is False
    assert client.machine.ports.pci[client.nic.bdf][4] == 0x03


def test_loader_without_memory(client: Client) -> None:
    client.machine.set("undi_ds_seg", 0)
    result = client.open()
    assert (result.cf, result.ax) == (True, ERRORS["UNDI_LOADER"])
    assert client.machine.get("error_detail", 4) == 0xC0


def test_damaged_structure(client: Client) -> None:
    at = (
        client.machine.rom.symbols["undi_image"] + 0x40 + 4
    )  # its length: the loader sums it up as it is
    linear = 0xC8000 + at
    client.machine.write(linear, b"\x18")
    result = client.open()
    assert (result.cf, result.ax) == (True, ERRORS["UNDI_PXE"])


def test_close_leaves_nothing(client: Client) -> None:
    client.opened()
    client.nic.receive(frame(1))
    assert client.machine.call("undi_close").cf is False
    assert client.nic.regs[RCTL] == 0 and not client.nic.regs[TCTL] & 2
    assert not client.nic.bus_master
    assert not client.machine.read(UNDI_CODE_SEGMENT * 16 + 0x40, 4).strip(b"\0")
    assert receive(client) is None
    assert client.machine.call("undi_close").cf is False
    client.opened()  # and again
    client.nic.receive(frame(2))
    assert receive(client) == frame(2)


def test_close_without_open(machine: Machine) -> None:
    assert machine.call("undi_close").cf is False


def test_close_while_a_frame_is_stuck(client: Client) -> None:
    client.opened()
    client.nic.stuck = True
    assert send(client, frame(1)) == 0
    assert client.machine.call("undi_close").cf is False
    assert client.nic.regs[TCTL] & 2 == 0


def test_interrupt_line_is_masked_only_while_opening(client: Client) -> None:
    masks = {0x21: 0xB8, 0xA1: 0x86}  # line 11 is open
    seen: list[tuple[int, int]] = []

    def attach(port: int) -> None:
        def write(size: int, value: int) -> None:
            masks[port] = value
            seen.append((port, value))

        client.machine.ports.readers[port] = lambda size: masks[port]
        client.machine.ports.writers[port] = write

    for port in masks:
        attach(port)
    client.opened()
    assert masks == {0x21: 0xB8, 0xA1: 0x86}
    assert (0xA1, 0x8E) in seen
    client.nic.receive(frame(1))
    assert client.nic.interrupts == 0


def test_frame_in_pieces_is_dropped(client: Client) -> None:
    """A foreign UNDI: 64 bytes of 100, then the rest, an empty one, a whole frame, nothing."""
    client.opened()
    answers = [(3, 64, 100), (3, 36, 100), (3, 0, 60), (3, 100, 100), (0, 0, 0)]

    def foreign(machine: Machine) -> None:
        answer, size, whole = answers.pop(0)
        machine.set(
            "undi_block",
            bytes(2)
            + b"".join(
                value.to_bytes(2, "little")
                for value in (answer, size, whole, 14, 0x60, UNDI_DATA_SEGMENT)
            )
            + bytes(2),
        )
        machine.set_cf(False)

    client.machine.replace("undi_call", foreign)
    result = client.machine.call("undi_receive")
    assert (result.cf, result.cx) == (False, 100)
    assert client.machine.call("undi_receive").cf
    assert answers == []


@pytest.mark.parametrize("answer", [4, 9, 0x6C])
def test_busy_and_nonsense_end_the_round(client: Client, answer: int) -> None:
    client.opened()

    def foreign(machine: Machine) -> None:
        machine.set("undi_block", bytes(2) + answer.to_bytes(2, "little"))
        machine.set_cf(False)

    client.machine.replace("undi_call", foreign)
    assert client.machine.call("undi_receive").cf
    assert client.machine.get("undi_function") == 2


def test_endless_completions_do_not_hold_us(client: Client) -> None:
    client.opened()

    def foreign(machine: Machine) -> None:
        machine.set("undi_block", bytes(2) + (2).to_bytes(2, "little"))
        machine.set_cf(False)

    client.machine.replace("undi_call", foreign)
    assert client.machine.call("undi_receive").cf


@pytest.mark.parametrize("status, dead", [(0x6A, 1), (0x6B, 0)])
def test_a_mode_in_which_the_adapter_is_out_of_reach(
    client: Client, status: int, dead: int
) -> None:
    client.opened()

    def refuse(machine: Machine) -> None:
        machine.set("undi_block", status.to_bytes(2, "little"))
        machine.set_cf(True)

    client.machine.replace("undi_call", refuse)
    assert send(client, frame()) == ERRORS["UNDI_TRANSMIT"]
    assert client.machine.get("undi_dead", 1) == dead
