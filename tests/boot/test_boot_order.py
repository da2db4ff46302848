"""The BIOS's order of boot devices and its menu, with local disk, CD and USB stick beside ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.console import GuestReport, guest_report
from romgen.boot.disk import FactsDisk, disk_id
from romgen.boot.guest import EXIT_PASS
from romgen.boot.qemu import Machine, Nic, Qmp, Stop, run
from romgen.boot.tgt import Lun, Tgtd

KINDS = ("iscsi", "other", "usb", "local")
DISKS = {kind: FactsDisk(disk_id=0x15C5_0B00 + number) for number, kind in enumerate(KINDS)}
MENU = ("-boot", "menu=on,splash-time=1000")


def drive(kind: str, image: Path, device: str, index: int) -> list[str]:
    media = "media=cdrom,readonly=on" if kind == "cd" else "snapshot=on"
    return [
        *("-drive", f"if=none,id={kind},format=raw,{media},file={image}"),
        *("-device", f"{device},drive={kind},bootindex={index}"),
    ]


class Bench:
    """Images of all disks, and a machine with all of them."""

    def __init__(self, rom: Path, device: str, folder: Path) -> None:
        self.rom, self.device, self.folder = rom, device, folder
        self.images = {kind: folder / f"{kind}.img" for kind in DISKS}
        for kind, disk in DISKS.items():
            self.images[kind].write_bytes(disk.image())
        self.blank = folder / "blank.iso"
        self.blank.write_bytes(bytes(1 << 16))

    def locals(self, cd: int, usb: int, local: int) -> tuple[str, ...]:
        """QEMU's arguments for a blank CD, a USB stick and a local disk in this order."""
        return (
            *drive("cd", self.blank, "ide-cd", cd),
            *("-device", "qemu-xhci"),
            *drive("usb", self.images["usb"], "usb-storage", usb),
            *drive("local", self.images["local"], "ide-hd", local),
        )

    def play(
        self, index: int, extra: tuple[str, ...], link: bool = True, key: str = "", **variables: str
    ) -> tuple[str, GuestReport]:
        """One boot; key: what to type in the BIOS's menu."""

        def press(line: str, qmp: Qmp) -> None:
            if key and line.startswith("Press ESC"):
                qmp.execute("send-key", keys=[{"type": "qcode", "data": "esc"}])
            if key and line.startswith("1. "):
                qmp.execute("send-key", keys=[{"type": "qcode", "data": key}])

        luns = [Lun(1, self.images["iscsi"]), Lun(2, self.images["other"])]
        with Tgtd(ev.TARGET_NAME, luns) as tgt:
            first = Nic(
                self.device, self.rom, link=link, bootindex=index, slot=9,
                ev=ev.for_tgtd(tgt, 1, ConnectTimeout="3", ConnectRetries="0", **variables),
            )  # fmt: skip
            second = Nic(
                self.device, self.rom, bootindex=index + 1, slot=10, mac="52:54:00:12:34:57",
                ev=ev.for_tgtd(tgt, 2),
            )  # fmt: skip
            more = (second,) if key else ()
            machine = Machine(first, ev="", more_nics=more, extra=extra)
            result = run(machine, Stop(60), self.folder, on_line=press)
        report = guest_report(result.console.lines)
        assert result.status == EXIT_PASS and report.complete, result.console.text
        assert report.facts["drive"] == ["80"]
        return result.console.text, report


@pytest.fixture
def bench(rom: Path, device: str, tmp_path: Path) -> Bench:
    return Bench(rom, device, tmp_path)


def ids(report: GuestReport) -> list[str | None]:
    return [facts.get("id") for _, facts in sorted(report.disks.items())]


def disks(*kinds: str) -> list[str]:
    return [f"{disk_id(DISKS[kind].image()):08X}" for kind in kinds]


def test_menu_tells_adapter_target_and_lun_and_boots_what_is_chosen(bench: Bench) -> None:
    text, report = bench.play(0, (*bench.locals(2, 4, 3), *MENU), key="2")
    assert f"1. e1000 00:09.0 LUN 1 {ev.TARGET_NAME}\n" in text
    assert f"2. e1000 00:0a.0 LUN 2 {ev.TARGET_NAME}\n" in text
    assert ids(report)[0] == disks("other")[0]
    assert sorted(map(str, ids(report))) == sorted(disks(*KINDS))


def test_between_a_cd_that_does_not_boot_and_a_stick(bench: Bench) -> None:
    _, report = bench.play(1, bench.locals(0, 2, 3))
    assert ids(report) == disks("iscsi", "usb", "local")


def test_force_boot_before_all_local_disks(bench: Bench) -> None:
    _, report = bench.play(3, bench.locals(0, 1, 2), ForceBoot="True")
    assert ids(report) == disks("iscsi", "usb", "local")


def test_without_a_link_the_others_boot_as_if_the_rom_were_not_there(bench: Bench) -> None:
    text, report = bench.play(1, bench.locals(0, 2, 3), link=False)
    assert "RG-1106 " in text
    assert ids(report) == disks("usb", "local")
