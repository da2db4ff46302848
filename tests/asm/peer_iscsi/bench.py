"""What the tests of the initiator share: a machine with EVs, a disk with a pattern, a target."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from bench.machine import Machine, Result

from peer_iscsi.link import Link
from romgen.catalog import load_errors
from romgen.project import Project
from romgen.target import Disk, Script, Target
from romgen.target.disk import lun_bytes

ROOT = Path(__file__).resolve().parents[3]
ERRORS = {entry.name: entry.number for entry in load_errors(Project(ROOT).tables / "errors")}
IP, IP2, PORT = "10.0.0.2", "10.0.0.3", 3260
MAC = bytes.fromhex("525400123456")
BLOCKS = 4096
SMALL = 0x20000  # larger buffers lie above 1 MiB
HIGH = 0x300000


def pattern(first: int, count: int, block_size: int = 512) -> bytes:
    """Blocks that hold their own number everywhere."""
    return b"".join(struct.pack("<Q", n) * (block_size // 8) for n in range(first, first + count))


@dataclass
class Bench:
    """One initiator and its first target."""

    machine: Machine
    link: Link
    target: Target
    path: Path

    @property
    def script(self) -> Script:
        return self.target.script

    def ev(self, **values: int | bytes | str) -> None:
        """EVs as the ROM's parser leaves them: names without `ev_`."""
        sizes = {"ip": 4, "ip2": 4}
        for name, value in values.items():
            if isinstance(value, str) and name in ("target_ip", "target_ip2", "initiator_ip"):
                value = IPv4Address(value).packed
            elif isinstance(value, str):
                value = value.encode() + b"\0"
            elif isinstance(value, int):
                words = ("target_port", "target_port2", "connect_timeout", "connect_retries")
                size = 2 if name in (*words, "io_timeout") else sizes.get(name, 1)
                value = value.to_bytes(size, "little")
            self.machine.set("ev_" + name, value)

    def open(self) -> Result:
        return self.machine.call("iscsi_open", limit=400_000_000)

    def opened(self) -> Bench:
        result = self.open()
        assert not result.cf, (result.ax, self.machine.get("error_detail", 4), self.target.events)
        return self

    def move(self, name: str, lba: int, count: int, data: bytes = b"", size: int = 0) -> Any:
        """disk_read or disk_write; gives (result, buffer's content)."""
        machine = self.machine
        size = size or len(data) or count * machine.get("disk_block_size", 4)
        if size <= SMALL:
            buffer = machine.buffer(size, data)
        else:
            buffer = HIGH - size % 4096
            machine.allow(buffer, size)
            machine.write(buffer, data)
        machine.set("disk_lba", lba, 8)
        machine.set("disk_count", count, 4)
        machine.set("disk_buffer", buffer, 4)
        result = machine.call(name, limit=400_000_000)
        return result, machine.read(buffer, size)

    def read(self, lba: int, count: int) -> Any:
        return self.move("disk_read", lba, count)

    def write(self, lba: int, data: bytes) -> Any:
        count = len(data) // self.machine.get("disk_block_size", 4)
        return self.move("disk_write", lba, count, data)[0]

    def detail(self) -> int:
        return self.machine.get("error_detail", 4)

    def on_disk(self, lba: int, count: int) -> bytes:
        size = self.machine.get("disk_block_size", 4)
        with self.path.open("rb") as stream:
            stream.seek(lba * size)
            return stream.read(count * size)


def make(
    machine: Machine, path: Path, script: Script | None = None, block_size: int = 512, **disk: Any
) -> Bench:
    """A bench whose disk of BLOCKS blocks holds `pattern`, at LUN 1 of IP:PORT."""
    path.write_bytes(pattern(0, BLOCKS * 512 // block_size, block_size))
    script = script or Script()
    disk = {"lun": lun_bytes(1), "block_size": block_size, **disk}
    target = Target(replace(script), Disk(path, **disk))
    link = Link(machine)
    link.targets[IP, PORT] = target
    bench = Bench(machine, link, target, path)
    machine.allow(0x100000, 0x1000)  # the A20 gate is tried there
    machine.set("net_mac", MAC)
    bench.ev(
        initiator_name="iqn.2026-01.test.romgen:initiator",
        target_name=script.name,
        target_ip=IP,
        target_port=PORT,
        lun=lun_bytes(1),
        connect_timeout=10,
        connect_retries=2,
        io_timeout=60,
    )
    return bench


__all__ = ["BLOCKS", "ERRORS", "IP", "IP2", "MAC", "PORT", "Bench", "make", "pattern"]
