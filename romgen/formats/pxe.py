"""PXE 2.1 / UNDI: structures and numbers.

Source: Preboot Execution Environment (PXE) Specification 2.1.  Little endian; far pointers are
offset word, then segment word; IP addresses and UDP ports in network order.
"""

from __future__ import annotations

from construct import Array, Bytes, Int8ul, Int16ul, Int32ul, Struct

far_pointer = Struct("offset" / Int16ul, "segment" / Int16ul)

segment_descriptor = Struct("segment" / Int16ul, "physical" / Int32ul, "size" / Int16ul)

p_loader = Struct(
    "status" / Int16ul,
    "ax" / Int16ul,
    "bx" / Int16ul,
    "dx" / Int16ul,
    "di" / Int16ul,
    "es" / Int16ul,
    "undi_ds" / Int16ul,
    "undi_cs" / Int16ul,
    "pxe_off" / Int16ul,
    "pxe_seg" / Int16ul,
    "pxenv_off" / Int16ul,
    "pxenv_seg" / Int16ul,
)

pxe = Struct(  # !PXE
    "signature" / Bytes(4),
    "length" / Int8ul,
    "checksum" / Int8ul,
    "revision" / Int8ul,
    "reserved" / Int8ul,
    "undi_rom_id" / Int32ul,
    "base_rom_id" / Int32ul,
    "entry_sp" / Int32ul,
    "entry_esp" / Int32ul,
    "status_callout" / Int32ul,
    "reserved2" / Int8ul,
    "segment_count" / Int8ul,
    "first_selector" / Int16ul,
    "stack" / segment_descriptor,
    "undi_data" / segment_descriptor,
    "undi_code" / segment_descriptor,
    "undi_code_write" / segment_descriptor,
    "bc_data" / segment_descriptor,
    "bc_code" / segment_descriptor,
    "bc_code_write" / segment_descriptor,
)

pxenv = Struct(  # PXENV+
    "signature" / Bytes(6),
    "version" / Int16ul,
    "length" / Int8ul,
    "checksum" / Int8ul,
    "rm_entry" / Int32ul,
    "pm_offset" / Int32ul,
    "pm_selector" / Int16ul,
    "stack_seg" / Int16ul,
    "stack_size" / Int16ul,
    "bc_code_seg" / Int16ul,
    "bc_code_size" / Int16ul,
    "bc_data_seg" / Int16ul,
    "bc_data_size" / Int16ul,
    "undi_data_seg" / Int16ul,
    "undi_data_size" / Int16ul,
    "undi_code_seg" / Int16ul,
    "undi_code_size" / Int16ul,
    "pxe_ptr" / Int32ul,
)

mcast_list = Struct("count" / Int16ul, "addr" / Bytes(8 * 16))

p_start = Struct(
    "status" / Int16ul,
    "ax" / Int16ul,
    "bx" / Int16ul,
    "dx" / Int16ul,
    "di" / Int16ul,
    "es" / Int16ul,
)
p_initialize = Struct("status" / Int16ul, "protocol_ini" / Int32ul, "reserved" / Bytes(8))
p_reset = Struct("status" / Int16ul, "mcast" / mcast_list)
p_open = Struct(
    "status" / Int16ul,
    "open_flag" / Int16ul,
    "filter" / Int16ul,
    "mcast" / mcast_list,
)
p_set_mcast = Struct("status" / Int16ul, "mcast" / mcast_list)
p_set_station = Struct("status" / Int16ul, "address" / Bytes(16))
p_set_filter = Struct("status" / Int16ul, "filter" / Int8ul)
p_transmit = Struct(
    "status" / Int16ul,
    "protocol" / Int8ul,
    "xmit_flag" / Int8ul,
    "dest_off" / Int16ul,
    "dest_seg" / Int16ul,
    "tbd_off" / Int16ul,
    "tbd_seg" / Int16ul,
    "reserved" / Bytes(8),
)
tbd_block = Struct(
    "pointer_type" / Int8ul,
    "reserved" / Int8ul,
    "length" / Int16ul,
    "offset" / Int16ul,
    "segment" / Int16ul,
)
tbd = Struct(
    "immed_length" / Int16ul,
    "xmit_off" / Int16ul,
    "xmit_seg" / Int16ul,
    "block_count" / Int16ul,
    "blocks" / Array(8, tbd_block),
)
p_information = Struct(
    "status" / Int16ul,
    "base_io" / Int16ul,
    "int_number" / Int16ul,
    "max_tran_unit" / Int16ul,
    "hw_type" / Int16ul,
    "hw_addr_len" / Int16ul,
    "current_address" / Bytes(16),
    "permanent_address" / Bytes(16),
    "rom_segment" / Int16ul,
    "rx_buf_count" / Int16ul,
    "tx_buf_count" / Int16ul,
)
p_statistics = Struct(
    "status" / Int16ul,
    "tx_good" / Int32ul,
    "rx_good" / Int32ul,
    "rx_crc_errors" / Int32ul,
    "rx_resource_errors" / Int32ul,
)
p_mcast_address = Struct("status" / Int16ul, "ip" / Bytes(4), "mac" / Bytes(16))
p_nic_type = Struct(
    "status" / Int16ul,
    "type" / Int8ul,
    "vendor" / Int16ul,
    "device" / Int16ul,
    "base_class" / Int8ul,
    "sub_class" / Int8ul,
    "prog_if" / Int8ul,
    "revision" / Int8ul,
    "bus_dev_fn" / Int16ul,
    "sub_vendor" / Int16ul,
    "sub_device" / Int16ul,
)
p_iface_info = Struct(
    "status" / Int16ul,
    "type" / Bytes(16),
    "link_speed" / Int32ul,
    "service_flags" / Int32ul,
    "reserved" / Bytes(16),
)
p_isr = Struct(
    "status" / Int16ul,
    "func_flag" / Int16ul,
    "buffer_length" / Int16ul,
    "frame_length" / Int16ul,
    "frame_header_length" / Int16ul,
    "frame_off" / Int16ul,
    "frame_seg" / Int16ul,
    "prot_type" / Int8ul,
    "pkt_type" / Int8ul,
)

STRUCTS = {
    "far_pointer": far_pointer,
    "segment_descriptor": segment_descriptor,
    "p_loader": p_loader,
    "pxe": pxe,
    "pxenv": pxenv,
    "mcast_list": mcast_list,
    "p_start": p_start,
    "p_initialize": p_initialize,
    "p_reset": p_reset,
    "p_open": p_open,
    "p_set_mcast": p_set_mcast,
    "p_set_station": p_set_station,
    "p_set_filter": p_set_filter,
    "p_transmit": p_transmit,
    "tbd_block": tbd_block,
    "tbd": tbd,
    "p_information": p_information,
    "p_statistics": p_statistics,
    "p_mcast_address": p_mcast_address,
    "p_nic_type": p_nic_type,
    "p_iface_info": p_iface_info,
    "p_isr": p_isr,
}
CONSTANTS = {
    # opcodes
    "OP_START_UNDI": 0x00,
    "OP_STARTUP": 0x01,
    "OP_CLEANUP": 0x02,
    "OP_INITIALIZE": 0x03,
    "OP_RESET_ADAPTER": 0x04,
    "OP_SHUTDOWN": 0x05,
    "OP_OPEN": 0x06,
    "OP_CLOSE": 0x07,
    "OP_TRANSMIT": 0x08,
    "OP_SET_MCAST_ADDRESS": 0x09,
    "OP_SET_STATION_ADDRESS": 0x0A,
    "OP_SET_PACKET_FILTER": 0x0B,
    "OP_GET_INFORMATION": 0x0C,
    "OP_GET_STATISTICS": 0x0D,
    "OP_CLEAR_STATISTICS": 0x0E,
    "OP_INITIATE_DIAGS": 0x0F,
    "OP_FORCE_INTERRUPT": 0x10,
    "OP_GET_MCAST_ADDRESS": 0x11,
    "OP_GET_NIC_TYPE": 0x12,
    "OP_GET_IFACE_INFO": 0x13,
    "OP_ISR": 0x14,
    "OP_STOP_UNDI": 0x15,
    "OP_UNLOAD_STACK": 0x70,
    "OP_GET_CACHED_INFO": 0x71,
    # AX
    "PXE_EXIT_SUCCESS": 0,
    "PXE_EXIT_FAILURE": 1,
    # status
    "PXE_OK": 0x00,
    "PXE_FAILURE": 0x01,
    "PXE_BAD_FUNC": 0x02,
    "PXE_UNSUPPORTED": 0x03,
    "PXE_KEEP_UNDI": 0x04,
    "PXE_OUT_OF_RESOURCES": 0x06,
    "UNDI_INVALID_FUNCTION": 0x60,
    "UNDI_MEDIATEST_FAILED": 0x61,
    "UNDI_CANNOT_INITIALIZE_NIC": 0x63,
    "UNDI_BAD_MAC": 0x67,
    "UNDI_INVALID_STATE": 0x6A,
    "UNDI_TRANSMIT_ERROR": 0x6B,
    "UNDI_INVALID_PARAMETER": 0x6C,
    "LOADER_NO_MEMORY": 0xC0,
    # ISR
    "ISR_IN_START": 1,
    "ISR_IN_PROCESS": 2,
    "ISR_IN_GET_NEXT": 3,
    "ISR_OUT_OURS": 0,
    "ISR_OUT_NOT_OURS": 1,
    "ISR_OUT_DONE": 0,
    "ISR_OUT_TRANSMIT": 2,
    "ISR_OUT_RECEIVE": 3,
    "ISR_OUT_BUSY": 4,
    # filter, protocol
    "FLTR_DIRECTED": 1,
    "FLTR_BROADCAST": 2,
    "FLTR_PROMISCUOUS": 4,
    "P_UNKNOWN": 0,
    "P_IP": 1,
    "P_ARP": 2,
    "P_RARP": 3,
    "P_OTHER": 4,
    "XMT_DESTADDR": 0,
    "XMT_BROADCAST": 1,
}

__all__ = ["CONSTANTS", "STRUCTS", *STRUCTS]
