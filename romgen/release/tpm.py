"""The TPM event by which SeaBIOS measures an option ROM before it calls its init routine.

SeaBIOS (src/tcgbios.c, tpm_option_rom) makes a structure of the image's SHA-1, extends PCR 2 with
the digest of that structure in every bank, and logs it as an event of the type EV_EVENT_TAG (TCG PC
Client Specific Implementation Specification for Conventional BIOS 1.21, 11.3.3). The image is
what the size byte of the ROM header counts.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any

from romgen.image.model import BLOCK, CODE_X86, Rom

PCR = 2
EV_EVENT_TAG = 6
OPTION_ROM_EXECUTE = 7
BANKS = ("sha1", "sha256", "sha384", "sha512")
# The tagged event: its id, the size of its data, then reserved, physical or firmware address (0),
# and the SHA-1 of the image.
_EVENT = struct.Struct("<2I2H20s")
_DATA_SIZE = _EVENT.size - 8


def event(image: bytes) -> bytes:
    """The event's data for the bytes of an image."""
    digest = hashlib.sha1(image).digest()
    return _EVENT.pack(OPTION_ROM_EXECUTE, _DATA_SIZE, 0, 0, digest)


def extend(bank: str, value: bytes, digest: bytes) -> bytes:
    """A PCR after one more event."""
    return hashlib.new(bank, value + digest).digest()


def measurements(rom: Rom) -> list[dict[str, Any]]:
    """Each x86 image of a file: what SeaBIOS will log, and what other firmware may."""
    found = []
    for image in rom.images:
        if image.code_type != CODE_X86:
            continue
        data = image.data[: image.header.number("size") * BLOCK]
        raw = event(data)
        digests = {bank: hashlib.new(bank, raw).digest() for bank in BANKS}
        found.append(
            {
                "image": image.index,
                "size": len(data),
                "pcr": PCR,
                "event_type": EV_EVENT_TAG,
                "event": raw.hex(),
                "event_digests": {bank: value.hex() for bank, value in digests.items()},
                "pcr_if_first": {
                    bank: extend(bank, bytes(len(value)), value).hex()
                    for bank, value in digests.items()
                },
                "image_digests": {bank: hashlib.new(bank, data).hexdigest() for bank in BANKS},
            }
        )
    return found
