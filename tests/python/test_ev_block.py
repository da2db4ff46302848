"""The stored form of the boot variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from romgen.errors import RomgenError
from romgen.ev.block import find, pack, unpack
from romgen.ev.parse import TEXT_MAX
from romgen.formats.option_rom import ev_block


@given(st.binary(max_size=300), st.integers(0, 400))
def test_there_and_back(text: bytes, capacity: int) -> None:
    block = pack(text, capacity)
    assert len(block) == ev_block.sizeof() + max(capacity, len(text))
    assert unpack(block + b"more") == text


def test_longest() -> None:
    assert unpack(pack(b"x" * TEXT_MAX, 0)) == b"x" * TEXT_MAX
    with pytest.raises(RomgenError, match="4097 bytes"):
        pack(b"x" * (TEXT_MAX + 1), 0)


@pytest.mark.parametrize("offset", [*range(10), *range(12, 29)])
def test_each_changed_byte_is_noticed(offset: int) -> None:
    block = bytearray(pack(b"LUN=1\nLUN2=2\n", 13))  # bytes 10 and 11, the room, say nothing
    block[offset] ^= 0x10
    with pytest.raises(RomgenError) as caught:
        unpack(bytes(block), "rom+0x10")
    assert "Invalid Configuration Data" in str(caught.value)
    assert caught.value.where == "rom+0x10"


@pytest.mark.parametrize("size", [0, 3, 15, 20])
def test_cut_short(size: int) -> None:
    with pytest.raises(RomgenError, match="Invalid Configuration Data"):
        unpack(pack(b"LUN=1\n", 0)[:size])


def test_found_in_an_image() -> None:
    assert find(bytes(48) + pack(b"x", 1)) == 48
    assert find(bytes(40) + b"RGEV" + bytes(40)) is None
