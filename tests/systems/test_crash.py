"""System 7: Debian panics; the crash kernel logs in from the iBFT again and saves the memory."""

from __future__ import annotations

import struct
import time
from pathlib import Path

from romgen.boot import ev
from romgen.boot.process import run_tool
from romgen.project import Project
from romgen.systems.image import file_in, names_in
from romgen.systems.kinds import CRASH_FOLDER, crash_disk
from romgen.systems.run import SystemBoot, boot_system, record

FLAT_SIGNATURE = b"makedumpfile"
FLAT_HEADER = 4096  # before the first piece
FLAT_PIECE = struct.Struct(">qq")  # where it belongs, its size; -1, -1: the end
SIGNATURE = b"KDUMP   "
UTSNAME_AT, UTSNAME_FIELD = 12, 65  # struct disk_dump_header of makedumpfile and crash
NODE, RELEASE = 1, 2
PANIC = b"sysrq: Trigger a crash"


def header_of(dump: bytes) -> bytes:
    """The first piece of a dump as makedumpfile -F writes it; the dump has its end."""
    assert dump.startswith(FLAT_SIGNATURE)
    at, first = FLAT_HEADER, b""
    while True:
        place, size = FLAT_PIECE.unpack_from(dump, at)
        at += FLAT_PIECE.size
        if place < 0:
            assert (place, size, at) == (-1, -1, len(dump))
            return first
        if place == 0:
            first = dump[at : at + size]
        at += size


def test_a_panic_leaves_a_dump(project: Project, rom: Path, device: str, tmp_path: Path) -> None:
    begin = time.monotonic()
    disk = tmp_path / "disk.img"
    run_tool(["cp", "--sparse=always", str(crash_disk()), str(disk)], timeout=600)
    built = time.monotonic() - begin
    what = SystemBoot("crash", disk, 1500, memory_mib=1024, shot=r"makedumpfile|Saving core")
    booted = boot_system(project, rom, device, what)
    text = booted.run.console.text[-3000:]
    assert booted.values("loaded") and booted.values("loaded")[0].split()[0] == "1", text
    assert booted.values("session") == [ev.TARGET_NAME]
    assert booted.lines[-1] == "@panic", text
    assert (booted.run.ended, booted.run.status) == ("exit", 0), text  # it reboots: QEMU ends
    stamps = [name for name in names_in(disk, CRASH_FOLDER) if name.isdecimal()]
    assert len(stamps) == 1, text
    dump = file_in(disk, f"{CRASH_FOLDER}/{stamps[0]}/dump.{stamps[0]}")
    assert dump is not None
    header = header_of(dump)
    assert header.startswith(SIGNATURE)
    names = [
        header[UTSNAME_AT + at * UTSNAME_FIELD :][:UTSNAME_FIELD].rstrip(b"\0").decode()
        for at in (NODE, RELEASE)
    ]
    assert names == ["romgen-guest", *booted.values("kernel")]
    log = file_in(disk, f"{CRASH_FOLDER}/{stamps[0]}/dmesg.{stamps[0]}")
    assert log is not None and PANIC in log
    booted.seconds = booted.run.seconds
    record(
        project, "crash", f"Debian 12 panics: dump of {len(dump) >> 20} MiB", booted, build=built
    )
