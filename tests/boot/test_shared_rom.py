"""Several adapters with the ROM, beside a VGA BIOS too: all serve; what each keeps of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.console import guest_report
from romgen.boot.disk import FactsDisk, disk_id
from romgen.boot.guest import EXIT_PASS
from romgen.boot.qemu import Machine, Nic, Qmp, Stop, run
from romgen.boot.tgt import Lun, Tgtd
from romgen.formats.option_rom import CONSTANTS, pcir, rom_header

AREA, AREA_END, STEP = 0xC0000, 0xF0000, 0x800
BLOCK = 512
SHORT_MAX = 4096


def roms(area: bytes) -> list[tuple[int, bytes]]:
    """(address, bytes) of the ROMs of ours, one after the other as a BIOS finds them."""
    found = []
    at = 0
    while at < len(area):
        size = area[at + 2] * BLOCK
        if area[at : at + 2] != b"\x55\xaa" or not size or sum(area[at : at + size]) & 0xFF:
            at += STEP
            continue
        header = rom_header.parse(area[at:])
        if header.owner == CONSTANTS["ROM_OWNER"]:
            found.append((AREA + at, area[at : at + size]))
        at += -(-size // STEP) * STEP
    return found


@pytest.mark.parametrize(
    "count, memory_mib, vga", [(2, 64, False), (4, 16, True)], ids=["two", "four-vga-16MiB"]
)
def test_each_adapter_has_its_disk(
    rom: Path, device: str, tmp_path: Path, count: int, memory_mib: int, vga: bool
) -> None:
    disks = {lun: FactsDisk(disk_id=0x15C5_0000 + lun) for lun in range(1, count + 1)}
    luns = []
    for lun, disk in disks.items():
        image = tmp_path / f"{lun}.img"
        image.write_bytes(disk.image())
        luns.append(Lun(lun, image))
    dump = tmp_path / "memory"

    def look(line: str, qmp: Qmp) -> None:
        if line.startswith("@fact drive"):
            qmp.execute("pmemsave", val=AREA, size=AREA_END - AREA, filename=str(dump))

    with Tgtd(ev.TARGET_NAME, luns) as tgt:
        nics = [
            Nic(
                device,
                rom,
                bootindex=lun,
                mac=f"52:54:00:12:34:{lun:02x}",
                slot=8 + lun,
                ev=ev.for_tgtd(tgt, lun),
            )
            for lun in disks
        ]
        machine = Machine(
            nics[0],
            ev="",
            more_nics=tuple(nics[1:]),
            memory_mib=memory_mib,
            extra=("-device", "VGA") if vga else (),
        )
        result = run(machine, Stop(120), tmp_path, on_line=look)
    report = guest_report(result.console.lines)
    assert result.status == EXIT_PASS and report.complete, result.console.text
    assert {drive: facts.get("id") for drive, facts in report.disks.items()} == {
        0x80 + index: f"{disk_id(disk.image()):08X}" for index, disk in enumerate(disks.values())
    }
    (_, first), *others = roms(dump.read_bytes())
    assert len(first) > SHORT_MAX and len(others) == count - 1
    header = rom_header.parse(first)
    assert header.packed <= len(first) < header.packed + BLOCK  # what is packed is elsewhere
    assert header.packed_far > 1 << 20
    for address, kept in others:
        assert len(kept) <= SHORT_MAX, f"{len(kept)} bytes at {address:05X}h"
        assert pcir.parse(kept[rom_header.parse(kept).pcir :]).image_length * BLOCK == len(kept)
