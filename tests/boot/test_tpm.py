"""What a real SeaBIOS with a TPM logs of our ROM is what a release's pcr2.json says."""

from __future__ import annotations

import hashlib
import struct
import time
from pathlib import Path

import pytest

from romgen.boot.process import start, stop
from romgen.boot.qemu import Machine, Nic, Qmp, Stop, run
from romgen.image import parse
from romgen.image.version import Stamp, stamp
from romgen.release.tpm import BANKS, measurements
from romgen.version import Version

MEMORY_MIB = 16
ALGORITHMS = {0x0004: "sha1", 0x000B: "sha256", 0x000C: "sha384", 0x000D: "sha512"}
PATIENCE = 10.0
VERSION = "98.76.54-rc1"


def logged(memory: bytes, event: bytes) -> dict[str, str]:
    """The digests of the log's entry for `event` (TCG_PCR_EVENT2), by bank."""
    at = memory.index(struct.pack("<I", len(event)) + event)
    for count in range(1, len(BANKS) + 1):
        start_at = memory.rfind(struct.pack("<3I", 2, 6, count), max(at - 300, 0), at)
        if start_at < 0:
            continue
        digests, place = {}, start_at + 12
        for _ in range(count):
            bank = ALGORITHMS[struct.unpack_from("<H", memory, place)[0]]
            size = hashlib.new(bank).digest_size
            digests[bank] = memory[place + 2 : place + 2 + size].hex()
            place += 2 + size
        assert place == at
        return digests
    raise AssertionError("no entry of PCR 2 before the event")


def test_seabios_measures_what_the_release_says(rom: Path, tmp_path: Path) -> None:
    # Stamped: the banner is what stamp wrote.
    stamped = tmp_path / "stamped.rom"
    stamped.write_bytes(stamp(rom.read_bytes(), Stamp(Version.parse(VERSION))))
    control = tmp_path / "control"
    state = tmp_path / "state"
    state.mkdir()
    swtpm = start(
        ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}",
         "--ctrl", f"type=unixio,path={control}"],
        log=tmp_path / "swtpm.log",
    )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE
        while not control.exists():
            assert swtpm.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        dump = tmp_path / "memory"

        def on_line(line: str, qmp: Qmp) -> None:
            if line.startswith(f"romgen iSCSI e1000 {VERSION}, adapter ") and not dump.exists():
                size = MEMORY_MIB << 20
                qmp.execute("pmemsave", val=0, size=size, filename=str(dump))
                qmp.execute("quit")

        extra = ("-chardev", f"socket,id=tpm,path={control}", "-tpmdev",
                 "emulator,id=tpm0,chardev=tpm", "-device", "tpm-tis,tpmdev=tpm0",
                 # nothing boots: the machine must not reset while its memory is read
                 "-boot", "reboot-timeout=20000")  # fmt: skip
        nic = Nic("e1000", stamped, bootindex=0)
        machine = Machine(nic, memory_mib=MEMORY_MIB, extra=extra)
        result = run(machine, Stop(60), tmp_path, on_line=on_line)
    finally:
        stop(swtpm)
    assert dump.exists(), result.console.text + result.log.text
    [wanted] = measurements(parse(stamped.read_bytes()))
    found = logged(dump.read_bytes(), bytes.fromhex(wanted["event"]))
    assert found and found == {bank: wanted["event_digests"][bank] for bank in found}


def test_event_is_of_every_byte(rom: Path) -> None:
    data = bytearray(rom.read_bytes())
    before = measurements(parse(bytes(data)))
    data[-1] ^= 1
    assert measurements(parse(bytes(data))) != before
    with pytest.raises(ValueError):
        logged(b"", b"event")
