"""INT 13h: packets and results of the Enhanced Disk Drive functions, fixed disk parameter table.

Sources: Phoenix EDD 3.0, ANSI T13 1572D (EDD-4), IBM PC/AT BIOS interface.  Little endian.
"""

from __future__ import annotations

from construct import Bytes, Int8ul, Int16ul, Int32ul, Int64ul, Struct

dap = Struct(
    "size" / Int8ul,
    "reserved" / Int8ul,
    "count" / Int16ul,
    "offset" / Int16ul,
    "segment" / Int16ul,
    "lba" / Int64ul,
    "flat" / Int64ul,  # buffer where offset:segment is FFFF:FFFF, packet size >= 18h
    "long_count" / Int32ul,  # blocks where count is FFh, packet size >= 20h
    "reserved2" / Int32ul,
)
edd_params = Struct(
    "size" / Int16ul,
    "flags" / Int16ul,
    "cylinders" / Int32ul,
    "heads" / Int32ul,
    "sectors" / Int32ul,
    "total_sectors" / Int64ul,
    "sector_size" / Int16ul,
    "dpte" / Int32ul,
    "key" / Int16ul,  # BEDDh where path information follows
    "path_length" / Int8ul,
    "reserved" / Bytes(3),
    "host_bus" / Bytes(4),
    "interface" / Bytes(8),
    "interface_path" / Bytes(8),
    "device_path" / Bytes(8),  # Phoenix 3.0: 8 bytes (T13: 16)
    "reserved2" / Int8ul,
    "checksum" / Int8ul,
)
fdpt = Struct(
    "cylinders" / Int16ul,
    "heads" / Int8ul,
    "translated" / Int8ul,
    "physical_sectors" / Int8ul,
    "precompensation" / Int16ul,
    "reserved" / Int8ul,
    "control" / Int8ul,
    "physical_cylinders" / Int16ul,
    "physical_heads" / Int8ul,
    "landing_zone" / Int16ul,
    "sectors" / Int8ul,
    "checksum" / Int8ul,
)
mbr_entry = Struct(
    "boot" / Int8ul,
    "start_head" / Int8ul,
    "start_sector" / Int8ul,
    "start_cylinder" / Int8ul,
    "type" / Int8ul,
    "end_head" / Int8ul,
    "end_sector" / Int8ul,
    "end_cylinder" / Int8ul,
    "start_lba" / Int32ul,
    "blocks" / Int32ul,
)

STRUCTS = {"dap": dap, "edd_params": edd_params, "fdpt": fdpt, "mbr_entry": mbr_entry}
CONSTANTS = {
    "INT13_OK": 0x00,
    "INT13_BAD_COMMAND": 0x01,
    "INT13_WRITE_PROTECTED": 0x03,
    "INT13_SECTOR_NOT_FOUND": 0x04,
    "INT13_RESET_FAILED": 0x05,
    "INT13_DMA_BOUNDARY": 0x09,
    "INT13_UNCORRECTABLE": 0x10,
    "INT13_CONTROLLER_FAILURE": 0x20,
    "INT13_NO_MEDIA": 0x31,
    "INT13_TIMEOUT": 0x80,
    "INT13_NOT_READY": 0xAA,
    "INT13_VOLUME_IN_USE": 0xB2,  # also: not removable
    "INT13_WRITE_FAULT": 0xCC,
    "MBR_TABLE": 0x1BE,
    "MBR_SIGNATURE": 0x1FE,
}

__all__ = ["CONSTANTS", "STRUCTS", *STRUCTS]
