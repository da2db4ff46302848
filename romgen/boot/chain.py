"""iPXE on top of our UNDI: DHCP, a script by TFTP, a file by HTTP.

A boot disk loads the UNDI out of the ROM, as any client does, and enters iPXE's undionly.kpxe. The
file that this fetches is a network boot program of ours that adds up its own bytes in memory.
"""

from __future__ import annotations

import functools
import random
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from romgen.boot.guest import assemble
from romgen.boot.pattern import SECTOR
from romgen.boot.qemu import Disk
from romgen.errors import EXIT_TOOL, RomgenError

UNDIONLY = Path("/usr/lib/ipxe/undionly.kpxe")
EV = "BootProtocol=None\r\n"
"""The ROM leaves its adapter alone."""
DISK_SECTORS = 20_160  # 20 cylinders of 16 heads, 63 sectors
NBP_FIRST = 64
FILE_SIZE = 384 * 1024
SCRIPT = "script.ipxe"
FILE = "nbp.bin"
FILE_CHECK = "file"
"""The check that the network boot program reports."""
HOST = "10.0.2.2"
"""The host as the machine sees it on QEMU's user network."""
NUMBERS = {"DISK_ID": 9, "DISK_SECTORS": DISK_SECTORS, "PART_FIRST": NBP_FIRST - 1}


def network_program() -> bytes:
    """A boot program of FILE_SIZE bytes that ends the machine well if they all arrived."""
    program = len(assemble("nbp", {**NUMBERS, "FILE_SIZE": FILE_SIZE, "FILE_SUM": 0}))
    rest = random.Random(6).randbytes(FILE_SIZE - program)
    total = sum(word for (word,) in struct.iter_unpack("<I", rest)) & 0xFFFFFFFF
    return assemble("nbp", {**NUMBERS, "FILE_SIZE": FILE_SIZE, "FILE_SUM": total}) + rest


def chain_disk(image: Path, program: Path = UNDIONLY) -> Disk:
    """A disk that enters `program` on top of the ROM's UNDI. Error: it is not there."""
    if not program.is_file():
        raise RomgenError(
            "tool-missing",
            str(program),
            "not installed",
            "run: apt-get install --no-install-recommends ipxe",
            status=EXIT_TOOL,
        )
    data = program.read_bytes()
    sectors = -(-len(data) // SECTOR)
    numbers = {**NUMBERS, "NBP_FIRST": NBP_FIRST, "NBP_SECTORS": sectors}
    with image.open("wb") as disk:
        disk.write(assemble("undi_chain", numbers))
        disk.seek(NBP_FIRST * SECTOR)
        disk.write(data)
        disk.truncate(DISK_SECTORS * SECTOR)
    return Disk(image)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Arguments of QEMU's user network; its DHCP names the script, an HTTP server has the file."""
    files = folder / "served"
    files.mkdir(exist_ok=True)
    (files / FILE).write_bytes(network_program())
    handler = functools.partial(_Quiet, directory=str(files))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://{HOST}:{server.server_port}/{FILE}"
        (files / SCRIPT).write_text(f"#!ipxe\nchain {url} || poweroff\n")
        try:
            yield f"tftp={files},bootfile={SCRIPT}"
        finally:
            server.shutdown()
            thread.join()
