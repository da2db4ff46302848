"""romgen boot: arguments, EV text, disks, scenarios; what a user can do wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot import ev, pattern
from romgen.boot.disk import CheckDisk, FactsDisk, differences, disk_id, disk_sum
from romgen.boot.guest import assemble
from romgen.boot.pattern import SECTOR
from romgen.boot.scenario import load, names
from romgen.cli import main
from romgen.errors import EXIT_USAGE, RomgenError
from romgen.project import Project


def test_what_the_users_text_lacks_is_added() -> None:
    text = ev.completed("# mine\nLUN=7", ev.defaults(1234, 1))
    assert text.startswith("# mine\nLUN=7\n")
    assert ev.names(text)["LUN"] == "7"
    assert ev.names(text)["TargetPort"] == "1234"
    assert text.count("LUN=") == 1


def test_a_comment_is_no_variable() -> None:
    assert ev.names(" # LUN=7\nTargetIP = 10.0.0.1 \n") == {"TargetIP": "10.0.0.1"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--rom", "nothing.rom", "--nic", "e1000"], "nothing.rom: no such file"),
        (["--rom", "nothing.rom"], "give --nic"),
        (["--rom", "x", "--nic", "e1001"], "QEMU has no such adapter, known are:"),
        (["--timeout", "0"], "0 is no time to wait"),
        (["--lun", "0"], "cannot be exported"),
        (["--layout", "iscsi-e1001"], "iscsi-e1001"),
    ],
)
def test_wrong_arguments(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["boot", *arguments]) == EXIT_USAGE
    assert text in capsys.readouterr().err


def test_a_wrong_expression(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rom = tmp_path / "r.rom"
    rom.write_bytes(bytes(512))
    arguments = ["boot", "--rom", str(rom), "--nic", "e1000", "--expect", "("]
    assert main(arguments) == EXIT_USAGE
    assert "no regular expression" in capsys.readouterr().err


def test_pattern_differs_in_every_sector_and_when_written() -> None:
    sectors = {pattern.sector(lba) for lba in range(5000)}
    assert len(sectors) == 5000
    assert pattern.sector(7, written=True) == bytes(byte ^ 0xFF for byte in pattern.sector(7))


def test_check_disk_is_written_where_it_says() -> None:
    disk = CheckDisk(sectors=4096)
    before, after = disk.image(), disk.image_after()
    changed = {
        at for at in range(4096) if before[at * SECTOR :][:SECTOR] != after[at * SECTOR :][:SECTOR]
    }
    assert changed == set(range(*disk.chs_write)) | set(range(*disk.edd_write))
    assert max(changed) == 4095


def test_a_disk_that_is_too_small() -> None:
    with pytest.raises(RomgenError, match="too few"):
        CheckDisk(sectors=100).image()


def test_differences_name_the_sector(tmp_path: Path) -> None:
    image = bytearray(FactsDisk().image())
    file = tmp_path / "disk"
    file.write_bytes(image)
    assert differences(file, bytes(image)) == []
    image[700 * SECTOR] ^= 1
    assert differences(file, bytes(image)) == ["sector 700 differs"]
    assert "size is" in differences(file, bytes(image) + b"x")[0]


def test_sum_and_signature_of_a_disk() -> None:
    image = bytearray(2 * SECTOR)
    image[0], image[SECTOR] = 5, 7
    image[0x1B8:0x1BC] = bytes([1, 0, 0, 0])
    assert disk_id(bytes(image)) == 1
    assert disk_sum(bytes(image)) == (5 + 1) * 33 + 7


def test_an_unknown_guest() -> None:
    with pytest.raises(RomgenError, match="no such boot program"):
        assemble("nothing", {})


def test_every_scenario_is_right() -> None:
    project = Project()
    assert {"target-closed", "wrong-lun", "dead-link", "garbled-ev"} <= set(names(project))
    for name in names(project):
        assert load(project, name).title


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('errors = ["NO_SUCH_ERROR"]', "no error is named 'NO_SUCH_ERROR'"),
        ('target = "tgt"', "did you mean 'tgtd'?"),
        ("ev = { LUN = 5 }", "'LUN' is 5, quote it"),
        ("wihtin = 5", "did you mean 'within'?"),
    ],
)
def test_a_wrong_scenario(tmp_path: Path, line: str, message: str) -> None:
    folder = tmp_path / "qemu" / "scenarios"
    folder.mkdir(parents=True)
    (tmp_path / "romgen").symlink_to(Project().root / "romgen")
    (folder / "bad.toml").write_text(f'title = "x"\nboots = ["local"]\n{line}\n')
    with pytest.raises(RomgenError) as error:
        load(Project(tmp_path, tmp_path / "build"), "bad")
    assert error.value.where.endswith("bad.toml:3")
    assert message in str(error.value)
