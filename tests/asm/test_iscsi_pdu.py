"""PDUs that no decent target sends: each ends in the right error, never in wrong data or a hang."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.machine import Machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peer_iscsi import RawConnection, reply
from peer_iscsi.bench import ERRORS, IP, PORT, Bench, make, pattern

READ_10, WRITE_10 = 0x28, 0x2A
DATA_IN, RESPONSE, R2T = 0x25, 0x21, 0x31
NONE = 0xFFFFFFFF
Pieces = list[bytes | None]


@pytest.fixture
def bench(machine: Machine, tmp_path: Path) -> Iterator[Bench]:
    bench = make(machine, tmp_path / "disk")
    yield bench
    bench.link.close()


def answered(
    bench: Bench, opcode: int, answer: Callable[[RawConnection, Any, Any], Pieces | None]
) -> Bench:
    """A session whose READs or WRITEs get these PDUs."""

    def choose(connection: RawConnection, pdu: Any, head: Any) -> Pieces | None:
        return answer(connection, pdu, head) if head.cdb[0] == opcode else None

    bench.link.targets[IP, PORT] = lambda link: RawConnection(bench.target, choose)
    bench.opened()
    bench.ev(io_timeout=1)
    bench.link.tick_ms = 20
    return bench


def read_error(bench: Bench, *pdus: dict[str, Any], blocks: int = 4) -> int:
    """What a read of 4 blocks ends in when it is answered so."""

    def answer(connection: RawConnection, pdu: Any, head: Any) -> Pieces:
        return [reply(connection, head, **fields) for fields in pdus]

    answered(bench, READ_10, answer)
    result, _ = bench.read(0, blocks)
    assert result.cf and bench.machine.get("disk_done", 4) == 0
    return int(result.ax)


def data_in(offset: int, data: bytes, **fields: Any) -> dict[str, Any]:
    return {"opcode": DATA_IN, "flags": 0, "data": data, "buffer_offset": offset, **fields}


HALF = bytes(1024)
GOOD = {"opcode": RESPONSE}


@pytest.mark.parametrize(
    "pdus, error",
    [
        ([data_in(0, HALF, itt=5)], "ISCSI_TAG"),
        ([data_in(0, HALF, itt=NONE)], "ISCSI_TAG"),
        ([data_in(512, HALF)], "ISCSI_DATA_IN"),
        ([data_in(NONE, HALF)], "ISCSI_DATA_IN"),
        ([data_in(0, HALF, data_sn=1)], "ISCSI_DATA_IN"),
        ([data_in(0, HALF), data_in(1024, HALF)], "ISCSI_DATA_IN"),  # DataSN 0 twice
        ([data_in(0, HALF), data_in(512, HALF, data_sn=1)], "ISCSI_DATA_IN"),  # overlaps
        ([data_in(0, HALF), data_in(0, HALF, data_sn=1)], "ISCSI_DATA_IN"),
        ([data_in(0, bytes(2049))], "ISCSI_DATA_IN"),  # more than asked for
        ([data_in(0, HALF), data_in(1024, bytes(1028), data_sn=1)], "ISCSI_DATA_IN"),
        ([data_in(0, bytes(2048), flags=0x01)], "ISCSI_DATA_IN"),  # S without F
        ([data_in(0, bytes(2048), flags=0x81, stat_sn=0)], "ISCSI_STAT_SN"),
        ([GOOD], "SCSI_SHORT"),
        ([data_in(0, HALF), GOOD], "SCSI_SHORT"),
        ([data_in(0, HALF, flags=0x83, residual=1024)], "SCSI_SHORT"),
        ([data_in(0, bytes(2048), flags=0x85, residual=512)], "SCSI_SHORT"),
        ([{"opcode": RESPONSE, "itt": 3}], "ISCSI_TAG"),
        ([{"opcode": RESPONSE, "stat_sn": 99}], "ISCSI_STAT_SN"),
        ([{"opcode": RESPONSE, "response": 1}], "SCSI_TARGET_FAILURE"),
        ([{"opcode": RESPONSE, "response": 0x80}], "SCSI_TARGET_FAILURE"),
        ([{"opcode": R2T, "residual": 512}], "ISCSI_TAG"),  # for a read
        ([{"opcode": 0x23}], "ISCSI_OPCODE"),
        ([{"opcode": 0x22}], "ISCSI_OPCODE"),
        ([{"opcode": 0x24}], "ISCSI_OPCODE"),
        ([{"opcode": 0x26}], "ISCSI_OPCODE"),
        ([{"opcode": 0x00}], "ISCSI_OPCODE"),
        ([{"opcode": 0x3E}], "ISCSI_OPCODE"),
        ([{"opcode": 0x3F, "itt": NONE, "response": 4}], "ISCSI_REJECT"),
        ([{"opcode": 0x3F, "itt": NONE, "response": 4, "data": bytes(20)}], "ISCSI_REJECT"),
        ([{"opcode": 0x20, "itt": NONE, "data": bytes(262145)}], "ISCSI_PDU_LENGTH"),
        ([{"opcode": 0x20, "itt": 2, "stat_sn": 0}], "ISCSI_STAT_SN"),
        ([], "ISCSI_TIMEOUT"),
    ],
)
def test_read(bench: Bench, pdus: list[dict[str, Any]], error: str) -> None:
    assert read_error(bench, *pdus) == ERRORS[error]


def test_rejected_ping_is_no_failure(bench: Bench) -> None:
    def answer(connection: RawConnection, pdu: Any, head: Any) -> Pieces:
        ping = bytes([0x40]) + bytes(47)
        return [
            reply(connection, head, ping, opcode=0x3F, itt=NONE, response=5),
            reply(connection, head, pattern(0, 4), opcode=DATA_IN, flags=0x81),
        ]

    answered(bench, READ_10, answer)
    result, data = bench.read(0, 4)
    assert not result.cf and data == pattern(0, 4)
    assert len(bench.link.sent) == 1


def test_second_status_does_not_answer_the_next_command(bench: Bench) -> None:
    def answer(connection: RawConnection, pdu: Any, head: Any) -> Pieces:
        data = pattern(int.from_bytes(head.cdb[2:6], "big"), 4)
        good = reply(connection, head, data, opcode=DATA_IN, flags=0x81)
        return [good, reply(connection, head, opcode=RESPONSE)]

    answered(bench, READ_10, answer)
    bench.ev(io_timeout=10)
    for lba in (0, 8, 16):
        result, data = bench.read(lba, 4)
        assert result.cf or data == pattern(lba, 4)


@pytest.mark.parametrize("ahs", [1, 255])
def test_additional_header_is_skipped(bench: Bench, ahs: int) -> None:
    def answer(connection: RawConnection, pdu: Any, head: Any) -> Pieces:
        raw = reply(connection, head, pattern(0, 4), opcode=DATA_IN, flags=0x81)
        return [raw[:4] + bytes([ahs]) + raw[5:48] + bytes(4 * ahs) + raw[48:]]

    answered(bench, READ_10, answer)
    result, data = bench.read(0, 4)
    assert not result.cf and data == pattern(0, 4)


@pytest.mark.parametrize("lengths", [(2048,), (1, 2047), (0, 3, 0, 2045, 0), (511, 513, 1024)])
@pytest.mark.parametrize("status", [True, False])
def test_data_in_of_any_length(bench: Bench, lengths: tuple[int, ...], status: bool) -> None:
    def answer(connection: RawConnection, pdu: Any, head: Any) -> Pieces:
        out: Pieces = []
        at, whole = 0, pattern(0, 4)
        for number, length in enumerate(lengths):
            last = status and number == len(lengths) - 1
            out.append(
                reply(
                    connection,
                    head,
                    whole[at : at + length],
                    opcode=DATA_IN,
                    buffer_offset=at,
                    data_sn=number,
                    flags=0x81 if last else 0,
                )
            )
            at += length
        if not status:
            out.append(reply(connection, head, opcode=RESPONSE))
        return out

    answered(bench, READ_10, answer)
    result, data = bench.read(0, 4)
    assert not result.cf and data == whole_of(4)


def whole_of(blocks: int) -> bytes:
    return pattern(0, blocks)


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"residual": 0}, "ISCSI_R2T"),
        ({"residual": 512, "buffer_offset": 512}, "ISCSI_R2T"),
        ({"residual": 4097}, "ISCSI_R2T"),
        ({"residual": NONE}, "ISCSI_R2T"),
        ({"residual": 512, "data_sn": 1}, "ISCSI_R2T"),
        ({"residual": 512, "itt": 9}, "ISCSI_TAG"),
        ({"residual": 512, "data": b"1234"}, "ISCSI_PDU_LENGTH"),
        ({"opcode": DATA_IN, "data": bytes(512)}, "ISCSI_TAG"),  # for a write
        ({"opcode": RESPONSE}, "SCSI_SHORT"),  # GOOD, although it has no data
    ],
)
def test_write(bench: Bench, fields: dict[str, Any], error: str) -> None:
    bench.script.initial_r2t, bench.script.immediate_data = True, False
    bench.script.max_burst = 4096

    def answer(connection: RawConnection, pdu: Any, head: Any) -> Pieces:
        return [reply(connection, head, **{"opcode": R2T, "ttt": 7, **fields})]

    answered(bench, WRITE_10, answer)
    result = bench.write(0, bytes(16384))
    assert result.cf and result.ax == ERRORS[error]


def test_more_r2ts_than_agreed(bench: Bench) -> None:
    bench.script.initial_r2t, bench.script.immediate_data = True, False

    def answer(connection: RawConnection, pdu: Any, head: Any) -> Pieces:
        bench.link.busy = 3  # none is served before the next one comes
        return [
            reply(connection, head, opcode=R2T, ttt=n, data_sn=n, buffer_offset=512 * n,
                  residual=512)
            for n in range(5)
        ]  # fmt: skip

    answered(bench, WRITE_10, answer)
    result = bench.write(0, bytes(16384))
    assert result.cf and result.ax == ERRORS["ISCSI_R2T"]


def test_four_r2ts_at_once(bench: Bench) -> None:
    bench.script.initial_r2t, bench.script.immediate_data = True, False
    content = bytes(range(256)) * 8
    got: list[tuple[int, int, bytes]] = []

    def answer(connection: RawConnection, pdu: Any, head: Any) -> Pieces:
        return [
            reply(connection, head, opcode=R2T, ttt=40 + n, data_sn=n, buffer_offset=512 * n,
                  residual=512)
            for n in range(4)
        ]  # fmt: skip

    answered(bench, WRITE_10, answer)
    bench.write(0, content)  # is never answered: what was sent counts
    stream = bytes(bench.link.sent[0])
    at = stream.index(b"\x2a\x00", 0)
    for tag in range(40, 44):
        place = stream.index(b"\x05\x80", at)
        header = stream[place : place + 48]
        got.append((header[23], int.from_bytes(header[40:44], "big"), stream[place + 48 :][:512]))
        at = place + 48 + 512
        assert header[23] == tag
    assert [part for _, _, part in got] == [content[n * 512 :][:512] for n in range(4)]
    assert [offset for _, offset, _ in got] == [0, 512, 1024, 1536]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200), st.integers(0, 0x3F))
def test_any_bytes(machine: Machine, noise: bytes, opcode: int) -> None:
    """iscsi_rx in full feature phase takes any bytes: an error or not, within its memory."""
    machine.replace("tcp_tx_alloc", lambda m: m.set_cf(True))
    for name in ("rx_digests", "cmd_active", "login_waiting"):
        machine.set(name, 0, 1)
    machine.call("rx_reset")
    machine.set("iscsi_phase", 2, 1)
    machine.set("rx_max", 262144, 4)
    machine.release_buffers()
    content = bytes([opcode]) + noise
    place = machine.buffer(len(content), content, writable=False)
    segment, offset = machine.far(place)
    result = machine.call("iscsi_rx", es=segment, si=offset, cx=len(content))
    assert not result.cf or result.ax in ERRORS.values()
