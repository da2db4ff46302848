"""The table in the memory of a running machine, read over QMP as a person would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from romgen import cli
from romgen.boot import ev
from romgen.boot.disk import TICKS_PER_SECOND
from romgen.boot.guest import assemble
from romgen.boot.qemu import Machine, Nic, Qmp, Stop, run
from romgen.boot.tgt import Lun, Tgtd
from romgen.ibft import Table
from romgen.ibft.source import from_qmp

SECTORS = 2048
MAC, MAC2 = "52:54:00:ab:cd:ef", "52:54:00:ab:cd:f0"


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A disk whose program waits a second, then ends the machine."""
    image = tmp_path / "idle.img"
    numbers = {"DISK_ID": 1, "DISK_SECTORS": SECTORS, "PART_FIRST": 63}
    with image.open("wb") as stream:
        stream.write(assemble("idle", {**numbers, "IDLE_TICKS": int(TICKS_PER_SECOND)}))
        stream.truncate(SECTORS * 512)
    return image


def look_at(tables: list[Table]) -> Callable[[str, Qmp], None]:
    def look(line: str, qmp: Qmp) -> None:
        if line.startswith("@fact idle"):
            tables.extend(from_qmp(qmp.execute, "qemu"))

    return look


def test_two_adapters_are_two_paths_of_one_table(
    rom: Path, device: str, disk: Path, tmp_path: Path
) -> None:
    found: list[Table] = []
    second = tmp_path / "second.img"
    second.write_bytes(disk.read_bytes())
    with Tgtd(ev.TARGET_NAME, [Lun(1, disk), Lun(2, second)]) as tgt:
        other = Nic(device, rom, mac=MAC2, slot=9, ev=ev.for_tgtd(tgt, 2))
        nic = Nic(device, rom, mac=MAC, slot=8)
        machine = Machine(nic=nic, ev=ev.for_tgtd(tgt, 1), more_nics=(other,))
        result = run(machine, Stop(60), tmp_path, on_line=look_at(found))
    assert "Disk 80h" in result.console.text and "Disk 81h" in result.console.text
    (table,) = found
    assert table.findings == []
    assert [(nic.mac.hex(":"), nic.flags) for nic in table.nics] == [(MAC, 7), (MAC2, 5)]
    assert [(target.nic, target.flags) for target in table.targets] == [(0, 3), (1, 1)]


def test_the_booted_system_finds_what_was_configured(
    rom: Path, device: str, disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found: list[Table] = []
    memory = tmp_path / "memory"

    def look(line: str, qmp: Qmp) -> None:
        if line.startswith("@fact idle"):
            found.extend(from_qmp(qmp.execute, "qemu"))
            qmp.execute("pmemsave", val=0, size=1 << 20, filename=str(memory))

    with Tgtd(ev.TARGET_NAME, [Lun(7, disk)]) as tgt:
        text = ev.for_tgtd(tgt, 7)
        run(Machine(nic=Nic(device, rom, mac=MAC), ev=text), Stop(60), tmp_path, on_line=look)
        port = tgt.port
    (table,) = found
    assert table.findings == []
    assert cli.main(["ibft", "dump", str(memory), "--json"]) == 0
    (dump,) = json.loads(capsys.readouterr().out)
    assert dump["address"] == table.address
    assert dump["initiator"]["name"] == ev.INITIATOR_NAME
    (nic,), (target,) = dump["nics"], dump["targets"]
    assert (nic["ip"], nic["prefix"], nic["gateway"]) == (ev.GUEST_IP, 24, None)
    assert (nic["mac"], nic["bdf"], nic["origin"]) == (MAC, "00:02.0", 1)
    assert (target["name"], target["ip"], target["port"]) == (ev.TARGET_NAME, ev.HOST_IP, port)
    assert target["lun"] == "0007000000000000"
