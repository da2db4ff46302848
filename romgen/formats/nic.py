"""Descriptors of the adapters' rings.  Registers stand in ``undi/nic/<nic>.inc``.

Source: Intel 8254x software developer's manual (legacy descriptors).  Little endian.
"""

from __future__ import annotations

from construct import Int8ul, Int16ul, Int64ul, Struct

e1000_rx = Struct(
    "address" / Int64ul,
    "length" / Int16ul,
    "checksum" / Int16ul,
    "status" / Int8ul,
    "errors" / Int8ul,
    "special" / Int16ul,
)
e1000_tx = Struct(
    "address" / Int64ul,
    "length" / Int16ul,
    "cso" / Int8ul,
    "command" / Int8ul,
    "status" / Int8ul,
    "css" / Int8ul,
    "special" / Int16ul,
)

STRUCTS = {"e1000_rx": e1000_rx, "e1000_tx": e1000_tx}
CONSTANTS: dict[str, int] = {}

__all__ = ["CONSTANTS", "STRUCTS", *STRUCTS]
