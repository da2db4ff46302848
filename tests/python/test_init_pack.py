"""What the packer makes comes back, whole and up to each cut; damaged bytes are told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from romgen.init_pack import absolute_calls, pack, pack_small, relative_calls, unpack

PIECES = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=40),
        st.sampled_from([b"\x66\xb8\x01\x02\x03\x04", b"call it", bytes(100), b"\xe8\x10\0\x90"]),
    ),
    max_size=12,
).map(b"".join)
"""Bytes in which something comes again, with calls among them."""


both_ways = pytest.mark.parametrize("way", [pack, pack_small])


@both_ways
@given(data=PIECES)
@settings(max_examples=60, deadline=None)
def test_round_trip(way: Callable[..., bytes], data: bytes) -> None:
    plain = data + bytes(2)
    assert unpack(way(plain), len(plain)) == plain


@both_ways
@given(first=PIECES, second=PIECES)
@settings(max_examples=60, deadline=None)
def test_the_first_part_alone(way: Callable[..., bytes], first: bytes, second: bytes) -> None:
    one = first + bytes(2)
    both = one + second + bytes(2)
    packed = way(both, (len(one),))
    assert unpack(packed, len(one)) == one
    assert unpack(packed, len(both)) == both


@given(data=st.binary(max_size=200))
def test_calls_come_back(data: bytes) -> None:
    plain = data + bytes(2)
    assert relative_calls(absolute_calls(plain, ())) == plain


def test_calls_to_one_place_are_alike() -> None:
    plain = b"\xe8\x10\0\x90\xe8\x0c\0\0\0"
    found = absolute_calls(plain, ())
    assert found[0:3] == found[4:7] == b"\xe8\x10\0"


@pytest.mark.parametrize("at", [4, 5, 8, 9])
def test_a_call_across_a_cut_is_refused(at: int) -> None:
    plain = bytearray(10)
    plain[at] = 0xE8
    with pytest.raises(ValueError, match=f"E8h at {at:#x}"):
        pack(bytes(plain), (6,))


def test_text_gets_smaller() -> None:
    text = b"the target does not answer; the target is not there; " * 4
    assert len(pack_small(text)) <= len(pack(text)) < len(text) // 3


def test_packed_bytes_that_end_early() -> None:
    packed = pack(bytes(range(100)))
    with pytest.raises(ValueError, match="end too early"):
        unpack(packed[:50], 100)


def test_a_match_before_the_beginning() -> None:
    with pytest.raises(ValueError, match="a match from"):
        unpack(b"\x10" + bytes(200), 100)
