"""System 4: what Debian's kernel shows of the iBFT and of EDD is what was configured."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.tgt import Account
from romgen.ibft import Table
from romgen.ibft.source import from_qmp
from romgen.project import Project
from romgen.systems.kernel import DISK_ID, DISK_MIB, kernel_disk
from romgen.systems.run import SHOT, Booted, SystemBoot, boot_system, record

pytestmark = [pytest.mark.ci, pytest.mark.xdist_group("kernel")]  # one boot for all of them
MAC = "52:54:00:1b:f7:04"
PCI = "0000:00:03.0"
HEADS, SECTORS_PER_TRACK, SECTORS = 255, 63, DISK_MIB * 2048
INITIATOR = "iqn.2007-09.com.example:" + "long-name-" * 15
USER, SECRET = "Unix#user", "a secret of 24 bytes #=!"
PEER, PEER_SECRET = "target-side", "0123456789abcdef"
VARIABLES = {
    "InitiatorName": INITIATOR,
    "InitiatorNetmask": "255.255.252.0",
    "InitiatorRoute": "10.0.2.2",
    "AuthMethod": "MutualCHAP",
    "CHAPUsername": USER,
    "CHAPSecret": SECRET,
    "CHAPMUsername": PEER,
    "CHAPMSecret": PEER_SECRET,
}
ACCOUNTS = (Account(USER, SECRET), Account(PEER, PEER_SECRET, outgoing=True))


@pytest.fixture(scope="module")
def tables() -> list[Table]:
    """What was in the machine's memory while the system ran."""
    return []


@pytest.fixture(scope="module")
def booted(
    project: Project,
    rom: Path,
    device: str,
    tmp_path_factory: pytest.TempPathFactory,
    tables: list[Table],
) -> Booted:
    begin = time.monotonic()
    disk = tmp_path_factory.mktemp("kernel") / "disk.img"
    shutil.copyfile(kernel_disk(), disk)
    what = SystemBoot("kernel", disk, 300, ev=VARIABLES, accounts=ACCOUNTS, mac=MAC)
    built = time.monotonic() - begin
    result = boot_system(
        project, rom, device, what,
        lambda line, qmp: tables.extend(from_qmp(qmp.execute, "qemu")) if line == SHOT else None,
    )  # fmt: skip
    assert result.lines and result.lines[-1] == "@done", result.run.console.text
    record(project, "kernel", "Debian kernel: iBFT and EDD in /sys", result, build=built)
    return result


def shown(booted: Booted, folder: str) -> dict[str, str]:
    """File -> content below /sys/firmware/<folder>."""
    pairs = [value.partition(" ") for value in booted.values("sys")]
    return {
        path.removeprefix(folder + "/"): bytes.fromhex(raw).decode("latin-1").rstrip("\n")
        for path, _, raw in pairs
        if path.startswith(folder + "/")
    }


def test_nothing_failed(booted: Booted) -> None:
    assert booted.values("fail") == []
    assert booted.messages == []
    assert booted.run.status == 0
    assert len(booted.pictures) == 1


def test_every_file_of_the_ibft(booted: Booted) -> None:
    assert shown(booted, "ibft") == {
        "acpi_header/signature": "iBFT",
        "acpi_header/oem_id": "ROMGEN",
        "acpi_header/oem_table_id": "ROMGEN  ",
        "initiator/index": "0",
        "initiator/flags": "3",
        "initiator/initiator-name": INITIATOR,
        "ethernet0/index": "0",
        "ethernet0/flags": "7",
        "ethernet0/ip-addr": ev.GUEST_IP,
        "ethernet0/subnet-mask": "255.255.252.0",
        "ethernet0/prefix-len": "22",
        "ethernet0/origin": "1",
        "ethernet0/vlan": "0",
        "ethernet0/mac": MAC,
        "target0/index": "0",
        "target0/flags": "3",
        "target0/ip-addr": ev.HOST_IP,
        "target0/port": str(booted.port),
        "target0/lun": "01000000",
        "target0/nic-assoc": "0",
        "target0/chap-type": "2",
        "target0/target-name": ev.TARGET_NAME,
        "target0/chap-name": USER,
        "target0/chap-secret": SECRET,
        "target0/rev-chap-name": PEER,
        "target0/rev-chap-name-secret": PEER_SECRET,
    }


def test_every_file_of_edd(booted: Booted) -> None:
    found = shown(booted, "edd")
    raw = found.pop("int13_dev80/raw_data")
    assert raw.encode("latin-1")[:2] == b"\x4a\0"
    cylinders = SECTORS // (HEADS * SECTORS_PER_TRACK)
    assert {key: " ".join(value.split()) for key, value in found.items()} == {
        f"int13_dev80/{key}": value
        for key, value in {
            "version": "0x30",
            "extensions": "Fixed disk access Enhanced Disk Drive support 64-bit extensions",
            "info_flags": "DMA boundary error transparent geometry valid",
            "sectors": str(SECTORS),
            "mbr_signature": f"{DISK_ID:#010x}",
            "default_cylinders": str(cylinders),
            "default_heads": str(HEADS),
            "default_sectors_per_track": str(SECTORS_PER_TRACK),
            "legacy_max_cylinder": str(cylinders - 1),
            "legacy_max_head": str(HEADS - 1),
            "legacy_sectors_per_track": str(SECTORS_PER_TRACK),
            "host_bus": "PCI 00:03.0 channel: 0",
            "interface": "SCSI id: 0 lun: 1",
        }.items()
    }


def test_both_lead_to_the_adapter(booted: Booted) -> None:
    links = dict(value.split(" ") for value in booted.values("link"))
    assert {name: Path(to).name for name, to in links.items()} == {
        "ibft/ethernet0/device": PCI,
        "edd/int13_dev80/pci_dev": PCI,
    }


def test_its_memory_is_nobody_elses(booted: Booted, tables: list[Table]) -> None:
    """The table lies in no range that the BIOS calls usable, and is whole while the system runs."""
    (table,) = tables
    assert table.findings == [] and table.address is not None
    log = booted.values("dmesg")
    assert any(f"iBFT found at {table.address:#018x}" in line for line in log)
    ranges = [line.partition("[mem ")[2].partition("]") for line in log if "usable" in line]
    assert ranges
    for bounds, _, _ in ranges:
        first, last = (int(text, 16) for text in bounds.split("-"))
        assert table.address + table.length <= first or table.address > last
