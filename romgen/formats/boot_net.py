"""UDP, DHCP, TFTP, and the SMBIOS entry point that holds the machine's UUID.

Sources: RFC 768, RFC 2131 and 2132, RFC 4578 (PXE's options), RFC 1350, 2347, 2348 and 2349,
SMBIOS 3.0.  Network order on the wire; SMBIOS is little endian.
"""

from __future__ import annotations

from construct import Bytes, Int8ub, Int8ul, Int16ub, Int16ul, Int32ub, Int32ul, Int64ul, Struct

udp = Struct(
    "src_port" / Int16ub,
    "dst_port" / Int16ub,
    "length" / Int16ub,  # with this header
    "checksum" / Int16ub,  # 0 = none
)
dhcp = Struct(
    "op" / Int8ub,
    "htype" / Int8ub,
    "hlen" / Int8ub,
    "hops" / Int8ub,
    "xid" / Int32ub,
    "secs" / Int16ub,
    "flags" / Int16ub,
    "ciaddr" / Bytes(4),
    "yiaddr" / Bytes(4),
    "siaddr" / Bytes(4),
    "giaddr" / Bytes(4),
    "chaddr" / Bytes(16),
    "sname" / Bytes(64),
    "file" / Bytes(128),
    "magic" / Bytes(4),
)
tftp = Struct(
    "opcode" / Int16ub,
    "block" / Int16ub,  # of an ERROR its code
)
smbios_entry = Struct(  # "_SM_"
    "anchor" / Bytes(4),
    "checksum" / Int8ul,
    "length" / Int8ul,
    "version" / Int16ul,
    "max_size" / Int16ul,
    "revision" / Int8ul,
    "formatted" / Bytes(5),
    "dmi_anchor" / Bytes(5),
    "dmi_checksum" / Int8ul,
    "table_length" / Int16ul,
    "table" / Int32ul,
    "count" / Int16ul,
    "bcd_revision" / Int8ul,
)
smbios3_entry = Struct(  # "_SM3_"
    "anchor" / Bytes(5),
    "checksum" / Int8ul,
    "length" / Int8ul,
    "version" / Bytes(3),
    "revision" / Int8ul,
    "reserved" / Int8ul,
    "table_length" / Int32ul,
    "table" / Int64ul,
)
smbios_structure = Struct("type" / Int8ul, "length" / Int8ul, "handle" / Int16ul)

STRUCTS = {
    "udp": udp,
    "dhcp": dhcp,
    "tftp": tftp,
    "smbios_entry": smbios_entry,
    "smbios3_entry": smbios3_entry,
    "smbios_structure": smbios_structure,
}
CONSTANTS = {
    "IP_PROTO_UDP": 17,
    "IP_BROADCAST": 0xFFFFFFFF,
    "DHCP_SERVER_PORT": 67,
    "DHCP_CLIENT_PORT": 68,
    "TFTP_PORT": 69,
    "PXE_SERVER_PORT": 4011,
    "DHCP_BOOTREQUEST": 1,
    "DHCP_BOOTREPLY": 2,
    "DHCP_MAGIC": 0x63538263,  # as a little-endian dword
    "DHCPDISCOVER": 1,
    "DHCPOFFER": 2,
    "DHCPREQUEST": 3,
    "DHCPACK": 5,
    "DHCPNAK": 6,
    # options
    "DHCP_PAD": 0,
    "DHCP_MASK": 1,
    "DHCP_ROUTER": 3,
    "DHCP_VENDOR": 43,
    "DHCP_REQUESTED_IP": 50,
    "DHCP_OVERLOAD": 52,
    "DHCP_TYPE": 53,
    "DHCP_SERVER_ID": 54,
    "DHCP_LIST": 55,
    "DHCP_MAX_SIZE": 57,
    "DHCP_CLASS": 60,
    "DHCP_TFTP_SERVER": 66,
    "DHCP_BOOTFILE": 67,
    "DHCP_ARCH": 93,
    "DHCP_UNDI": 94,
    "DHCP_UUID": 97,
    "DHCP_END": 255,
    "DHCP_OVERLOAD_FILE": 1,
    "DHCP_OVERLOAD_SNAME": 2,
    "PXE_MENU": 9,  # in DHCP_VENDOR
    "PXE_ITEM": 71,
    # TFTP
    "TFTP_RRQ": 1,
    "TFTP_DATA": 3,
    "TFTP_ACK": 4,
    "TFTP_ERROR": 5,
    "TFTP_OACK": 6,
    "TFTP_ERR_NOT_FOUND": 1,
    "TFTP_ERR_ACCESS": 2,
    "TFTP_ERR_OPTION": 8,
    # SMBIOS
    "SMBIOS_SYSTEM": 1,
    "SMBIOS_UUID": 8,  # offset of the UUID in the structure SMBIOS_SYSTEM
    "SMBIOS_END": 127,
}

__all__ = ["CONSTANTS", "STRUCTS", *STRUCTS]
