"""The demonstration disk through the ROM, as `make boot` does it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.disk import CheckDisk, LossDisk
from romgen.boot.pcap import pdus, read_frames, segments
from romgen.boot.peers import ClosedPort
from romgen.boot.phases import PHASES
from romgen.boot.report import BootReport
from romgen.boot.run import BootRequest, boot
from romgen.cli import main
from romgen.errors import EXIT_BOOT
from romgen.project import Project

CHECK = CheckDisk()


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "demo.pcap"


@pytest.fixture(scope="module")
def demo(project: Project, rom: Path, capture: Path) -> BootReport:
    return boot(project, BootRequest(rom, "e1000", pcap=capture, timeout=90))


def port_of(pcap: Path) -> int:
    return next(s for s in segments(read_frames(pcap)) if s.syn).dest[1]


def test_demo_boots(demo: BootReport) -> None:
    assert demo.ok, demo.line() + "\n" + demo.console
    assert demo.guest.failed == {}
    assert demo.guest.complete


def test_every_phase_is_timed(demo: BootReport) -> None:
    assert [phase.name for phase in demo.phases] == list(PHASES)
    assert all(phase.seconds >= 0 for phase in demo.phases)
    assert demo.phases[-1].end == pytest.approx(demo.seconds)


def test_the_rom_says_what_it_does(demo: BootReport) -> None:
    for text in (ev.GUEST_IP, ev.HOST_IP, ev.TARGET_NAME, "52:54:00:12:34:56"):
        assert text in demo.console


def test_the_bios_sees_the_disk(demo: BootReport) -> None:
    facts = demo.guest.facts
    assert facts["drive"] == ["80"]
    assert facts["disks"] == ["1"]
    assert facts["type15"] == [str(CHECK.sectors)]
    assert facts["edd"][0].startswith("30 ")


def test_the_rom_keeps_its_memory_out_of_the_map(demo: BootReport) -> None:
    vector = next(v for v in demo.guest.facts["vector"] if v.startswith("13 "))
    segment, offset = (int(part, 16) for part in vector.split()[1].split(":"))
    handler = segment * 16 + offset
    usable = [tuple(entry.split()) for entry in demo.guest.facts["e820"] if entry.endswith(" 1")]
    assert usable
    for base, length, _ in usable:
        assert not int(base, 16) <= handler < int(base, 16) + int(length, 16)


def test_reset_costs_nothing_on_the_wire(demo: BootReport, capture: Path) -> None:
    assert demo.ok
    frames = read_frames(capture)
    stream = list(pdus(frames, port_of(capture)))
    before, behind = (
        next(i for i, pdu in enumerate(stream) if pdu.read == (mark, 1)) for mark in CHECK.marks
    )
    # Between the two commands: Data-In with the answer to the first, and nothing else.
    answers = stream[before + 1 : behind]
    assert answers and not any(pdu.to_target for pdu in answers)
    first, last = answers[-1].frame.index, stream[behind].frame.index
    between = [s for s in segments(frames[first + 1 : last]) if s.payload or s.syn]
    assert between == []


def test_json_of_the_command(rom: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["boot", "--rom", str(rom), "--nic", "e1000", "--json", "--timeout", "90"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["ok"] and result["cause"] is None
    assert [phase["name"] for phase in result["phases"]] == list(PHASES)
    assert result["checks"]["failed"] == {}


def test_a_boot_that_fails_names_phase_and_cause(
    rom: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ClosedPort() as target:
        text = tmp_path / "ev.txt"
        text.write_text(ev.text({**ev.defaults(target.port, 1), "ConnectRetries": "0"}))
        arguments = ["boot", "--rom", str(rom), "--nic", "e1000", "--ev", str(text), "--json"]
        assert main(arguments) == EXIT_BOOT
    result = json.loads(capsys.readouterr().out)
    assert result["failed_phase"] == "TCP"
    assert "refuses the connection" in result["cause"]
    assert [phase["name"] for phase in result["phases"]] == ["POST", "link", "ARP"]


def test_an_expectation_that_does_not_come_ends_in_time(
    project: Project, rom: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(LossDisk(quiet=30).image())
    request = BootRequest(rom, "e1000", disk=disk, expect="never said", timeout=4)
    report = boot(project, request)
    assert not report.ok and report.ended == "timeout"
    assert report.cause == "no 'never said' came within 4 s"


def test_ev_text_and_captures_of_the_command(
    rom: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, pcap, serial = (tmp_path / name for name in ("ev", "pcap", "serial"))
    text.write_text("TargetName=iqn.2001-01.com.example:mine\r\n# no more\r\n")
    arguments = ["boot", "--rom", str(rom), "--nic", "e1000", "--ev", str(text)]
    arguments += ["--pcap", str(pcap), "--serial", str(serial), "--lun", "3", "--timeout", "90"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "iqn.2001-01.com.example:mine" in shown and "LUN 3" in shown
    assert shown.splitlines()[-1].startswith("booted the demonstration disk through e1000 in ")
    assert b"iqn.2001-01.com.example:mine" in serial.read_bytes()
    assert any(pdu.read for pdu in pdus(read_frames(pcap), port_of(pcap)))
