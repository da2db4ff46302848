"""The Linux kernel's target, LIO, in a guest: one boot with all there is (more: tests/matrix)."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot.wire_boot import Security, Verdict
from romgen.systems.lio import Lio
from romgen.systems.lio_boot import lio_boot, lio_target

TIMEOUT = 120.0
ALL = Security("MutualCHAP", header=True, data=True)


@pytest.mark.ci
def test_boot_with_mutual_chap_and_digests(rom: Path, device: str, tmp_path: Path) -> None:
    target = lio_target(tmp_path, ALL)
    with Lio(tmp_path, [target]) as lio:
        outcome = lio_boot(lio, target, rom, device, ALL, TIMEOUT)
        assert outcome.verdict is Verdict.RIGHT, f"{outcome.why}\n{outcome.run.console.text}"
