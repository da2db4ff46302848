"""Packs what the ROM needs only until the boot vector has returned: the UNDI, init code, its texts.

The ROM file holds it packed; `unpack` in asm/lib/unpack.asm makes it plain again in memory. The
format is ours: LZ77 tokens, whose bits are coded by adaptive binary models and rANS (J. Duda,
"Asymmetric numeral systems", arXiv 1311.2540), after near calls were made absolute.

- Token: bit MATCH. 0: a literal, eight bits from the top in a tree of contexts. 1: bit AGAIN (the
  distance of the match before), else the distance as a number; then the length - 1 as a number.
- Number: for each binary digit behind the leading 1 a bit 1 and the digit; then a bit 0. Each bit
  has a context of its own.
- A model is a byte, the probability of a 1 in 1/256, which starts at 1/2.
- rANS: state below 2^20, renormalised by bytes to at least 2^12; the reader starts with state 0.
- Calls: the word behind a byte E8h is its target in the plain bytes, not the distance to it.
"""

from __future__ import annotations

from collections.abc import Sequence

_Bits = list[tuple[int, int]]
"""Context and bit; in `pack` also share and start of an interval."""
_Found = list[tuple[int, int]]
CONTEXTS = 384
"""Models: 256 of literals, then MATCH, AGAIN, and a row each for distance and length."""
MATCH, AGAIN, DISTANCE, LENGTH = 0x100, 0x101, 0x102, 0x140
HALF = 128
RATE = 4
ROUND = 8
LOW = 1 << 12
"""The least state of the coder."""
NEAR_CALL = 0xE8
FAR_FOR_TWO, FAR_FOR_THREE = 64, 2048
"""From these distances on a match of two or three bytes costs more than literals."""
CHAIN_MAX = 32
"""Earlier places that are looked at for a match; bounds the time."""


def absolute_calls(data: bytes, cuts: Sequence[int]) -> bytes:
    """Near calls with their targets instead of distances; none reaches across a cut.

    A byte E8h in the last two bytes before a cut raises ValueError: the reader of the first part
    could not know what follows.
    """
    out = bytearray(data)
    at = 0
    while at < len(data):
        if data[at] != NEAR_CALL:
            at += 1
            continue
        if any(at < cut < at + 3 for cut in (*cuts, len(data))):
            raise ValueError(f"a byte E8h at {at:#x}, right before the end of a part")
        target = int.from_bytes(data[at + 1 : at + 3], "little") + at
        out[at + 1 : at + 3] = (target & 0xFFFF).to_bytes(2, "little")
        at += 3
    return bytes(out)


def relative_calls(data: bytes) -> bytes:
    """What `absolute_calls` did, undone."""
    out = bytearray(data)
    at = 0
    while at < len(out) - 2:
        if out[at] != NEAR_CALL:
            at += 1
            continue
        distance = int.from_bytes(out[at + 1 : at + 3], "little") - at
        out[at + 1 : at + 3] = (distance & 0xFFFF).to_bytes(2, "little")
        at += 3
    return bytes(out)


def _matches(data: bytes, end: int, start: int, places: dict[bytes, list[int]]) -> _Found:
    """For each place from `start` to `end` the longest match: length and distance, 0 for none."""
    found: _Found = []
    for at in range(start, end):
        key = data[at : at + 2]
        before = places.get(key)
        if before is None:
            places[key] = [at]
            found.append((0, 0))
            continue
        best = distance = 0
        room = end - at
        for place in before[: -CHAIN_MAX - 1 : -1]:
            # A longer match must have what the best one has, and the byte behind it.
            if data[place : place + best + 1] != data[at : at + best + 1]:
                continue
            run = max(best, 2)
            while run < room and data[place + run] == data[at + run]:
                run += 1
            if best < run <= room:
                best, distance = run, at - place
                if run == room:
                    break
        if (best == 2 and distance > FAR_FOR_TWO) or (best == 3 and distance > FAR_FOR_THREE):
            best = distance = 0
        before.append(at)
        found.append((best, distance))
    return found


def _number(context: int, value: int) -> _Bits:
    """The bits of a number."""
    bits: _Bits = []
    for shift in range(value.bit_length() - 2, -1, -1):
        bits += [(context, 1), (context + 1, value >> shift & 1)]
        context += 2
    return [*bits, (context, 0)]


def _literal(byte: int) -> _Bits:
    """The bits of a literal."""
    return [
        (MATCH, 0),
        *(((256 | byte) >> (shift + 1), byte >> shift & 1) for shift in range(7, -1, -1)),
    ]


def _bits(data: bytes, cuts: Sequence[int]) -> _Bits:
    """The tokens of `data` as (context, bit); no match reaches across a cut."""
    literals: dict[int, _Bits] = {}
    bits: _Bits = []
    places: dict[bytes, list[int]] = {}
    at = distance = 0
    for end in sorted({*cuts, len(data)}):
        start = at
        found = [*_matches(data, end, start, places), (0, 0)]
        while at < end:
            length, far = found[at - start]
            if found[at - start + 1][0] > length:
                length = 0  # the next place has a longer one
            again = 0
            if distance:
                while at + again < end and data[at + again] == data[at + again - distance]:
                    again += 1
            if again >= 2 and again >= length - 1:
                length = again
                bits += [(MATCH, 1), (AGAIN, 1)]
            elif length:
                distance = far
                bits += [(MATCH, 1), (AGAIN, 0), *_number(DISTANCE, distance)]
            else:
                byte = data[at]
                if byte not in literals:
                    literals[byte] = _literal(byte)
                bits += literals[byte]
                at += 1
                continue
            bits += _number(LENGTH, length - 1)
            at += length
    return bits


def _adapted(one: int, bit: int) -> int:
    """The model `one` after `bit`: the other bit's share falls."""
    other = 256 - one if bit else one
    other -= (other + ROUND) >> RATE
    return 256 - other if bit else other


_ADAPTED = tuple(tuple(_adapted(one, bit) for one in range(256)) for bit in (0, 1))


def pack(data: bytes, cuts: Sequence[int] = ()) -> bytes:
    """`data` packed, so that it can be unpacked up to each of `cuts` and to its end.

    Raises ValueError where a near call would reach across a cut.
    """
    models = [HALF] * CONTEXTS
    shares: _Bits = []
    after_zero, after_one = _ADAPTED
    for context, bit in _bits(absolute_calls(data, cuts), cuts):
        one = models[context]
        if bit:
            shares.append((one, 0))
            models[context] = after_one[one]
        else:
            shares.append((256 - one, one))
            models[context] = after_zero[one]
    out = bytearray()
    state = LOW
    for share, start in reversed(shares):
        while state >= share << 12:
            out.append(state & 0xFF)
            state >>= 8
        state = (state // share << 8) + state % share + start
    while state:
        out.append(state & 0xFF)
        state >>= 8
    out.reverse()
    return bytes(out)


class _Reader:
    """The bits of packed bytes."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self._at = self._state = 0
        self._models = [HALF] * CONTEXTS

    def bit(self, context: int) -> int:
        while self._state < LOW:
            if self._at == len(self._packed):
                raise ValueError("the packed bytes end too early")
            self._state = self._state << 8 | self._packed[self._at]
            self._at += 1
        one = self._models[context]
        low, high = self._state & 0xFF, self._state >> 8
        bit = int(low < one)
        self._state = one * high + low if bit else (256 - one) * high + low - one
        self._models[context] = _ADAPTED[bit][one]
        return bit

    def number(self, context: int) -> int:
        value = 1
        while self.bit(context):
            value = 2 * value + self.bit(context + 1)
            context += 2
        return value


def unpack(packed: bytes, size: int) -> bytes:
    """The first `size` plain bytes; raises ValueError where the packed ones cannot be right."""
    reader = _Reader(packed)
    out = bytearray()
    distance = 0
    while len(out) < size:
        if not reader.bit(MATCH):
            node = 1
            while node < 256:
                node = 2 * node + reader.bit(node)
            out.append(node & 0xFF)
            continue
        if not reader.bit(AGAIN):
            distance = reader.number(DISTANCE)
        if not 0 < distance <= len(out):
            raise ValueError(f"a match from {distance} bytes back at {len(out):#x}")
        for _ in range(reader.number(LENGTH) + 1):
            out.append(out[-distance])
    return relative_calls(bytes(out[:size]))
