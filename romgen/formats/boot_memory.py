"""BIOS data area, interrupt vectors, memory map, QEMU's fw_cfg directory.

Sources: IBM PC/AT technical reference (BIOS data area), QEMU docs/specs/fw_cfg.
"""

from __future__ import annotations

from construct import Bytes, Int16ub, Int32ub, Int32ul, Int64ul, Struct

fw_cfg_file = Struct(
    "size" / Int32ub,
    "select" / Int16ub,
    "reserved" / Int16ub,
    "name" / Bytes(56),
)

e820 = Struct(  # entry of the memory map of INT 15h AX=E820h (ACPI 6, 15.1)
    "base" / Int64ul,
    "length" / Int64ul,
    "type" / Int32ul,  # 1 = RAM, 2 = reserved
)

STRUCTS = {"fw_cfg_file": fw_cfg_file, "e820": e820}
CONSTANTS = {
    "BDA_SEGMENT": 0x40,
    "BDA_EBDA": 0x0E,
    "BDA_EQUIPMENT": 0x10,
    "BDA_BASE_MEMORY": 0x13,
    "BDA_VIDEO_MODE": 0x49,
    "BDA_TICKS": 0x6C,
    "BDA_DISK_STATUS": 0x74,
    "BDA_DISK_COUNT": 0x75,
    "VECTOR_INT08": 0x08 * 4,
    "VECTOR_INT10": 0x10 * 4,
    "VECTOR_INT13": 0x13 * 4,
    "VECTOR_INT15": 0x15 * 4,
    "VECTOR_INT19": 0x19 * 4,
    "VECTOR_INT1A": 0x1A * 4,
    "VECTOR_INT41": 0x41 * 4,
    "VECTOR_INT46": 0x46 * 4,
    "FW_CFG_SELECTOR": 0x510,
    "FW_CFG_DATA": 0x511,
    "FW_CFG_SIGNATURE": 0x0000,
    "FW_CFG_FILE_DIR": 0x0019,
}

__all__ = ["CONSTANTS", "STRUCTS", *STRUCTS]
