"""iBFT: the table that tells the operating system what the boot ROM used (iSCSI parameters).

Source: iSCSI Boot Firmware Table 1.03 (2009), table header as ACPI's.  Little endian; addresses and
the LUN are bytes as on the wire.  Offsets inside the table count from its first byte.
"""

from __future__ import annotations

from construct import Bytes, Int8ul, Int16ul, Int32ul, Struct

ibft_header = Struct(
    "signature" / Bytes(4),
    "length" / Int32ul,  # of everything, with the strings
    "revision" / Int8ul,
    "checksum" / Int8ul,  # the sum of all bytes is 0
    "oem_id" / Bytes(6),
    "oem_table_id" / Bytes(8),
    "reserved" / Bytes(24),
)
ibft_structure = Struct(
    "id" / Int8ul,
    "version" / Int8ul,
    "length" / Int16ul,
    "index" / Int8ul,
    "flags" / Int8ul,
)
ibft_string = Struct("length" / Int16ul, "offset" / Int16ul)
ibft_control = Struct(
    "head" / ibft_structure,
    "extensions" / Int16ul,
    "initiator" / Int16ul,
    "nic0" / Int16ul,
    "target0" / Int16ul,
    "nic1" / Int16ul,
    "target1" / Int16ul,
)
ibft_initiator = Struct(
    "head" / ibft_structure,
    "isns" / Bytes(16),
    "slp" / Bytes(16),
    "radius1" / Bytes(16),
    "radius2" / Bytes(16),
    "name" / ibft_string,
)
ibft_nic = Struct(
    "head" / ibft_structure,
    "ip" / Bytes(16),
    "prefix" / Int8ul,
    "origin" / Int8ul,
    "gateway" / Bytes(16),
    "dns1" / Bytes(16),
    "dns2" / Bytes(16),
    "dhcp" / Bytes(16),
    "vlan" / Int16ul,
    "mac" / Bytes(6),
    "bdf" / Int16ul,
    "host_name" / ibft_string,
)
ibft_target = Struct(
    "head" / ibft_structure,
    "ip" / Bytes(16),
    "port" / Int16ul,
    "lun" / Bytes(8),
    "chap_type" / Int8ul,
    "nic" / Int8ul,  # index of the NIC structure
    "name" / ibft_string,
    "chap_name" / ibft_string,
    "chap_secret" / ibft_string,
    "reverse_name" / ibft_string,
    "reverse_secret" / ibft_string,
)

STRUCTS = {
    "ibft_header": ibft_header,
    "ibft_structure": ibft_structure,
    "ibft_string": ibft_string,
    "ibft_control": ibft_control,
    "ibft_initiator": ibft_initiator,
    "ibft_nic": ibft_nic,
    "ibft_target": ibft_target,
}
CONSTANTS = {
    "IBFT_REVISION": 1,
    "IBFT_VERSION": 1,  # of every structure
    "IBFT_ALIGN": 16,  # of the table in memory, and of its structures
    "IBFT_ID_CONTROL": 1,
    "IBFT_ID_INITIATOR": 2,
    "IBFT_ID_NIC": 3,
    "IBFT_ID_TARGET": 4,
    "IBFT_ID_EXTENSIONS": 5,
    "IBFT_VALID": 1,  # flags of the structures
    "IBFT_SELECTED": 2,
    "IBFT_GLOBAL": 4,  # NIC: not a link-local address
    "IBFT_RADIUS": 4,  # target: CHAP, reverse CHAP by RADIUS
    "IBFT_RADIUS_REVERSE": 8,
    "IBFT_ORIGIN_MANUAL": 1,
    "IBFT_CHAP_NONE": 0,
    "IBFT_CHAP_ONE_WAY": 1,
    "IBFT_CHAP_MUTUAL": 2,
    "IBFT_FIRST": 0x80000,  # where systems look for the table: first and last paragraph
    "IBFT_LAST": 0xFFFF0,
    "IBFT_HOLE": 0xA0000,  # video memory, where nobody looks
    "IBFT_HOLE_END": 0xC0000,
}

__all__ = ["CONSTANTS", "STRUCTS", *STRUCTS]
