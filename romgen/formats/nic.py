"""Descriptors of the adapters' rings.  Registers stand in ``undi/nic/<nic>.inc``.

Sources: Intel 8254x software developer's manual (legacy descriptors); Virtio 1.1, 2.6 (split
virtqueues) and 4.1.4 (PCI capabilities); RTL8139C(L) data sheet, 8; DP8390D
data sheet, 7; Am79C970A data sheet (32-bit structures); Intel 8255x open source software developer
manual, 6.4.  Little endian.
"""

from __future__ import annotations

from construct import Bytes, Int8ul, Int16ul, Int32ul, Int64ul, Struct

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

virtq_desc = Struct(
    "address" / Int64ul,
    "length" / Int32ul,
    "flags" / Int16ul,
    "next" / Int16ul,
)
virtq_avail = Struct("flags" / Int16ul, "idx" / Int16ul)
"""Followed by the ring: an Int16ul for each descriptor."""
virtq_used = Struct("flags" / Int16ul, "idx" / Int16ul)
"""Followed by the ring of `virtq_used_elem`."""
virtq_used_elem = Struct("id" / Int32ul, "length" / Int32ul)
virtio_pci_cap = Struct(
    "id" / Int8ul,
    "next" / Int8ul,
    "length" / Int8ul,
    "type" / Int8ul,
    "bar" / Int8ul,
    "_padding" / Bytes(3),
    "offset" / Int32ul,
    "size" / Int32ul,
    "data" / Int32ul,
)
"""`data`: pci_cfg_data of type 5, notify_off_multiplier of type 2, not there in others."""

vmxnet3_shared = Struct(
    "magic" / Int32ul,
    "_reserved1" / Int32ul,
    "driver_version" / Int32ul,
    "guest" / Int32ul,
    "versions" / Int32ul,
    "upt_versions" / Int32ul,
    "features" / Int64ul,
    "driver_data" / Int64ul,
    "queues" / Int64ul,
    "driver_data_length" / Int32ul,
    "queues_length" / Int32ul,
    "mtu" / Int32ul,
    "rx_pieces" / Int16ul,
    "tx_queues" / Int8ul,
    "rx_queues" / Int8ul,
    "_reserved2" / Bytes(16),
    "irq_auto_mask" / Int8ul,
    "irq_count" / Int8ul,
    "irq_event" / Int8ul,
    "_moderation" / Bytes(25),
    "irq_control" / Int32ul,
    "_reserved3" / Bytes(8),
    "rx_mode" / Int32ul,
    "mcast_length" / Int16ul,
    "_padding" / Bytes(2),
    "mcast" / Int64ul,
    "vlans" / Bytes(0x200),
    "_plugins" / Bytes(0x30),
    "events" / Int32ul,
    "_reserved4" / Bytes(20),
)
vmxnet3_queue = Struct(
    "update_producer" / Int32ul,
    "_control" / Bytes(12),
    "ring" / Int64ul,
    "ring2" / Int64ul,
    "done" / Int64ul,
    "driver_data" / Int64ul,
    "_reserved1" / Bytes(8),
    "ring_count" / Int32ul,
    "ring2_count" / Int32ul,
    "done_count" / Int32ul,
    "driver_data_length" / Int32ul,
    "irq" / Int8ul,
    "_reserved2" / Bytes(7),
    "stopped" / Int8ul,
    "_padding" / Bytes(3),
    "error" / Int32ul,
    "_rest" / Bytes(0xA8),
)
"""The transmit queue's first field counts deferred frames, `ring2` is its data ring."""
vmxnet3_desc = Struct("address" / Int64ul, "length" / Int32ul, "flags" / Int32ul)
vmxnet3_done = Struct("index" / Int32ul, "_hash" / Int32ul, "length" / Int32ul, "flags" / Int32ul)

rtl8139_rx = Struct("status" / Int16ul, "length" / Int16ul)
"""In the ring, followed by the frame and its FCS, which `length` counts; each begins on a dword."""

ne2k_rx = Struct("status" / Int8ul, "next" / Int8ul, "length" / Int16ul)
"""In the ring, on a page of 256 bytes, followed by the frame; `length` counts 4 bytes more."""

pcnet_init = Struct(
    "mode" / Int16ul,
    "rx_length" / Int8ul,
    "tx_length" / Int8ul,
    "mac" / Bytes(6),
    "_reserved" / Bytes(2),
    "groups" / Int64ul,
    "rx_ring" / Int32ul,
    "tx_ring" / Int32ul,
)
pcnet_rx = Struct("address" / Int32ul, "status" / Int32ul, "length" / Int32ul, "_user" / Int32ul)
pcnet_tx = Struct("address" / Int32ul, "status" / Int32ul, "errors" / Int32ul, "_user" / Int32ul)

eepro_cb = Struct("status" / Int16ul, "command" / Int16ul, "link" / Int32ul, "data" / Bytes(24))
"""A command: transmit has `eepro_tx` from the start on, others their data."""
eepro_tx = Struct(
    "status" / Int16ul,
    "command" / Int16ul,
    "link" / Int32ul,
    "pieces" / Int32ul,
    "own_bytes" / Int16ul,
    "threshold" / Int8ul,
    "count" / Int8ul,
    "address" / Int32ul,
    "length" / Int32ul,
)
"""Flexible mode: `pieces` points to `address` and `length`, the only piece."""
eepro_rfd = Struct(
    "status" / Int16ul,
    "command" / Int16ul,
    "link" / Int32ul,
    "pieces" / Int32ul,
    "length" / Int16ul,
    "size" / Int16ul,
)
"""Followed by the frame; `pieces` is all ones, as there are no others."""

STRUCTS = {
    "e1000_rx": e1000_rx,
    "e1000_tx": e1000_tx,
    "virtq_desc": virtq_desc,
    "virtq_avail": virtq_avail,
    "virtq_used": virtq_used,
    "virtq_used_elem": virtq_used_elem,
    "virtio_pci_cap": virtio_pci_cap,
    "vmxnet3_shared": vmxnet3_shared,
    "vmxnet3_queue": vmxnet3_queue,
    "vmxnet3_desc": vmxnet3_desc,
    "vmxnet3_done": vmxnet3_done,
    "rtl8139_rx": rtl8139_rx,
    "ne2k_rx": ne2k_rx,
    "pcnet_init": pcnet_init,
    "pcnet_rx": pcnet_rx,
    "pcnet_tx": pcnet_tx,
    "eepro_cb": eepro_cb,
    "eepro_tx": eepro_tx,
    "eepro_rfd": eepro_rfd,
}
CONSTANTS: dict[str, int] = {
    "VIRTQ_NEXT": 1,  # virtq_desc.flags
    "VIRTQ_WRITE": 2,
    "VIRTQ_NO_INTERRUPT": 1,  # virtq_avail.flags
    "VIRTQ_NO_NOTIFY": 1,  # virtq_used.flags
}

__all__ = ["CONSTANTS", "STRUCTS", *STRUCTS]
