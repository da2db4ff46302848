"""Descriptors of the adapters' rings.  Registers stand in ``undi/nic/<nic>.inc``.

Sources: Intel 8254x software developer's manual (legacy descriptors); Virtio 1.1, 2.6 (split
virtqueues) and 4.1.4 (PCI capabilities).  Little endian.
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

STRUCTS = {
    "e1000_rx": e1000_rx,
    "e1000_tx": e1000_tx,
    "virtq_desc": virtq_desc,
    "virtq_avail": virtq_avail,
    "virtq_used": virtq_used,
    "virtq_used_elem": virtq_used_elem,
    "virtio_pci_cap": virtio_pci_cap,
}
CONSTANTS: dict[str, int] = {
    "VIRTQ_NEXT": 1,  # virtq_desc.flags
    "VIRTQ_WRITE": 2,
    "VIRTQ_NO_INTERRUPT": 1,  # virtq_avail.flags
    "VIRTQ_NO_NOTIFY": 1,  # virtq_used.flags
}

__all__ = ["CONSTANTS", "STRUCTS", *STRUCTS]
