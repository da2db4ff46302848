"""CHAP, mutual CHAP and digests against tgtd, with a real boot behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.disk import CheckDisk, differences
from romgen.boot.run import BootRequest, boot
from romgen.boot.tgt import Account, Lun, Tgtd
from romgen.project import Project

SMALL = CheckDisk(sectors=4096)
USER, SECRET, TARGET_SECRET = "initiator", "secretsecret12", "targettarget34"
ALL_PASSED = r"@done \d+ 0\b"
CHAP = {"AuthMethod": "CHAP", "CHAPUsername": USER, "CHAPSecret": SECRET}
MUTUAL = {**CHAP, "AuthMethod": "MutualCHAP", "CHAPMSecret": TARGET_SECRET}
DIGESTS = {"HeaderDigest": "True", "DataDigest": "True"}


def accounts(mutual: bool) -> list[Account]:
    mine = [Account(USER, SECRET)]
    return [*mine, Account("target", TARGET_SECRET, outgoing=True)] if mutual else mine


@pytest.mark.parametrize(
    "given, mutual, digests",
    [
        pytest.param(CHAP, False, False, id="chap"),
        pytest.param({**CHAP, "CHAPSecret": "0x" + SECRET.encode().hex()}, False, False, id="hex"),
        pytest.param(MUTUAL, True, False, id="mutual"),
        pytest.param({**MUTUAL, **DIGESTS}, True, True, id="mutual-digests"),
        pytest.param(DIGESTS, None, True, id="digests"),
        pytest.param({"HeaderDigest": "Prefer", "DataDigest": "Prefer"}, None, False, id="prefer"),
    ],
)
def test_boot(
    project: Project,
    rom: Path,
    tmp_path: Path,
    given: dict[str, str],
    mutual: bool | None,
    digests: bool,
) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(SMALL.image())
    with Tgtd(ev.TARGET_NAME, [Lun(1, disk)], [] if mutual is None else accounts(mutual)) as tgt:
        target = ("--lld", "iscsi", "--op", "update", "--mode", "target", "--tid", "1")
        for name in ("HeaderDigest", "DataDigest"):
            tgt.admin(*target, "-n", name, "-v", "CRC32C" if digests else "None")
        text = ev.for_tgtd(tgt, 1, **given)
        request = BootRequest(rom, "e1000", disk=disk, ev_text=text, expect=ALL_PASSED, timeout=90)
        report = boot(project, request)
    assert report.ok, report.line() + "\n" + report.console
    assert differences(disk, SMALL.image_after()) == []
    assert SECRET not in report.console


@pytest.mark.parametrize(
    "given, number",
    [
        pytest.param({**CHAP, "CHAPSecret": "not-the-secret"}, 4101, id="secret"),
        pytest.param({**CHAP, "CHAPUsername": "nobody"}, 4101, id="user"),
        pytest.param({**MUTUAL, "CHAPMSecret": "not-the-secret"}, 4132, id="target-secret"),
        pytest.param({**MUTUAL, "CHAPMUsername": "nobody"}, 4132, id="target-user"),
        pytest.param({}, 4101, id="none"),
    ],
)
def test_refused(
    project: Project, rom: Path, tmp_path: Path, given: dict[str, str], number: int
) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(SMALL.image())
    with Tgtd(ev.TARGET_NAME, [Lun(1, disk)], accounts(True)) as tgt:
        text = ev.for_tgtd(tgt, 1, **given)
        request = BootRequest(
            rom, "e1000", disk=disk, ev_text=text, expect=f"RG-{number}.*\n", timeout=40
        )
        report = boot(project, request)
    assert f"RG-{number}" in report.console, report.console
    assert SECRET not in report.console
