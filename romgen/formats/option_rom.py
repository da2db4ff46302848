"""PCI option ROM, PnP expansion header, EV block, PMM.

Sources: PCI Firmware Specification 3.0 (5.1), Plug and Play BIOS Specification 1.0A (3.2),
POST Memory Manager Specification 1.01, PXE 2.1 (UNDI ROM ID).  Little endian.
"""

from __future__ import annotations

from construct import Bytes, Int8ul, Int16ul, Int24ul, Int32ul, Struct

rom_header = Struct(
    "signature" / Int16ul,  # AA55h
    "size" / Int8ul,  # length / 512
    "entry" / Bytes(3),  # near jump to the init routine, called far
    "checksum" / Int8ul,  # makes the byte sum of the image 0
    "reserved" / Bytes(2),
    "packed_users" / Int8ul,  # while the machine runs: boot vectors that still need what is there
    "packed_far" / Int32ul,  # while the machine runs: linear address of that part, 0 = in the ROM
    "packed" / Int16ul,  # offset of the packed part (romgen/init_pack.py), 0 = none (our own use)
    "version" / Int16ul,  # offset of the version structure, 0 = none (our own use of a free word)
    "owner" / Int16ul,  # "RG": the word behind it is ours (our own use of free words)
    "instance" / Int16ul,  # while the machine runs: data segment of the ROM's disk, 0 = none
    "undi_rom_id" / Int16ul,  # offset of the UNDI ROM ID, 0 = none
    "pcir" / Int16ul,  # offset of the PCI data structure, dword aligned
    "pnp" / Int16ul,  # offset of the $PnP expansion header, 0 = none
)

pcir = Struct(
    "signature" / Bytes(4),
    "vendor" / Int16ul,
    "device" / Int16ul,
    "device_list" / Int16ul,  # from the start of this structure, 0 = none
    "length" / Int16ul,
    "revision" / Int8ul,
    "class_code" / Int24ul,
    "image_length" / Int16ul,  # / 512
    "code_revision" / Int16ul,
    "code_type" / Int8ul,
    "indicator" / Int8ul,  # bit 7: last image
    "max_runtime_length" / Int16ul,  # / 512
    "config_utility" / Int16ul,
    "clp_entry" / Int16ul,
)

#: The PCI data structure of revision 0 (PCI Local Bus 2.2, 6.3.1.2): what others' images have.
pcir_2 = Struct(
    "signature" / Bytes(4),
    "vendor" / Int16ul,
    "device" / Int16ul,
    "vpd" / Int16ul,  # vital product data in PCI 2.1, later reserved
    "length" / Int16ul,
    "revision" / Int8ul,
    "class_code" / Int24ul,
    "image_length" / Int16ul,
    "code_revision" / Int16ul,
    "code_type" / Int8ul,
    "indicator" / Int8ul,
    "reserved" / Int16ul,
)

#: ROM header of an EFI image, code type 3 (UEFI, PCI expansion ROM).
efi_header = Struct(
    "signature" / Int16ul,  # AA55h
    "size" / Int16ul,  # length / 512
    "efi_signature" / Int32ul,  # 0EF1h
    "subsystem" / Int16ul,  # as in the PE header
    "machine" / Int16ul,  # as in the PE header
    "compression" / Int16ul,
    "reserved" / Bytes(8),
    "pe" / Int16ul,  # offset of the PE image
    "pcir" / Int16ul,
)

#: Version of an image of ours, on a paragraph; `rom_header.version` points at it.
version_info = Struct(
    "signature" / Bytes(4),  # "$RGV"
    "length" / Int8ul,  # 64
    "checksum" / Int8ul,  # makes the byte sum of the structure 0
    "major" / Int8ul,
    "minor" / Int8ul,
    "patch" / Int16ul,
    "flags" / Int16ul,  # VERSION_DIRTY ...
    "security_epoch" / Int32ul,  # never falls from release to release
    "source_date" / Int32ul,  # seconds since 1970, of the commit or SOURCE_DATE_EPOCH
    "git_id" / Bytes(20),  # SHA-1 of the commit, 0 = unknown
    "build_id" / Bytes(8),  # of everything that went into the image
    "text" / Int16ul,  # offset of the version as ASCIZ in the image, mostly of `label`
    "label" / Bytes(14),  # the version as ASCIZ
)

pnp = Struct(
    "signature" / Bytes(4),
    "revision" / Int8ul,
    "length" / Int8ul,  # / 16
    "next" / Int16ul,
    "reserved" / Int8ul,
    "checksum" / Int8ul,
    "device_id" / Int32ul,
    "manufacturer" / Int16ul,
    "product" / Int16ul,
    "device_type" / Bytes(3),
    "indicators" / Int8ul,
    "bcv" / Int16ul,
    "dv" / Int16ul,
    "bev" / Int16ul,
    "reserved2" / Int16ul,
    "resource_vector" / Int16ul,
)

undi_rom_id = Struct(
    "signature" / Bytes(4),  # "UNDI"
    "length" / Int8ul,
    "checksum" / Int8ul,
    "structure_revision" / Int8ul,
    "undi_revision" / Bytes(3),  # 00 01 02 = 2.1.0
    "loader" / Int16ul,
    "stack_size" / Int16ul,
    "data_size" / Int16ul,
    "code_size" / Int16ul,
    "bus_type" / Bytes(4),  # "PCIR"
)

#: EV block: the stored form of the boot variables (shared by every place that stores them).
ev_block = Struct(
    "signature" / Bytes(4),  # "RGEV"
    "version" / Int16ul,  # 1
    "header_length" / Int16ul,  # offset of the text from the start of the block
    "length" / Int16ul,  # bytes of text, 0 = none
    "capacity" / Int16ul,  # bytes of room for text
    "crc" / Int32ul,  # CRC-32 (IEEE) of the text
)

pmm_header = Struct(
    "signature" / Bytes(4),
    "revision" / Int8ul,
    "length" / Int8ul,
    "checksum" / Int8ul,
    "entry" / Int32ul,
    "reserved" / Bytes(5),
)

STRUCTS = {
    "rom_header": rom_header,
    "pcir": pcir,
    "pnp": pnp,
    "undi_rom_id": undi_rom_id,
    "version_info": version_info,
    "ev_block": ev_block,
    "pmm_header": pmm_header,
}
CONSTANTS = {
    "ROM_OWNER": 0x4752,  # "RG"
    "EV_BLOCK_VERSION": 1,
    "EV_TEXT_MAX": 4096,
    "EV_LINE_MAX": 512,
    "PMM_ALLOCATE": 0,
    "PMM_FIND": 1,
    "PMM_DEALLOCATE": 2,
    "PMM_CONVENTIONAL": 1,
    "PMM_EXTENDED": 2,
    "PMM_ALIGN": 4,
    "PMM_PERMANENT": 8,
    "PNP_RETURN_DISK": 0x0120,  # AX of init: IPL device attached, INT 13h block format
    "PNP_RETURN_BEV": 0x0020,  # IPL device attached
    "PNP_RETURN_NONE": 0x0000,
}

__all__ = ["CONSTANTS", "STRUCTS", *STRUCTS]
