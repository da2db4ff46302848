"""Reading option ROM files."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
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


def write_rom(path: Path, data: bytes, sources: Sequence[str]) -> None:
    """Write `path` whole or not at all, readable for nobody who may not read all `sources`.

    An image may have secrets in its boot variables. Error: it cannot be written.
    """
    mode = 0o666
    for source in sources:
        mode &= 0o600 if source == "-" else stat.S_IMODE(os.stat(source).st_mode)
    target = path.resolve()  # a symbolic link stays one
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
            os.fchmod(stream.fileno(), mode)
        os.replace(temporary, target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RomgenError("file-write", shown(path), f"cannot write: {error.strerror}") from error
