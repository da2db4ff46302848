"""Small option ROMs for tests, made field by field, and the ROMs that Debian installs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from romgen.formats.option_rom import efi_header, pcir, pcir_2, pnp, rom_header, undi_rom_id

PCIR, PNP, UNDI, STRINGS, DEVICES = 0x1C, 0x40, 0x60, 0x80, 0xA0

REAL = sorted(
    [
        *Path("/usr/lib/ipxe/qemu").glob("*.rom"),
        *Path("/usr/share/seabios").glob("vgabios-*.bin"),
    ]
)
"""Other people's ROMs, where the packages ipxe-qemu and seabios are installed."""


def balance(rom: bytearray, start: int, length: int, at: int) -> None:
    rom[at] = 0
    rom[at] = -sum(rom[start : start + length]) & 0xFF


def fill(struct: Any, **values: Any) -> dict[str, Any]:
    """Values for every field: 0 where none is given."""
    return {
        sub.name: values.get(sub.name, bytes(sub.sizeof()) if "Bytes" in repr(sub) else 0)
        for sub in struct.subcons
    }


def make_image(
    blocks: int = 2,
    header: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
    pnps: list[dict[str, Any]] | None = None,
    undi: dict[str, Any] | None = None,
    last: bool = True,
) -> bytes:
    """An x86 image without a fault; the arguments override fields before the sums are made."""
    rom = bytearray(blocks * 512)
    head = {
        "signature": 0xAA55, "size": blocks, "entry": b"\xe9\xfa\x00",
        "undi_rom_id": UNDI, "pcir": PCIR, "pnp": PNP, **(header or {}),
    }  # fmt: skip
    rom[0:28] = rom_header.build(fill(rom_header, **head))
    info = {
        "signature": b"PCIR", "vendor": 0x8086, "device": 0x100E, "device_list": DEVICES - PCIR,
        "length": 28, "revision": 3, "class_code": 0x020000, "image_length": blocks,
        "code_revision": 0x0102, "indicator": 0x80 if last else 0,
        "max_runtime_length": blocks, **(data or {}),
    }  # fmt: skip
    rom[PCIR : PCIR + 28] = pcir.build(fill(pcir, **info))
    rom[DEVICES : DEVICES + 6] = b"\x0e\x10\x0f\x10\0\0"
    rom[STRINGS : STRINGS + 16] = b"maker\0product 1\0"
    rom[0x100] = 0xCB
    for index, entry in enumerate(pnps if pnps is not None else [{}]):
        at = PNP if not index else 0xC0 + 32 * (index - 1)
        one = {
            "signature": b"$PnP", "revision": 1, "length": 2, "manufacturer": STRINGS,
            "product": STRINGS + 6, "device_type": b"\2\0\0", "indicators": 0xE4, "bcv": 0x100,
            **entry,
        }  # fmt: skip
        rom[at : at + 32] = pnp.build(fill(pnp, **one))
        if "checksum" not in entry:
            balance(rom, at, 32, at + 9)
    one = {
        "signature": b"UNDI", "length": 22, "undi_revision": b"\0\1\2", "loader": 0x100,
        "stack_size": 0x400, "data_size": 0x400, "code_size": 0x400, "bus_type": b"PCIR",
        **(undi or {}),
    }  # fmt: skip
    rom[UNDI : UNDI + 22] = undi_rom_id.build(fill(undi_rom_id, **one))
    if "checksum" not in (undi or {}):
        balance(rom, UNDI, 22, UNDI + 5)
    if "checksum" not in (header or {}):
        balance(rom, 0, rom[2] * 512, 6)
    return bytes(rom)


def make_efi(
    blocks: int = 2, pe: bytes = b"", header: dict[str, Any] | None = None, **data: Any
) -> bytes:
    """An EFI image; `data` overrides fields of its PCIR."""
    rom = bytearray(blocks * 512)
    head = {
        "signature": 0xAA55, "size": blocks, "efi_signature": 0x0EF1, "subsystem": 11,
        "machine": 0x8664, "pe": 0x40, "pcir": PCIR, **(header or {}),
    }  # fmt: skip
    rom[0:26] = efi_header.build(fill(efi_header, **head))
    info = {
        "signature": b"PCIR", "vendor": 0x8086, "device": 0x100E, "length": 24,
        "class_code": 0x020000, "image_length": blocks, "code_type": 3, "indicator": 0x80, **data,
    }  # fmt: skip
    rom[PCIR : PCIR + 24] = pcir_2.build(fill(pcir_2, **info))
    rom[0x40 : 0x40 + len(pe)] = pe
    return bytes(rom[: blocks * 512])


def stored(plain: bytes) -> bytes:
    """`plain` in the UEFI compression, in blocks of literals of 8 bits each."""
    out = bytearray()
    bits = count = 0
    for start in range(0, len(plain), 0xFFFF):
        part = plain[start : start + 0xFFFF]
        # 16 bits of count; the one code length 8 (+ 2); 256 of them; one position, never used.
        for value, size in [(len(part), 16), (0, 5), (10, 5), (256, 9), (0, 4), (0, 4)]:
            bits, count = bits << size | value, count + size
        bits, count = bits << 8 * len(part) | int.from_bytes(part, "big"), count + 8 * len(part)
    out += (bits << (-count % 8)).to_bytes(-(-count // 8), "big")
    return len(out).to_bytes(4, "little") + len(plain).to_bytes(4, "little") + bytes(out)
