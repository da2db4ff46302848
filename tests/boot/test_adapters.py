"""Two adapters with the ROM: fail-over, a second disk, a second path."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.console import GuestReport, guest_report
from romgen.boot.disk import FactsDisk, disk_id
from romgen.boot.guest import EXIT_PASS
from romgen.boot.qemu import Machine, Nic, Run, Stop, run
from romgen.boot.tgt import Lun, Tgtd

DISKS = {1: FactsDisk(disk_id=0x15C51001), 2: FactsDisk(disk_id=0x15C52002)}
SLOTS = (0x0A, 0x1D, 0x0B, 0x13)  # letters in the file's name too


def play(
    rom: Path,
    device: str,
    folder: Path,
    wires: tuple[str, ...],
    texts: list[dict[str, str] | None],
    memory_mib: int = 64,
    everybody: bool = True,
) -> tuple[Run, GuestReport]:
    """wires: "good" or "unplugged"; texts: changes for each adapter, None: no own file.

    everybody: there is a file for all adapters that have none of their own
    """
    luns = []
    for number, disk in DISKS.items():
        image = folder / f"{number}.img"
        image.write_bytes(disk.image())
        luns.append(Lun(number, image))
    with Tgtd(ev.TARGET_NAME, luns) as tgt:
        nics = [
            Nic(
                device,
                rom,
                link=wire == "good",
                bootindex=index,
                mac=f"52:54:00:12:34:{0x56 + index:02x}",
                slot=SLOTS[index],
                ev=None if text is None else ev.for_tgtd(tgt, 1, **text),
            )
            for index, (wire, text) in enumerate(zip(wires, texts, strict=True))
        ]
        text = ev.for_tgtd(tgt, 1, ForceBoot="True", ConnectTimeout="3", ConnectRetries="0")
        common = text if everybody else None
        machine = Machine(nics[0], ev=common, more_nics=tuple(nics[1:]), memory_mib=memory_mib)
        result = run(machine, Stop(90), folder)
    report = guest_report(result.console.lines)
    assert result.status == EXIT_PASS and report.complete, result.console.text
    return result, report


def ids(report: GuestReport) -> dict[int, str | None]:
    return {drive: facts.get("id") for drive, facts in report.disks.items()}


def names(*luns: int) -> dict[int, str]:
    return {0x80 + i: f"{disk_id(DISKS[lun].image()):08X}" for i, lun in enumerate(luns)}


@pytest.mark.parametrize(
    "wires, first, why",
    [
        (("unplugged", "good"), {"ConnectTimeout": "3"}, "RG-1106 "),
        (("good", "good"), {"TargetName": "x"}, "(line 4)"),
        (("good", "good"), {"BootProtocol": "None"}, "nothing to do"),
    ],
)
def test_the_second_adapter_boots_where_the_first_cannot(
    rom: Path, device: str, tmp_path: Path, wires: tuple[str, str], first: dict[str, str], why: str
) -> None:
    result, report = play(rom, device, tmp_path, wires, [first, {"LUN": "2"}])
    assert why in result.console.text
    assert "Boot variables: fw_cfg opt/romgen/ev-00.1d.0\n" in result.console.text
    assert report.facts["drive"] == ["80"]
    assert ids(report) == names(2)


def test_the_second_adapter_boots_where_the_first_has_no_variables(
    rom: Path, device: str, tmp_path: Path
) -> None:
    texts = [None, {"LUN": "2"}]
    result, report = play(rom, device, tmp_path, ("good", "good"), texts, everybody=False)
    assert "RG-2001" in result.console.text
    assert ids(report) == names(2)


def test_both_reach_their_targets_the_first_boots(rom: Path, device: str, tmp_path: Path) -> None:
    texts: list[dict[str, str] | None] = [None, {"LUN": "2", "ForceBoot": "True"}]
    result, report = play(rom, device, tmp_path, ("good", "good"), texts)
    assert "Boot variables: fw_cfg opt/romgen/ev\n" in result.console.text
    assert report.facts["drive"] == ["80"]
    assert ids(report) == names(1, 2)


def test_the_same_disk_is_a_second_path_and_no_second_disk(
    rom: Path, device: str, tmp_path: Path
) -> None:
    result, report = play(rom, device, tmp_path, ("good", "good"), [None, None])
    place = f"{SLOTS[0] << 3:08x}"
    assert f"RG-1009 this disk is there already, through the adapter (0x{place})" in (
        result.console.text
    )
    assert ids(report) == names(1)


def test_without_the_first_adapters_link_its_disk_comes_through_the_second(
    rom: Path, device: str, tmp_path: Path
) -> None:
    _, report = play(rom, device, tmp_path, ("unplugged", "good"), [None, None])
    assert ids(report) == names(1)


def test_four_adapters_and_16_mib(rom: Path, device: str, tmp_path: Path) -> None:
    texts: list[dict[str, str] | None] = [{"BootProtocol": "None"}, {"LUN": "9"}, {}, {"LUN": "2"}]
    wires = ("good", "good", "unplugged", "good")
    result, report = play(rom, device, tmp_path, wires, texts, memory_mib=16)
    for slot in SLOTS:
        assert f"adapter 00:{slot:02x}.0\n" in result.console.text
    assert report.facts["drive"] == ["80"]
    assert ids(report) == names(2)
