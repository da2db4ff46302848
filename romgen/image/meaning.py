"""What the numbers in the fields mean, in words."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

from romgen.image.model import BLOCK, Field

CODE_TYPES = {0: "x86", 1: "Open Firmware", 2: "PA-RISC", 3: "EFI"}
SUBSYSTEMS = {10: "application", 11: "boot-service driver", 12: "run-time driver"}
MACHINES = {
    0x014C: "IA32",
    0x0200: "Itanium",
    0x01C2: "ARM",
    0x8664: "x64",
    0xAA64: "AArch64",
    0x0EBC: "EBC",
    0x5064: "RISC-V 64",
}
COMPRESSIONS = {0: "none", 1: "UEFI"}
INDICATORS = (
    (0x80, "DDIM"),
    (0x40, "may be shadowed"),
    (0x20, "read cacheable"),
    (0x10, "only needed as boot device"),
    (0x04, "IPL device"),
    (0x02, "input device"),
    (0x01, "display device"),
)
"""Device indicators of the $PnP header (Plug and Play BIOS Specification 1.0A, 3.2)."""
VERSION_FLAGS = ((1, "dirty"), (2, "debug"), (4, "release candidate"))
_BLOCKS = {"size", "image_length", "max_runtime_length"}
_OFFSETS = {
    *("pcir", "pnp", "undi_rom_id", "version", "pe", "device_list", "next", "manufacturer"),
    *("product", "bcv", "dv", "bev", "resource_vector", "loader", "text", "config_utility"),
    *("clp_entry", "vpd"),
}


def _flags(value: int, names: tuple[tuple[int, str], ...]) -> str:
    return ", ".join(name for bit, name in names if value & bit)


def entry_target(entry: bytes, at: int = 3) -> int | None:
    """Offset that the jump `entry`, which stands at `at`, leads to; None where it is no jump."""
    if len(entry) == 3 and entry[0] == 0xE9:
        return int((at + 3 + struct.unpack("<h", entry[1:])[0]) & 0xFFFF)
    if len(entry) >= 2 and entry[0] == 0xEB:
        return int((at + 2 + struct.unpack("b", entry[1:2])[0]) & 0xFFFF)
    return None


def _bytes_meaning(name: str, value: bytes) -> str:
    if name == "entry":
        target = entry_target(value)
        return "no jump" if target is None else f"jump to 0x{target:x}"
    if name == "undi_revision" and len(value) == 3:
        return f"{value[2]}.{value[1]}.{value[0]}"
    if name in ("signature", "bus_type", "label"):
        return value.decode("latin-1").__repr__()
    return ""


def meaning(kind: str, field: Field) -> str:
    """The field's value in words; "" where the number says all."""
    name, value = field.name, field.value
    if isinstance(value, bytes):
        return _bytes_meaning(name, value)
    if name in _BLOCKS:
        return f"{value * BLOCK} bytes"
    if name in _OFFSETS and not value:
        return "none"
    tables = {
        "code_type": CODE_TYPES,
        "subsystem": SUBSYSTEMS,
        "machine": MACHINES,
        "compression": COMPRESSIONS,
    }
    if name in tables:
        return tables[name].get(value, "unknown")
    if name == "indicator":
        return "last image" if value & 0x80 else "another image follows"
    if name == "indicators":
        return _flags(value, INDICATORS)
    if kind == "version_info" and name == "flags":
        return _flags(value, VERSION_FLAGS)
    if name == "source_date":
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if kind == "pnp" and name == "length":
        return f"{value * 16} bytes"
    return ""


def number(field: Field) -> str:
    """The value as people write it: bytes and numbers in hex, with all their digits."""
    if isinstance(field.value, bytes):
        return field.value.hex(" ")
    return f"0x{field.value:0{2 * field.size}x}"


def version_text(version: tuple[int, int, int]) -> str:
    """`1.4.2`."""
    return ".".join(str(part) for part in version)
