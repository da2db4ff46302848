"""Unpacks what an EFI image of compression type 1 holds.

Format: UEFI Specification, chapter "Compression Algorithm Specification" (LZ77 and Huffman codes,
bits from the top of each byte): compressed and original size, then blocks, each with three code
tables. A table is a list of code lengths; codes of one length are counted up in the order of their
symbols. Any bytes end in plain ones or in a `DamagedError`; the work is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

HEADER = 8
"""Compressed and original size, four bytes each."""
ORIGINAL_MAX = 2 << 20
"""More than this is no driver; it also bounds the time."""
BLOCKS_MAX = 4096
CODE_MAX = 16
"""Bits of the longest code."""
LITERALS = 256
MATCH_MIN = 3
# Number of symbols, and bits of that number, of the three tables: of code lengths, of literals and
# match lengths, of positions.
LENGTHS, LENGTH_BITS = 19, 5
SYMBOLS, SYMBOL_BITS = 510, 9
POSITIONS, POSITION_BITS = 14, 4
RUN_AT = 3
"""In the table of code lengths a run of zeros may follow these."""


class DamagedError(Exception):
    """What is wrong with the packed bytes; offset: from their start."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


@dataclass(slots=True)
class _Bits:
    """The packed bits. at: the next one."""

    data: bytes
    at: int

    def get(self, count: int) -> int:
        """The next `count` bits as a number. Error: there are no more."""
        end = self.at + count
        if end > 8 * len(self.data):
            raise DamagedError(len(self.data), "the packed bytes end too early")
        first, last = self.at // 8, -(-end // 8)
        self.at = end
        value = int.from_bytes(self.data[first:last], "big") >> (8 * last - end)
        return value & ((1 << count) - 1)

    def peek(self) -> int:
        """The next CODE_MAX bits without taking them; zeros where there are no more."""
        first = self.at // 8
        window = self.data[first : first + 3].ljust(3, b"\0")
        return int.from_bytes(window, "big") >> (8 - self.at % 8) & (1 << CODE_MAX) - 1

    @property
    def offset(self) -> int:
        """Of the byte that the next bit is in."""
        return self.at // 8


@dataclass(slots=True)
class _Codes:
    """A table: its one symbol, which takes no bits, or symbols by code with a 1 before it."""

    only: int | None = None
    symbols: dict[int, int] = field(default_factory=dict)
    lengths: tuple[int, ...] = ()

    def next(self, bits: _Bits) -> int:
        """The next symbol (some code always fits: the codes are complete). Error: no more bits."""
        if self.only is not None:
            return self.only
        ahead, symbols = bits.peek(), self.symbols
        for length in self.lengths:
            symbol = symbols.get((1 << CODE_MAX | ahead) >> (CODE_MAX - length))
            if symbol is not None:
                bits.at += length
                if bits.at > 8 * len(bits.data):
                    break
                return symbol
        raise DamagedError(bits.offset, "the packed bytes end too early")


def _codes(lengths: Sequence[int], bits: _Bits) -> _Codes:
    """The table of these code lengths. Error: they are not those of a complete code."""
    if sum(1 << (CODE_MAX - length) for length in lengths if length) != 1 << CODE_MAX:
        raise DamagedError(bits.offset, "code lengths that do not fit together")
    found: dict[int, int] = {}
    code = 0
    for length in range(1, CODE_MAX + 1):
        for symbol, its in enumerate(lengths):
            if its == length:
                found[1 << length | code] = symbol
                code += 1
        code <<= 1
    return _Codes(None, found, tuple(sorted({length for length in lengths if length})))


def _plain_table(bits: _Bits, symbols: int, width: int, run_at: int = -1) -> _Codes:
    """A table whose code lengths stand as they are: 3 bits, and from 7 on a 1 for each more."""
    count = bits.get(width)
    if not count:
        only = bits.get(width)
        if only >= symbols:
            raise DamagedError(bits.offset, f"a symbol {only} of {symbols}")
        return _Codes(only)
    lengths: list[int] = []
    while len(lengths) < count:
        length = bits.get(3)
        while length >= 7 and bits.get(1):
            length += 1
        if length > CODE_MAX:
            raise DamagedError(bits.offset, f"a code of {length} bits")
        lengths.append(length)
        if len(lengths) == run_at:
            lengths += [0] * bits.get(2)
    if len(lengths) > symbols:
        raise DamagedError(bits.offset, f"{len(lengths)} code lengths for {symbols} symbols")
    return _codes(lengths, bits)


def _symbol_table(bits: _Bits, of_lengths: _Codes) -> _Codes:
    """The table of literals and match lengths, whose code lengths are coded themselves."""
    count = bits.get(SYMBOL_BITS)
    if not count:
        only = bits.get(SYMBOL_BITS)
        if only >= SYMBOLS:
            raise DamagedError(bits.offset, f"a symbol {only} of {SYMBOLS}")
        return _Codes(only)
    lengths: list[int] = []
    while len(lengths) < count:
        symbol = of_lengths.next(bits)
        if symbol == 0:
            lengths.append(0)
        elif symbol == 1:
            lengths += [0] * (bits.get(4) + 3)
        elif symbol == 2:
            lengths += [0] * (bits.get(9) + 20)
        else:
            lengths.append(symbol - 2)
    if len(lengths) > SYMBOLS:
        raise DamagedError(bits.offset, f"{len(lengths)} code lengths for {SYMBOLS} symbols")
    return _codes(lengths, bits)


def _block(bits: _Bits, out: bytearray, size: int) -> None:
    """Unpack a block behind `out`, up to `size` bytes in all."""
    left = bits.get(16)
    if not left:
        raise DamagedError(bits.offset, "an empty block")
    of_lengths = _plain_table(bits, LENGTHS, LENGTH_BITS, RUN_AT)
    symbols = _symbol_table(bits, of_lengths)
    positions = _plain_table(bits, POSITIONS, POSITION_BITS)
    while left and len(out) < size:
        left -= 1
        symbol = symbols.next(bits)
        if symbol < LITERALS:
            out.append(symbol)
            continue
        length = min(symbol - LITERALS + MATCH_MIN, size - len(out))
        back = positions.next(bits)
        if back > 1:
            back = (1 << (back - 1)) + bits.get(back - 1)
        back += 1
        if back > len(out):
            raise DamagedError(bits.offset, f"a match {back} bytes back, {len(out)} are there")
        piece = bytes(out[-back:][:length])
        out += (piece * (length // len(piece) + 1))[:length]


def packed_size(data: bytes) -> int:
    """The bytes that the packed form takes, by its header. Error: they are not there."""
    if len(data) < HEADER:
        raise DamagedError(0, "there are no sizes")
    size = HEADER + int.from_bytes(data[:4], "little")
    if size > len(data):
        raise DamagedError(0, f"{size - HEADER} packed bytes, {len(data) - HEADER} are there")
    return size


@lru_cache(maxsize=4)
def decompress(data: bytes) -> bytes:
    """The plain bytes; what stands behind the packed ones in `data` is not looked at.

    Error: `DamagedError`.
    """
    end = packed_size(data)
    size = int.from_bytes(data[4:8], "little")
    if size > ORIGINAL_MAX:
        raise DamagedError(4, f"{size} plain bytes, more than {ORIGINAL_MAX}")
    bits = _Bits(data[:end], 8 * HEADER)
    out = bytearray()
    for _ in range(BLOCKS_MAX):
        if len(out) == size:
            return bytes(out)
        _block(bits, out, size)
    raise DamagedError(bits.offset, f"more than {BLOCKS_MAX} blocks")
