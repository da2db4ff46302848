"""Reading option ROM files."""

from __future__ import annotations

import sys
from pathlib import Path

from romgen.errors import RomgenError, shown

FILE_MAX = 16 << 20
"""The largest expansion ROM that a base address register can ask for is 16 MiB."""


def read_rom(file: str) -> bytes:
    """The bytes of `file`, or of standard input for `-`.

    Errors: it cannot be read, it is larger than any ROM.
    """
    try:
        if file == "-":
            data = sys.stdin.buffer.read(FILE_MAX + 1)
        else:
            with Path(file).open("rb") as stream:
                data = stream.read(FILE_MAX + 1)
    except OSError as error:
        raise RomgenError("file-read", shown(file), f"cannot read: {error.strerror}") from error
    if len(data) > FILE_MAX:
        raise RomgenError("file-large", shown(file), "this is no option ROM: more than 16 MiB")
    return data
