"""`asm/lib/checksum.asm` against RFC 1071 written down in Python."""

from __future__ import annotations

import pytest
from bench.machine import Machine
from hypothesis import given, settings
from hypothesis import strategies as st


def internet_checksum(content: bytes) -> int:
    """The one's complement of the one's complement sum of little-endian words."""
    padded = content + bytes(len(content) % 2)
    total = sum(int.from_bytes(padded[i : i + 2], "little") for i in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def add(machine: Machine, content: bytes, start: int = 0, shift: int = 0) -> int:
    """The running sum of `content` at an offset that is `shift` off a paragraph."""
    segment, offset = machine.far(machine.buffer(len(content), content))
    return int(
        machine.call(
            "checksum_add", eax=start, es=segment - shift, si=offset + 16 * shift, cx=len(content)
        ).eax
    )


def test_any_bytes(machine: Machine) -> None:
    end = machine.buffer(4096) + 4096

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(content=st.binary(max_size=200))
    def check(content: bytes) -> None:
        segment, offset = machine.far(end - len(content))
        machine.write(end - len(content), content)
        total = machine.call("checksum_add", eax=0, es=segment, si=offset, cx=len(content)).eax
        assert machine.call("checksum_fold", eax=total).ax == internet_checksum(content)

    check()


@pytest.mark.parametrize("size", [0, 1, 2, 3, 15, 16, 17, 31, 32, 1460, 1461])
def test_all_ones_carry_round(machine: Machine, size: int) -> None:
    content = b"\xff" * size
    folded = machine.call("checksum_fold", eax=add(machine, content, shift=7))
    assert folded.ax in ({0xFFFF} if not size else {internet_checksum(content)})


def test_pieces_make_one_sum(machine: Machine) -> None:
    content = bytes(range(7, 7 + 90))
    total = 0
    for piece in (content[:2], content[2:40], content[40:]):
        total = add(machine, piece, total)
    assert machine.call("checksum_fold", eax=total).ax == internet_checksum(content)


def test_a_block_with_its_checksum_folds_to_nothing(machine: Machine) -> None:
    content = bytes(range(100, 120))
    whole = content + internet_checksum(content).to_bytes(2, "little")
    assert machine.call("checksum_fold", eax=add(machine, whole)).ax == 0
