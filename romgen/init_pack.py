"""Packs what the ROM needs only until the boot vector has returned: the UNDI, init code, its texts.

The ROM file holds it packed; `unpack` in asm/lib/unpack.asm makes it plain again in memory. The
format is ours: LZ77 tokens, whose bits are coded by adaptive binary models and rANS (J. Duda,
"Asymmetric numeral systems", arXiv 1311.2540), after near calls were made absolute.

- Token: bit MATCH. 0: a literal, eight bits from the top in a tree of contexts, of which there are
  four, for the upper two bits of the byte before. 1: bit AGAIN (the distance of the match before),
  else the distance as a number; then the length - 1 as a number.
- Number: for each binary digit behind the leading 1 a bit 1 and the digit; then a bit 0. Each bit
  has a context of its own.
- A model is a byte, the probability of a 1 in 1/256, which starts at 1/2.
- rANS: state below 2^20, renormalised by bytes to at least 2^12; the reader starts with state 0.
- Calls: the word behind a byte E8h is its target in the plain bytes, not the distance to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, log2

_Bits = list[tuple[int, int]]
"""Context and bit; in `pack` also share and start of an interval."""
_Found = list[tuple[int, int]]
CONTEXTS = 1152
"""Models: four trees of literals, then MATCH, AGAIN, and a row each for distance and length."""
MATCH, AGAIN, DISTANCE, LENGTH = 0x400, 0x401, 0x402, 0x440
TREE = 256
BEFORE_SHIFT = 6
"""From the byte before to the number of the tree."""
HALF = 128
WORK = 1168
"""Bytes of scratch memory of `unpack`: the models, and what else it keeps."""
RATE = 4
ROUND = 8
LOW = 1 << 12
"""The least state of the coder."""
NEAR_CALL = 0xE8
FAR_FOR_TWO, FAR_FOR_THREE = 64, 2048
"""From these distances on a match of two or three bytes costs more than literals."""
UNKNOWN_PRICE = 6.0
"""Bits that a bit costs which no token had so far."""
ROUNDS = 3
"""Of the search for what costs least, each at the prices of the one before."""
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


def _tree(data: bytes | bytearray, at: int) -> int:
    """The tree of the literal at a place."""
    return data[at - 1] >> BEFORE_SHIFT if at else 0


def _literal(tree: int, byte: int) -> _Bits:
    """The bits of a literal."""
    base = tree * TREE
    return [
        (MATCH, 0),
        *((base + ((256 | byte) >> (shift + 1)), byte >> shift & 1) for shift in range(7, -1, -1)),
    ]


def _bits(data: bytes, cuts: Sequence[int]) -> _Bits:
    """The tokens of `data` as (context, bit); no match reaches across a cut."""
    literals: dict[tuple[int, int], _Bits] = {}
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
                key = _tree(data, at), data[at]
                if key not in literals:
                    literals[key] = _literal(*key)
                bits += literals[key]
                at += 1
                continue
            bits += _number(LENGTH, length - 1)
            at += length
    return bits


class _Prices:
    """What bits cost on the average, in the bits of a parse that was made before."""

    def __init__(self, bits: _Bits) -> None:
        models = [HALF] * CONTEXTS
        spent: dict[tuple[int, int], list[float]] = {}
        for context, bit in bits:
            one = models[context]
            entry = spent.setdefault((context, bit), [0.0, 0])
            entry[0] -= log2((one if bit else 256 - one) / 256)
            entry[1] += 1
            models[context] = _ADAPTED[bit][one]
        self._of = {bit: total / count for bit, (total, count) in spent.items()}
        self.again = self.of([(MATCH, 1), (AGAIN, 1)])
        self.literals = [
            [self.of(_literal(tree, byte)) for byte in range(TREE)] for tree in range(MATCH // TREE)
        ]
        self.lengths = _Numbers(self, LENGTH)
        """The price of a match's length less 1."""
        self.distances = _Numbers(self, DISTANCE, self.of([(MATCH, 1), (AGAIN, 0)]))
        """The price of a new distance, with that of saying so."""

    def of(self, bits: _Bits) -> float:
        """The price of some bits."""
        return sum(self._of.get(bit, UNKNOWN_PRICE) for bit in bits)


class _Numbers(dict[int, float]):
    """The prices of numbers, each found when it is asked for."""

    def __init__(self, prices: _Prices, context: int, more: float = 0.0) -> None:
        super().__init__()
        self._prices, self._context, self._more = prices, context, more

    def __missing__(self, value: int) -> float:
        self[value] = self._more + self._prices.of(_number(self._context, value))
        return self[value]


def _cheapest(data: bytes, cuts: Sequence[int], prices: _Prices) -> _Bits:
    """The tokens of `data` that cost the least, as far as prices stay what they are.

    No match reaches across a cut.
    """
    end = len(data)
    literals, lengths, distances = prices.literals, prices.lengths, prices.distances
    cost = [0.0] + [inf] * end
    token = [(0, 0)] * (end + 1)
    """Of the best way to a place: the last token's length (0: a literal) and distance."""
    last = [0] * (end + 1)
    places: dict[bytes, list[int]] = {}
    ends = iter(sorted({*cuts, end}))
    until = 0
    for at in range(end):
        if at == until:
            until = next(ends)
        here = cost[at]
        price = here + literals[_tree(data, at)][data[at]]
        if price < cost[at + 1]:
            cost[at + 1], token[at + 1], last[at + 1] = price, (0, 0), last[at]
        before = places.setdefault(data[at : at + 2], [])
        nearest: dict[int, int] = {}
        for place in reversed(before[-CHAIN_MAX:]):
            longer = len(nearest) + 2  # only a longer match is worth a greater distance
            if data[place : place + longer] == data[at : at + longer]:
                for length in range(longer, min(_run(data, place, at, longer), until - at) + 1):
                    nearest[length] = at - place
        before.append(at)
        again = last[at]
        run = min(_run(data, at - again, at, 0), until - at) if again else 0
        for length in range(2, max(run, len(nearest) + 1) + 1):
            price, far = (prices.again, again) if length <= run else (inf, 0)
            if length in nearest and distances[nearest[length]] < price:
                far = nearest[length]
                price = distances[far]
            price += here + lengths[length - 1]
            if price < cost[at + length]:
                cost[at + length], token[at + length], last[at + length] = price, (length, far), far
    bits: list[_Bits] = []
    at = end
    while at:
        length, far = token[at]
        at -= length or 1
        if not length:
            bits.append(_literal(_tree(data, at), data[at]))
        elif far == last[at]:
            bits.append([(MATCH, 1), (AGAIN, 1), *_number(LENGTH, length - 1)])
        else:
            number = _number(DISTANCE, far)
            bits.append([(MATCH, 1), (AGAIN, 0), *number, *_number(LENGTH, length - 1)])
    return [bit for token_bits in reversed(bits) for bit in token_bits]


def _run(data: bytes, place: int, at: int, run: int) -> int:
    """How many bytes at `place` and `at` are the same, up to the end; `run` of them are known."""
    while at + run < len(data) and data[place + run] == data[at + run]:
        run += 1
    return run


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
    return _coded(_bits(absolute_calls(data, cuts), cuts))


def pack_small(data: bytes, cuts: Sequence[int] = ()) -> bytes:
    """As `pack`, one in a hundred smaller and some times as slow."""
    plain = absolute_calls(data, cuts)
    bits = _bits(plain, cuts)
    for _ in range(ROUNDS):
        bits = _cheapest(plain, cuts, _Prices(bits))
    return _coded(bits)


def _coded(bits: _Bits) -> bytes:
    """The bits as bytes."""
    models = [HALF] * CONTEXTS
    shares: _Bits = []
    after_zero, after_one = _ADAPTED
    for context, bit in bits:
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
            node, base = 1, _tree(out, len(out)) * TREE
            while node < 256:
                node = 2 * node + reader.bit(base + node)
            out.append(node & 0xFF)
            continue
        if not reader.bit(AGAIN):
            distance = reader.number(DISTANCE)
        if not 0 < distance <= len(out):
            raise ValueError(f"a match from {distance} bytes back at {len(out):#x}")
        for _ in range(reader.number(LENGTH) + 1):
            out.append(out[-distance])
    return relative_calls(bytes(out[:size]))
