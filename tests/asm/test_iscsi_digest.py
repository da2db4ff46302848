"""Header and data digests: negotiated as the EVs say, and damage is never passed on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.machine import Machine
from peer_iscsi.bench import ERRORS, Bench, make, pattern

from romgen.target.script import Act, Fault

FALSE, TRUE, PREFER = 0, 1, 2
READ_10 = 0x28
BOTH, NEITHER = ("CRC32C", "None"), ("None",)


@pytest.fixture
def bench(machine: Machine, tmp_path: Path) -> Iterator[Bench]:
    bench = make(machine, tmp_path / "disk")
    yield bench
    bench.link.close()


@pytest.mark.parametrize("header", [FALSE, TRUE, PREFER])
@pytest.mark.parametrize("data", [FALSE, TRUE, PREFER])
def test_read_and_write(bench: Bench, header: int, data: int) -> None:
    bench.ev(header_digest=header, data_digest=data)
    bench.script.max_recv, bench.script.initial_r2t = 1001, True
    bench.opened()
    assert bench.machine.get("rx_digests", 1) == (header != 0) | (data != 0) << 1
    content = random.Random(1).randbytes(9 * 512)
    assert not bench.write(3, content).cf
    assert bench.on_disk(3, 9) == content
    result, found = bench.read(0, 40)
    assert not result.cf and found == pattern(0, 3) + content + pattern(12, 28)


@pytest.mark.parametrize("name", ["header_digest", "data_digest"])
@pytest.mark.parametrize(
    "ev, supported, passes",
    [
        (TRUE, NEITHER, False),
        (PREFER, NEITHER, True),
        (FALSE, ("CRC32C",), True),
        (TRUE, ("CRC32C",), True),
        (PREFER, BOTH, True),
    ],
)
def test_agreement(
    bench: Bench, name: str, ev: int, supported: tuple[str, ...], passes: bool
) -> None:
    bench.ev(**{name: ev})
    setattr(bench.script, name, supported)
    result = bench.open()
    assert result.cf is not passes
    if not passes:
        assert result.ax == ERRORS["LOGIN_DIGEST"] and len(bench.link.dialled) == 1


@pytest.mark.parametrize("act, connections", [(Act.DATA_DIGEST, 1), (Act.HEADER_DIGEST, 2)])
@pytest.mark.parametrize("times", [1, 3])
def test_damage_costs_a_retry(bench: Bench, act: Act, connections: int, times: int) -> None:
    bench.ev(header_digest=TRUE, data_digest=TRUE)
    bench.opened()
    bench.script.faults.append(Fault(act, opcode=READ_10, times=times))
    result, data = bench.read(2, 60)
    assert not result.cf and data == pattern(2, 60)
    assert len(bench.link.dialled) == (1 if connections == 1 else 1 + times)


@pytest.mark.parametrize("act", [Act.DATA_DIGEST, Act.HEADER_DIGEST])
def test_endless_damage_is_an_error(bench: Bench, act: Act) -> None:
    bench.ev(header_digest=TRUE, data_digest=TRUE, io_timeout=3)
    bench.opened()
    bench.link.tick_ms = 10
    bench.script.faults.append(Fault(act, opcode=READ_10, times=0))
    result, _ = bench.read(2, 60)
    assert result.cf and result.ax == ERRORS["ISCSI_" + act.name]
    assert bench.machine.get("disk_done", 4) == 0


@pytest.mark.parametrize("sse", [0, 1])
def test_with_and_without_the_instruction(bench: Bench, sse: int) -> None:
    bench.ev(header_digest=TRUE, data_digest=TRUE)
    bench.machine.replace("crc32c_detect", lambda m: m.set("crc32c_sse", sse, 1))
    bench.opened()
    result, data = bench.read(0, 5)
    assert not result.cf and data == pattern(0, 5)
