"""istgt, from Debian's package: every method and digest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from romgen.boot import ev
from romgen.boot.matrix import DIGESTS, METHODS
from romgen.boot.netns import BadWire
from romgen.boot.wire_boot import (
    PORT,
    SECRET,
    TARGET_SECRET,
    USER,
    Security,
    Verdict,
    WireBoot,
    wire_boot,
)
from romgen.systems.istgt import LUN, PACKAGE, Istgt
from romgen.systems.packages import candidate

TIMEOUT = 120.0


def istgt(wire: BadWire, address: str, image: Path, security: Security, folder: Path) -> Istgt:
    return Istgt(
        ev.TARGET_NAME,
        image,
        folder,
        address,
        PORT,
        account=None if security.auth == "None" else (USER, SECRET),
        own=("target", TARGET_SECRET) if security.auth == "MutualCHAP" else None,
        prefix=wire.command(),
    )


@pytest.mark.parametrize("digests", DIGESTS)
@pytest.mark.parametrize("auth", METHODS)
def test_boot(
    rom: Path,
    device: str,
    auth: str,
    digests: str,
    record_property: Callable[[str, object], None],
) -> None:
    case = {"weather": "clean", "target": "istgt", "auth": auth, "digests": digests}
    for name, value in case.items():
        record_property(name, value)
    security = Security(auth, *DIGESTS[digests])
    boot = WireBoot(rom, device, istgt, security, variables={"LUN": str(LUN)}, timeout=TIMEOUT)
    outcome = wire_boot(boot)
    record_property("version", f"istgt {candidate(PACKAGE)}")
    record_property("verdict", outcome.verdict.name)
    record_property("seconds", round(outcome.run.seconds, 1))
    record_property("said", " ".join(f"RG-{each.number:04}" for each in outcome.messages))
    assert outcome.verdict is Verdict.RIGHT, f"{outcome.why}\n{outcome.run.console.text}"
