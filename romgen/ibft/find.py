"""Where tables are in a machine's memory (iBFT 1.03, 2): paragraphs from 512 KiB to 1 MiB."""

from __future__ import annotations

from romgen.formats.ibft import CONSTANTS

SIGNATURES = (b"iBFT", b"BIFT")
"""The standard one, and what Broadcom's firmware writes; Linux takes both."""


def find(memory: bytes, base: int = 0) -> list[int]:
    """Addresses of everything that begins like a table, in the order in which systems meet them.

    memory: its first byte stands at the address `base`
    """
    first = max(CONSTANTS["IBFT_FIRST"], base + -base % CONSTANTS["IBFT_ALIGN"])
    last = min(CONSTANTS["IBFT_LAST"], base + len(memory) - 4)
    return [
        address
        for address in range(first, last + 1, CONSTANTS["IBFT_ALIGN"])
        if memory[address - base : address - base + 4] in SIGNATURES
        and not CONSTANTS["IBFT_HOLE"] <= address < CONSTANTS["IBFT_HOLE_END"]
    ]
