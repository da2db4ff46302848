"""What the ROM prints for its error numbers, as `error_print` in asm/lib/error.asm takes it.

A row for each number, in their order: the kind of `error_detail` with, above it, how much greater
than the number before this one is; where that does not fit, 0 there and the number as a word. Then
what failed and what to check, each ended by 0. The number 0 ends the rows. The ROM has them packed
(`romgen.init_pack`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from romgen.catalog import DETAIL_KINDS, ErrorEntry
from romgen.init_pack import pack_small

KIND_BITS = 3
"""Of a row's first byte: the kind; the others are the step."""
STEP_MAX = 31
END = bytes(3)


class ErrorRows:
    """The rows of some errors, sorted by number; made once somebody asks for them."""

    def __init__(self, errors: Sequence[ErrorEntry]) -> None:
        self._errors = errors

    @cached_property
    def plain(self) -> bytes:
        """The rows. A text that is not ASCII raises UnicodeEncodeError."""
        out = bytearray()
        before = 0
        for error in self._errors:
            step = error.number - before
            if 0 < step <= STEP_MAX:
                out.append(error.kind | step << KIND_BITS)
            else:
                out += bytes([error.kind]) + error.number.to_bytes(2, "little")
            for text in (error.text, error.check):
                out += text.encode("ascii") + b"\0"
            before = error.number
        return bytes(out) + END

    @cached_property
    def packed(self) -> bytes:
        """The rows as they stand in the ROM."""
        return pack_small(self.plain)

    @property
    def size(self) -> int:
        """Bytes of the plain rows."""
        return len(self.plain)


if len(DETAIL_KINDS) > 1 << KIND_BITS:
    raise AssertionError("more kinds of details than a row can tell")
