"""Instructions of the hot paths, counted in the bench: a change shows its cost without a clock.

``python tests/asm/counts.py`` prints them beside the baseline in ``tests/asm/counts.json``;
``--write`` makes them the new baseline.  REP counts one for each repetition.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parents[1]):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from bench.machine import CALLER_STACK, Machine  # noqa: E402
from peer.stack import Stack  # noqa: E402
from peer.tcp import connected  # noqa: E402
from peer_iscsi import bench as initiator  # noqa: E402

BASELINE = HERE / "counts.json"
KIB = 1024
SEGMENT = 1440
SECTORS = 64
AHEAD, AHEAD_SIZE = 0x400000, 0x20000
READ_TO, PACKET = 0x60000, 0x58000
"""The caller's buffer and packet."""


def _bytes(machine: Machine) -> tuple[int, int]:
    return machine.far(machine.buffer(KIB, bytes(range(256)) * 4))


def checksum(machine: Machine) -> int:
    """checksum_add over 1 KiB."""
    segment, offset = _bytes(machine)
    return machine.call(
        "checksum_add", es=segment, esi=offset, ecx=KIB, eax=0, count=True
    ).instructions


def copy(machine: Machine) -> int:
    """copy_to_linear of 1 KiB below 1 MiB."""
    segment, offset = _bytes(machine)
    to = machine.buffer(KIB)
    return machine.call(
        "copy_to_linear", es=segment, esi=offset, edi=to, ecx=KIB, count=True
    ).instructions


def crc_table(machine: Machine) -> int:
    """crc32c_add over 1 KiB by the table."""
    return _crc(machine, 0)


def crc_instruction(machine: Machine) -> int:
    """crc32c_add over 1 KiB by the processor's instruction."""
    return _crc(machine, 1)


def _crc(machine: Machine, sse: int) -> int:
    machine.set("crc32c_sse", sse, 1)
    segment, offset = _bytes(machine)
    return machine.call(
        "crc32c_add", es=segment, esi=offset, ecx=KIB, eax=0xFFFFFFFF, count=True
    ).instructions


def segment(machine: Machine) -> int:
    """net_poll with one in-order segment of 1440 bytes; the UNDI and iSCSI are stand-ins."""
    stack = Stack(machine)
    peer = connected(stack)
    stack.poll(2)
    peer.write(bytes(SEGMENT))
    return machine.call("net_poll", count=True).instructions


def _opened(machine: Machine, folder: str) -> initiator.Bench:
    """A disk behind INT 13h with memory for the read-ahead; TCP is a stand-in."""
    bench = initiator.make(machine, Path(folder) / "disk.img").opened()
    machine.allow(0, 0x400, "interrupt vectors")
    machine.allow(CALLER_STACK, 0x4000, "the caller's stack")
    machine.allow(AHEAD, AHEAD_SIZE, "memory for the read-ahead")
    machine.set("ahead_memory", AHEAD, 4)
    machine.call("int13_install", limit=200_000_000)
    machine.set("int13_busy", 0, 1)
    bench.link.piece = SEGMENT
    return bench


def _edd(machine: Machine, lba: int, sectors: int) -> int:
    """Instructions of INT 13h AH=42h; the first sector is compared."""
    machine.write(READ_TO, bytes(512))
    packet = bytes([16, 0]) + sectors.to_bytes(2, "little") + (READ_TO & 15).to_bytes(2, "little")
    packet += (READ_TO >> 4).to_bytes(2, "little") + lba.to_bytes(8, "little")
    machine.write(PACKET, packet)
    result = machine.call_interrupt(
        0x13, eax=0x4200, edx=0x80, ds=PACKET >> 4, esi=PACKET & 15, count=True
    )
    assert not result.cf and machine.read(READ_TO, 4) == lba.to_bytes(4, "little")
    return result.instructions


def _stream(machine: Machine, sectors: int, calls: int) -> int:
    """Instructions per KiB of `calls` reads in order, behind the same number that go before."""
    machine.allow(READ_TO, SECTORS * 2 * 512, "the caller's buffer")
    machine.allow(PACKET, 16, "the packet")
    with tempfile.TemporaryDirectory() as folder:
        bench = _opened(machine, folder)
        spent = [_edd(machine, 8 + n * sectors, sectors) for n in range(2 * calls)]
        bench.link.close()
    return sum(spent[calls:]) * KIB // (calls * sectors * 512)


def read_64(machine: Machine) -> int:
    """INT 13h AH=42h of 64 sectors, first to last instruction; nothing was read before."""
    machine.allow(READ_TO, SECTORS * 512, "the caller's buffer")
    machine.allow(PACKET, 16, "the packet")
    with tempfile.TemporaryDirectory() as folder:
        bench = _opened(machine, folder)
        spent = _edd(machine, 8, SECTORS)
        bench.link.close()
    return spent


def stream_127(machine: Machine) -> int:
    """Reads of 127 sectors in order, the next command out before it is asked for."""
    return _stream(machine, 127, 4)


def stream_8(machine: Machine) -> int:
    """Reads of 8 sectors in order, from the read-ahead."""
    return _stream(machine, 8, 32)


def stream_1(machine: Machine) -> int:
    """Reads of 1 sector in order, from the read-ahead."""
    return _stream(machine, 1, 128)


PATHS: dict[str, Callable[[Machine], int]] = {
    "checksum_per_kib": checksum,
    "copy_per_kib": copy,
    "crc32c_table_per_kib": crc_table,
    "crc32c_instruction_per_kib": crc_instruction,
    "tcp_segment_1440": segment,
    "int13_read_64_sectors": read_64,
    "int13_read_127_in_order_per_kib": stream_127,
    "int13_read_8_in_order_per_kib": stream_8,
    "int13_read_1_in_order_per_kib": stream_1,
}


def main() -> int:
    """Prints or writes the counts."""
    from fuzz.targets import new_machine

    parser = argparse.ArgumentParser(description="instruction counts of the hot paths")
    parser.add_argument("--write", action="store_true", help="make them the baseline")
    args = parser.parse_args()
    known = json.loads(BASELINE.read_text(encoding="ascii")) if BASELINE.exists() else {}
    counts = {name: measure(new_machine()) for name, measure in PATHS.items()}
    for name, count in counts.items():
        before = known.get(name)
        change = f"{100 * (count - before) / before:+.1f} %" if before else "new"
        print(f"{name:<32}{count:>10}{change:>10}")
    if args.write:
        BASELINE.write_text(json.dumps(counts, indent=2) + "\n", encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
