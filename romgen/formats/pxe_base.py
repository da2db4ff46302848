"""PXE 2.1: the parameter blocks, opcodes and status codes of the base code.

Source: Preboot Execution Environment (PXE) Specification 2.1, chapter 3.  Little endian; far
pointers are offset word, then segment word; IP addresses and UDP ports in network order.
"""

from __future__ import annotations

from construct import Bytes, Int16ul, Int32ul, Struct

p_cached_info = Struct(
    "status" / Int16ul,
    "packet_type" / Int16ul,
    "buffer_size" / Int16ul,
    "buffer_off" / Int16ul,
    "buffer_seg" / Int16ul,
    "buffer_limit" / Int16ul,  # not in the blocks of old clients
)
p_tftp_open = Struct(
    "status" / Int16ul,
    "server" / Bytes(4),
    "gateway" / Bytes(4),
    "name" / Bytes(128),
    "port" / Bytes(2),
    "packet_size" / Int16ul,
)
p_tftp_read = Struct(
    "status" / Int16ul,
    "packet_number" / Int16ul,
    "size" / Int16ul,
    "buffer_off" / Int16ul,
    "buffer_seg" / Int16ul,
)
p_tftp_read_file = Struct(
    "status" / Int16ul,
    "name" / Bytes(128),
    "size" / Int32ul,
    "buffer" / Int32ul,  # physical address
    "server" / Bytes(4),
    "gateway" / Bytes(4),
    "multicast" / Bytes(4),
    "client_port" / Bytes(2),
    "server_port" / Bytes(2),
    "timeout" / Int16ul,
    "reopen_delay" / Int16ul,
)
p_tftp_size = Struct(
    "status" / Int16ul,
    "server" / Bytes(4),
    "gateway" / Bytes(4),
    "name" / Bytes(128),
    "size" / Int32ul,
)
p_udp_open = Struct("status" / Int16ul, "ip" / Bytes(4))
p_udp_write = Struct(
    "status" / Int16ul,
    "ip" / Bytes(4),
    "gateway" / Bytes(4),
    "src_port" / Bytes(2),
    "dst_port" / Bytes(2),
    "size" / Int16ul,
    "buffer_off" / Int16ul,
    "buffer_seg" / Int16ul,
)
p_udp_read = Struct(
    "status" / Int16ul,
    "src_ip" / Bytes(4),
    "dest_ip" / Bytes(4),
    "src_port" / Bytes(2),
    "dst_port" / Bytes(2),
    "size" / Int16ul,
    "buffer_off" / Int16ul,
    "buffer_seg" / Int16ul,
)

STRUCTS = {
    "p_cached_info": p_cached_info,
    "p_tftp_open": p_tftp_open,
    "p_tftp_read": p_tftp_read,
    "p_tftp_read_file": p_tftp_read_file,
    "p_tftp_size": p_tftp_size,
    "p_udp_open": p_udp_open,
    "p_udp_write": p_udp_write,
    "p_udp_read": p_udp_read,
}
CONSTANTS = {
    "OP_TFTP_OPEN": 0x20,
    "OP_TFTP_CLOSE": 0x21,
    "OP_TFTP_READ": 0x22,
    "OP_TFTP_READ_FILE": 0x23,
    "OP_TFTP_GET_FSIZE": 0x25,
    "OP_UDP_OPEN": 0x30,
    "OP_UDP_CLOSE": 0x31,
    "OP_UDP_READ": 0x32,
    "OP_UDP_WRITE": 0x33,
    "OP_RESTART_TFTP": 0x73,
    "OP_START_BASE": 0x75,
    "OP_STOP_BASE": 0x76,
    "PXE_KEEP_ALL": 0x05,
    "PXE_ARP_TIMEOUT": 0x11,
    "PXE_UDP_CLOSED": 0x18,
    "PXE_UDP_OPEN": 0x19,
    "PXE_TFTP_CLOSED": 0x1A,
    "PXE_TFTP_OPEN": 0x1B,
    "PXE_TFTP_OPEN_TIMEOUT": 0x32,
    "PXE_TFTP_BAD_OPCODE": 0x33,
    "PXE_TFTP_READ_TIMEOUT": 0x35,
    "PXE_TFTP_ERROR": 0x36,
    "PXE_TFTP_NOT_FOUND": 0x3B,
    "PXE_TFTP_ACCESS": 0x3C,
    "PXE_TFTP_NO_SIZE": 0x3E,
    "PXE_TFTP_BAD_SIZE": 0x3F,
    "PXE_FILE_TOO_BIG": 0x79,
    "PXE_CACHED_DISCOVER": 1,
    "PXE_CACHED_ACK": 2,
    "PXE_CACHED_REPLY": 3,
}

__all__ = ["CONSTANTS", "STRUCTS", *STRUCTS]
