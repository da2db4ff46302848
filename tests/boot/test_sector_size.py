"""A medium of 4096-byte blocks: whole as sectors of 512 bytes, by its boot sector as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.console import GuestReport, guest_report
from romgen.boot.disk import CheckDisk, differences
from romgen.boot.guest import EXIT_LOAD, EXIT_PASS
from romgen.boot.qemu import Machine, Nic, Stop, run
from romgen.target import Disk, Script, Target

CHECK = CheckDisk(sectors=8192)
BLOCK = 4096


def boot(
    rom: Path, device: str, folder: Path, image: Path, sector_size: str
) -> tuple[int | None, GuestReport]:
    with Target(Script(), Disk(image, block_size=BLOCK)) as target:
        variables = ev.defaults(target.port, 1, target.script.name) | {"SectorSize": sector_size}
        result = run(Machine(nic=Nic(device, rom), ev=ev.text(variables)), Stop(90), folder)
        assert "protocol error" not in " ".join(target.events)
    return result.status, guest_report(result.console.lines)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(CHECK.image())
    return path


def test_sectors_of_512_bytes(rom: Path, device: str, tmp_path: Path, image: Path) -> None:
    """Every check of the demonstration disk; then its bytes: parts of blocks were written, too."""
    status, guest = boot(rom, device, tmp_path, image, "512")
    assert (status, guest.failed, guest.complete) == (EXIT_PASS, {}, True)
    assert differences(image, CHECK.image_after()) == []


def test_native_blocks_load_the_boot_sector_alone(
    rom: Path, device: str, tmp_path: Path, image: Path
) -> None:
    """The boot program asks for its second sector by CHS, which such a disk does not have."""
    status, _ = boot(rom, device, tmp_path, image, "Native")
    assert status == EXIT_LOAD
    assert differences(image, CHECK.image()) == []
