"""The one home of every structure's layout.

Each module describes the structures of one specification with construct.  ``NASM_STRUCTS`` names
those that the assembly uses: ``romgen.generate`` writes their offsets into ``formats.inc``, so that
Python and assembly cannot disagree.  ``NASM_CONSTANTS`` does the same for numbers.

Offsets and sizes are in bytes.  A name ``tcp`` with a field ``src_port`` is ``tcp.src_port`` and
``tcp_size`` in assembly.
"""

from __future__ import annotations

from construct import Struct

from romgen.formats import (
    boot_memory,
    boot_net,
    disk,
    ibft,
    iscsi,
    net,
    nic,
    option_rom,
    pxe,
    pxe_base,
)

_MODULES = (
    option_rom,
    pxe,
    pxe_base,
    net,
    boot_net,
    iscsi,
    disk,
    nic,
    boot_memory,
    ibft,
)

NASM_STRUCTS: dict[str, Struct] = {
    name: struct for module in _MODULES for name, struct in module.STRUCTS.items()
}
NASM_CONSTANTS: dict[str, int] = {
    name: value for module in _MODULES for name, value in module.CONSTANTS.items()
}

__all__ = ["NASM_CONSTANTS", "NASM_STRUCTS"]
