"""Where a table is taken from: a file, a memory image, the running Linux, a running QEMU."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from romgen.boot.qemu import QMP_PATIENCE, Qmp
from romgen.errors import EXIT_BOOT, RomgenError
from romgen.formats.ibft import CONSTANTS
from romgen.ibft.find import SIGNATURES, find
from romgen.ibft.model import Table
from romgen.ibft.parse import parse

ACPI_TABLES = tuple(Path("/sys/firmware/acpi/tables") / name for name in ("iBFT", "IBFT", "BIFT"))
LOW_MEMORY_END = 0x100000

Execute = Callable[..., object]
"""A QMP command by name with its arguments, as `Qmp.execute`."""


def read(path: Path) -> bytes:
    """The bytes of a file. Error: it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RomgenError("file-read", str(path), f"cannot read: {error.strerror}") from error


def from_bytes(data: bytes, where: str, base: int | None = None) -> list[Table]:
    """The tables in a file: the table alone, or an image of memory that begins at `base`.

    base: None is 0, unless the file begins with a table. Error: there is none.
    """
    if base is None and data[:4] in SIGNATURES:
        return [parse(data, where)]
    base = base or 0
    places = find(data, base)
    if not places:
        first, last = CONSTANTS["IBFT_FIRST"], CONSTANTS["IBFT_LAST"]
        raise RomgenError(
            "ibft-none",
            where,
            f"no iBFT at {first:#x}-{last:#x}",
            f"the file covers {base:#x}-{base + len(data):#x}; --base says where it begins",
        )
    return [parse(data[place - base :], f"{where}+{place - base:#x}", place) for place in places]


def from_acpi(paths: tuple[Path, ...] = ACPI_TABLES) -> list[Table]:
    """The table that the firmware of this machine put among the ACPI tables."""
    for path in paths:
        if path.is_file():
            return from_bytes(read(path), str(path))
    raise RomgenError(
        "ibft-none",
        str(paths[0]),
        "this machine's firmware has no ACPI iBFT",
        "an option ROM's table is in memory: /sys/firmware/ibft shows what Linux read of it",
    )


def from_qmp(execute: Execute, where: str) -> list[Table]:
    """The tables in the memory of a running QEMU. `execute`: on a connection to it."""
    first = CONSTANTS["IBFT_FIRST"]
    with tempfile.TemporaryDirectory(prefix="romgen-ibft-") as folder:
        image = Path(folder) / "memory"
        execute("pmemsave", val=first, size=LOW_MEMORY_END - first, filename=str(image))
        data = read(image)
    return from_bytes(data, where, first)


def from_qmp_socket(path: Path) -> list[Table]:
    """The same, for a QEMU that was started with `-qmp unix:PATH,server=on,wait=off`."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(QMP_PATIENCE)
        try:
            connection.connect(str(path))
        except OSError as error:
            raise RomgenError(
                "qmp",
                str(path),
                f"cannot connect: {error.strerror or error}",
                "start QEMU with -qmp unix:PATH,server=on,wait=off",
                status=EXIT_BOOT,
            ) from error
        return from_qmp(Qmp(connection).execute, str(path))
