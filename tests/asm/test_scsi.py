"""SCSI: what a status costs and means, which logical units are disks, how large they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.machine import Machine
from peer_iscsi import RawConnection, reply
from peer_iscsi.bench import BLOCKS, ERRORS, IP, PORT, Bench, make, pattern

from romgen.target.disk import lun_bytes
from romgen.target.script import Act, Fault

INQUIRY, TEST_UNIT_READY, READ_CAPACITY, READ_CAPACITY_16 = 0x12, 0x00, 0x25, 0x9E
READ_10, WRITE_10, READ_16, WRITE_16, SYNCHRONIZE_CACHE = 0x28, 0x2A, 0x88, 0x8A, 0x35


@pytest.fixture
def bench(machine: Machine, tmp_path: Path) -> Iterator[Bench]:
    bench = make(machine, tmp_path / "disk")
    yield bench
    bench.link.close()


def commands(bench: Bench) -> list[int]:
    return [pdu.header[32] for pdu in bench.target.log if pdu.opcode == 1]


FORMATS = pytest.mark.parametrize("form", [Act.SENSE, Act.SENSE_DESCRIPTOR])


@FORMATS
@pytest.mark.parametrize(
    "sense, times",
    [((6, 0x29, 0), 5), ((6, 0x3F, 0x0E), 31), ((0xB, 0x47, 0x05), 3), ((2, 4, 1), 20),
     ((3, 0x11, 0), 3), ((4, 0x44, 0), 3), ((0, 0, 0), 3)],
)  # fmt: skip
def test_passing_trouble_is_ridden_out(
    bench: Bench, form: Act, sense: tuple[int, int, int], times: int
) -> None:
    bench.opened()
    bench.script.faults.append(Fault(form, opcode=READ_10, times=times, sense=sense))
    bench.link.tick_ms = 10
    result, data = bench.read(3, 4)
    assert not result.cf and data == pattern(3, 4)
    assert commands(bench).count(READ_10) == times + 1
    assert len(bench.link.dialled) == 1


@FORMATS
@pytest.mark.parametrize(
    "sense, error, status",
    [
        ((2, 4, 2), "SCSI_NOT_READY", 0xAA),
        ((2, 0x3A, 0), "SCSI_NO_MEDIUM", 0x31),
        ((3, 0x11, 0), "SCSI_MEDIUM", 0x10),
        ((4, 0x44, 0), "SCSI_HARDWARE", 0x20),
        ((5, 0x20, 0), "SCSI_ILLEGAL", 0x20),
        ((5, 0x21, 0), "SCSI_RANGE", 0x04),
        ((5, 0x25, 0), "SCSI_NO_LUN", 0xAA),
        ((6, 0x29, 0), "SCSI_ATTENTION", 0xAA),
        ((7, 0x27, 0), "SCSI_WRITE_PROTECTED", 0x03),
        ((0xB, 0, 0), "SCSI_ABORTED", 0x20),
        ((0xD, 0, 0), "SCSI_FAILED", 0x20),
        ((0, 0, 0), "SCSI_FAILED", 0x20),
    ],
)
def test_lasting_trouble_has_a_name(
    bench: Bench, form: Act, sense: tuple[int, int, int], error: str, status: int
) -> None:
    bench.opened()
    bench.ev(io_timeout=6)
    bench.link.tick_ms = 25
    bench.script.faults.append(Fault(form, opcode=READ_10, times=0, sense=sense))
    start = bench.link.now
    result, _ = bench.read(3, 4)
    assert result.cf and result.ax == ERRORS[error]
    assert bench.machine.get("disk_status", 1) == status
    assert bench.detail() == sense[0] << 16 | sense[1] << 8 | sense[2]
    assert bench.link.now - start < 7_000


@pytest.mark.parametrize(
    "status, error, code",
    [(0x08, "SCSI_BUSY", 0xAA), (0x28, "SCSI_BUSY", 0xAA), (0x18, "SCSI_RESERVED", 0xAA),
     (0x30, "SCSI_ABORTED", 0x20), (0x40, "SCSI_ABORTED", 0x20), (0x55, "SCSI_FAILED", 0x20),
     (0x02, "SCSI_FAILED", 0x20)],
)  # fmt: skip
@pytest.mark.parametrize("times", [2, 0])
def test_status(bench: Bench, status: int, error: str, code: int, times: int) -> None:
    bench.opened()
    bench.ev(io_timeout=6)
    bench.link.tick_ms = 25
    bench.script.faults.append(Fault(Act.STATUS, opcode=READ_10, times=times, value=status))
    result, data = bench.read(3, 4)
    if times:
        assert not result.cf and data == pattern(3, 4)
    else:
        assert result.cf and result.ax == ERRORS[error]
        assert bench.machine.get("disk_status", 1) == code
        assert bench.detail() == (0 if status == 2 else status)


def test_recovered_error_is_success(bench: Bench) -> None:
    def answer(connection: RawConnection, pdu: Any, head: Any) -> list[bytes | None] | None:
        if head.cdb[0] != READ_10:
            return None
        sense = bytes([0, 18, 0x70, 0, 1, 0, 0, 0, 0, 10, *bytes(10)])
        return [
            reply(connection, head, pattern(0, 1), opcode=0x25, flags=0x80),
            reply(connection, head, sense, status=2),
        ]

    bench.link.targets[IP, PORT] = lambda link: RawConnection(bench.target, answer)
    bench.opened()
    result, data = bench.read(0, 1)
    assert not result.cf and data == pattern(0, 1)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"\0\x12", b"\0\x02\x70\0", b"\xff\xff\x70\0", b"\0\3\x70\0\2", b"\0\4\x72\2\4",
     b"\0\0\x70\0\2\0\0\0\0\x0a\0\0\0\0\4\1", b"\0\x12" + b"\xff" * 300],
)  # fmt: skip
def test_sense_that_is_cut_off(bench: Bench, data: bytes) -> None:
    def answer(connection: RawConnection, pdu: Any, head: Any) -> list[bytes | None] | None:
        return [reply(connection, head, data, status=2)] if head.cdb[0] == READ_10 else None

    bench.link.targets[IP, PORT] = lambda link: RawConnection(bench.target, answer)
    bench.opened()
    bench.ev(io_timeout=3)
    bench.link.tick_ms = 25
    result, _ = bench.read(0, 1)
    assert result.cf and result.ax in (ERRORS["SCSI_FAILED"], ERRORS["SCSI_NOT_READY"])


def device(bench: Bench, first: int) -> Any:
    bench.ev(connect_retries=0)
    next(iter(bench.target.disks.values())).device_type = first
    return bench.open()


@pytest.mark.parametrize(
    "first, error",
    [(0x0C, "SCSI_CONTROLLER"), (0x05, "SCSI_NOT_DISK"), (0x01, "SCSI_NOT_DISK"),
     (0x7F, "SCSI_NO_LUN"), (0x20, "SCSI_NO_LUN"), (0x3F, "SCSI_NO_LUN")],
)  # fmt: skip
def test_what_is_not_a_disk(bench: Bench, first: int, error: str) -> None:
    result = device(bench, first)
    assert result.cf and result.ax == ERRORS[error]
    assert error != "SCSI_NOT_DISK" or bench.detail() == first
    assert bench.machine.get("iscsi_phase", 1) == 0


def test_no_such_lun(bench: Bench) -> None:
    bench.ev(lun=lun_bytes(9))
    result = bench.open()
    assert result.cf and result.ax == ERRORS["SCSI_NO_LUN"]
    assert len(bench.link.dialled) == 1


@pytest.mark.parametrize("number", [0, 1, 255, 256, 16383])
def test_lun_of_any_number(bench: Bench, number: int) -> None:
    disk = bench.target.disks.pop(lun_bytes(1))
    bench.target.disks[lun_bytes(number)] = disk
    bench.ev(lun=lun_bytes(number))
    bench.opened()
    assert not bench.write(0, b"abcd" * 128).cf
    assert not bench.read(0, 1)[0].cf


def capacity(bench: Bench, last_10: bytes, more: bytes | None = None) -> Any:
    """Opens a disk that answers READ CAPACITY (10) and (16) so."""

    def answer(connection: RawConnection, pdu: Any, head: Any) -> list[bytes | None] | None:
        data = {READ_CAPACITY: last_10, READ_CAPACITY_16: more}.get(head.cdb[0])
        if data is None:
            return None
        rest = max(0, head.expected_length - len(data))
        return [
            reply(connection, head, data, opcode=0x25, flags=0x81 | (2 if rest else 0),
                  residual=rest)
        ]  # fmt: skip

    bench.ev(connect_retries=0)
    bench.link.tick_ms = 25
    bench.link.targets[IP, PORT] = lambda link: RawConnection(bench.target, answer)
    return bench.open()


def capacity_10(last: int, size: int) -> bytes:
    return last.to_bytes(4, "big") + size.to_bytes(4, "big")


def capacity_16(last: int, size: int) -> bytes:
    return last.to_bytes(8, "big") + size.to_bytes(4, "big") + bytes(20)


@pytest.mark.parametrize("blocks", [1, 0xFFFFFFFF])
def test_capacity_10(bench: Bench, blocks: int) -> None:
    assert not capacity(bench, capacity_10(blocks - 1, 512)).cf
    assert bench.machine.get("disk_blocks", 8) == blocks


@pytest.mark.parametrize("blocks", [1 << 32, (1 << 32) + 1, 1 << 40, 2**64 - 1])
@pytest.mark.parametrize("length", [12, 32])
def test_capacity_16(bench: Bench, blocks: int, length: int) -> None:
    long = capacity_16(blocks - 1, 4096)[:length]
    assert not capacity(bench, capacity_10(0xFFFFFFFF, 4096), long).cf
    assert bench.machine.get("disk_blocks", 8) == blocks
    assert bench.machine.get("disk_block_size", 4) == 4096


@pytest.mark.parametrize("size", [0, 1, 511, 513, 520, 1024, 2048, 8192, 0xFFFFFFFF])
def test_block_size_that_int_13h_does_not_have(bench: Bench, size: int) -> None:
    result = capacity(bench, capacity_10(99, size))
    assert result.cf and result.ax == ERRORS["SCSI_BLOCK_SIZE"]
    assert bench.detail() == size


def test_empty_disk(bench: Bench) -> None:
    result = capacity(bench, capacity_10(0xFFFFFFFF, 512), capacity_16(2**64 - 1, 512))
    assert result.cf and result.ax == ERRORS["SCSI_EMPTY"]


@pytest.mark.parametrize("cut", [0, 1, 7])
def test_capacity_that_is_cut_off(bench: Bench, cut: int) -> None:
    result = capacity(bench, capacity_10(99, 512)[:cut])
    assert result.cf and result.ax == ERRORS["SCSI_SHORT"]


def test_disk_with_blocks_of_4096(machine: Machine, tmp_path: Path) -> None:
    bench = make(machine, tmp_path / "disk", block_size=4096).opened()
    result, data = bench.read(5, 70)
    assert not result.cf and data == pattern(5, 70, 4096)
    assert not bench.write(2, b"4" * 8192).cf
    assert bench.on_disk(2, 2) == b"4" * 8192
    bench.link.close()


def cdb_of(bench: Bench, lba: int, count: int, write: bool) -> bytes:
    """The CDB for a transfer on a disk of 2**64 - 1 blocks, whose answer does not matter."""
    machine = bench.machine
    for name, value in (("disk_lba", lba), ("disk_done", 0)):
        machine.set(name, value, 8 if name == "disk_lba" else 4)
    machine.set("io_blocks", count, 4)
    machine.set("io_direction", 0x20 if write else 0x40, 1)
    machine.set("disk_block_size", 512, 4)
    machine.call("disk_build")
    return machine.bytes_of("scsi_cdb", 16)


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("count", [1, 512])
@pytest.mark.parametrize(
    "lba", [0, 0x12345678, 2**32 - 513, 2**32 - 512, 2**32 - 1, 2**32, 0x123456789ABCDEF0]
)
def test_cdb(bench: Bench, lba: int, count: int, write: bool) -> None:
    cdb = cdb_of(bench, lba, count, write)
    if lba + count < 2**32:
        expected = bytes([WRITE_10 if write else READ_10, 0]) + lba.to_bytes(4, "big")
        expected += b"\0" + count.to_bytes(2, "big")
    else:
        expected = bytes([WRITE_16 if write else READ_16, 0]) + lba.to_bytes(8, "big")
        expected += count.to_bytes(4, "big")
    assert cdb == expected.ljust(16, b"\0")


def test_beyond_2_tib(bench: Bench) -> None:
    disk = next(iter(bench.target.disks.values()))
    disk.blocks = (1 << 33) + 7
    bench.opened()
    assert bench.machine.get("disk_blocks", 8) == (1 << 33) + 7
    with bench.path.open("r+b") as stream:  # sparse
        stream.seek((1 << 33) * 512)
        stream.write(b"far away" * 64)
    result, data = bench.read(1 << 33, 1)
    assert not result.cf and data == b"far away" * 64
    assert commands(bench)[-1] == READ_16
    assert not bench.write((1 << 33) + 6, b"the end!" * 64).cf
    assert bench.on_disk((1 << 33) + 6, 1) == b"the end!" * 64


def test_read_only_disk(machine: Machine, tmp_path: Path) -> None:
    bench = make(machine, tmp_path / "disk", read_only=True).opened()
    result = bench.write(0, bytes(512))
    assert result.cf and result.ax == ERRORS["SCSI_WRITE_PROTECTED"]
    assert machine.get("disk_status", 1) == 0x03
    assert not bench.read(0, 1)[0].cf
    bench.link.close()


def test_flush(bench: Bench) -> None:
    bench.opened()
    assert not bench.machine.call("disk_flush", limit=10_000_000).cf
    assert commands(bench)[-1] == SYNCHRONIZE_CACHE


def test_flush_of_a_disk_without_cache(bench: Bench) -> None:
    bench.opened()
    bench.script.faults.append(Fault(Act.SENSE, opcode=SYNCHRONIZE_CACHE, sense=(5, 0x20, 0)))
    assert not bench.machine.call("disk_flush", limit=10_000_000).cf


def test_disk_becomes_ready(bench: Bench) -> None:
    bench.link.tick_ms = 10
    bench.script.faults.append(
        Fault(Act.SENSE, opcode=TEST_UNIT_READY, times=12, sense=(2, 4, 1)))  # fmt: skip
    bench.opened()
    assert bench.machine.get("disk_blocks", 8) == BLOCKS
