"""What an option ROM file holds. Every offset is from the start of the file, sizes are in bytes.

The model says what is there; what is wrong with it is for `romgen.rules` to say. A pointer that
leads nowhere gives None (and the pointer's own field keeps its value).
"""

from __future__ import annotations

from dataclasses import dataclass

BLOCK = 512
"""Unit of the lengths in the ROM header and in the PCI data structure."""
CODE_X86 = 0
CODE_EFI = 3
LAST_IMAGE = 0x80
"""Bit of the PCIR indicator."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a structure; `value` is a number (little endian) or the bytes as they are."""

    name: str
    offset: int
    size: int
    value: int | bytes


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure of the image, with as many fields as the file has bytes for.

    kind: name of its description in romgen.formats.option_rom
    size: what the description asks for
    """

    kind: str
    offset: int
    size: int
    fields: tuple[Field, ...]

    @property
    def complete(self) -> bool:
        """Whether the file has all of it."""
        return sum(field.size for field in self.fields) == self.size

    def field(self, name: str) -> Field | None:
        """The field, or None where the file ends before it or the structure has none."""
        return next((field for field in self.fields if field.name == name), None)

    def number(self, name: str) -> int:
        """A field's number; 0 where the file ends before it."""
        field = self.field(name)
        return field.value if field is not None and isinstance(field.value, int) else 0

    def raw(self, name: str) -> bytes:
        """A field's bytes; b"" where the file ends before it."""
        field = self.field(name)
        return field.value if field is not None and isinstance(field.value, bytes) else b""

    def at(self, name: str) -> int:
        """Offset of a field; of the structure where the file ends before it."""
        field = self.field(name)
        return self.offset if field is None else field.offset


@dataclass(frozen=True, slots=True)
class Sum:
    """The byte sum of a range, which has to be 0 modulo 256; `length` is what the file has."""

    offset: int
    length: int
    value: int

    @property
    def right(self) -> bool:
        """Whether there is something, and it sums to 0."""
        return self.length > 0 and self.value == 0


@dataclass(frozen=True, slots=True)
class Text:
    """An ASCIZ text that a pointer leads to; `ended` is False where no NUL follows."""

    offset: int
    value: str
    ended: bool


@dataclass(frozen=True, slots=True)
class DeviceList:
    """Further device ids of an image (PCI Firmware Specification 3.0, 5.1.2)."""

    offset: int
    devices: tuple[int, ...]
    ended: bool


@dataclass(frozen=True, slots=True)
class PnpHeader:
    """One $PnP header of the chain, with what it points at."""

    header: Structure
    sum: Sum
    manufacturer: Text | None
    product: Text | None


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a chain ended, and why.

    reason: `last` (as it should), `length-zero`, `no-signature`, `outside`, `loop`, `no-pcir`,
    `end-of-file`, `too-many`
    """

    offset: int
    reason: str


@dataclass(frozen=True, slots=True)
class EvBlock:
    """The EV block: its header, and the text or what makes it unreadable.

    text: the boot variables with secrets and all, b"" for none, None where the block is damaged
    """

    header: Structure
    text: bytes | None
    problem: str


@dataclass(frozen=True, slots=True)
class Image:
    """One image of the chain.

    length: how far the image goes, by its PCIR or, without one, by its size byte; 0 = unknown.
        It may go beyond the file: `data` is what the file has.
    header: rom_header or efi_header
    sum: over the bytes that the size byte counts; None for an image that is not x86 code
    """

    index: int
    offset: int
    length: int
    data: bytes
    header: Structure
    sum: Sum | None
    pcir: Structure | None
    devices: DeviceList | None
    pnp: tuple[PnpHeader, ...]
    pnp_stop: Stop | None
    undi: Structure | None
    undi_sum: Sum | None
    version: Structure | None
    version_sum: Sum | None
    version_text: Text | None
    ev: EvBlock | None

    @property
    def end(self) -> int:
        """Offset behind the image, which may lie beyond the file."""
        return self.offset + self.length

    @property
    def code_type(self) -> int:
        """PCIR code type; x86 for an image without a PCIR, as every BIOS takes it."""
        return CODE_X86 if self.pcir is None else self.pcir.number("code_type")

    @property
    def is_efi(self) -> bool:
        """Whether the image has the EFI header's signature where its code type asks for one."""
        return self.header.kind == "efi_header"

    @property
    def is_last(self) -> bool:
        """Whether the image says that none follows."""
        return self.pcir is None or bool(self.pcir.number("indicator") & LAST_IMAGE)


@dataclass(frozen=True, slots=True)
class Rom:
    """A file: its images in the order of the chain, and where the chain ended."""

    data: bytes
    images: tuple[Image, ...]
    stop: Stop

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return len(self.data)

    @property
    def used(self) -> int:
        """Bytes up to the end of the last image, at most the file's."""
        return min(self.images[-1].end, self.size) if self.images else 0
