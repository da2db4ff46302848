"""Boots from the network: other people's boot programs over our DHCP, TFTP, base code and UNDI."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot import netboot
from romgen.boot.console import rom_messages
from romgen.boot.disk import FactsDisk
from romgen.boot.ev import TARGET_NAME, for_tgtd
from romgen.boot.guest import EXIT_PASS
from romgen.boot.qemu import Machine, Nic, Stop, run
from romgen.boot.tgt import Lun, Tgtd
from romgen.build import build
from romgen.errors import RomgenError
from romgen.project import ROOT, Project


def built(folder: Path, layout: str) -> Path:
    return build(Project(ROOT, folder), layout).rom


@pytest.fixture(scope="module")
def pxe_rom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("pxe"), "pxe-e1000")


@pytest.fixture(scope="module")
def dual_rom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("dual"), "dual-e1000")


@pytest.mark.parametrize("loader", ["pxelinux", "grub", "ipxe"])
def test_boot_programs(pxe_rom: Path, device: str, tmp_path: Path, loader: str) -> None:
    result = netboot.boot(pxe_rom, device, loader, tmp_path)
    assert result.ok, result.run.console.text
    assert not rom_messages(result.run.console.lines)


def test_no_such_file(pxe_rom: Path, device: str, tmp_path: Path) -> None:
    """The error is told, and the BIOS goes on with a machine as it was."""
    nic = Nic(device, pxe_rom, f"tftp={tmp_path},bootfile=none.0", bootindex=0)
    result = run(Machine(nic), Stop(30), tmp_path)
    assert [message.number for message in rom_messages(result.console.lines)] == [7012]
    assert "No bootable device" in result.console.text


def test_both_in_one_rom_network(dual_rom: Path, device: str, tmp_path: Path) -> None:
    result = netboot.boot(dual_rom, device, "own", tmp_path, netboot.PXE_EV)
    assert result.ok, result.run.console.text


def test_both_in_one_rom_iscsi(dual_rom: Path, device: str, tmp_path: Path) -> None:
    """The same ROM, first in the boot order as a boot program, too: the disk boots."""
    image = tmp_path / "disk.img"
    image.write_bytes(FactsDisk().image())
    with Tgtd(TARGET_NAME, [Lun(1, image)]) as tgt:
        nic = Nic(device, dual_rom, f"tftp={tmp_path},bootfile=none.0", bootindex=0)
        result = run(Machine(nic, ev=for_tgtd(tgt, 1)), Stop(60), tmp_path)
    assert result.status == EXIT_PASS, result.console.text
    assert not rom_messages(result.console.lines)


def test_a_loader_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netboot, "PXELINUX", tmp_path / "none.0")
    with pytest.raises(RomgenError, match="not installed"):
        netboot.pxelinux(tmp_path)
