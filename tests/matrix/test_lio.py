"""The Linux kernel's target, LIO, in a guest of the tests' own: every method and digest.

LIO refuses a login whose T bit comes before CHAP's last step, and takes SHA-256 as CHAP_A 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from romgen.boot.matrix import DIGESTS, METHODS
from romgen.boot.menu import NOON, menu_image
from romgen.boot.wire_boot import Security, Verdict
from romgen.systems.lio import Lio, LioTarget
from romgen.systems.lio_boot import lio_boot, lio_target

pytestmark = pytest.mark.xdist_group("lio")  # one guest for all of them
TIMEOUT = 120.0
CASES = {
    (auth, digests): Security(auth, *wanted)
    for auth in METHODS
    for digests, wanted in DIGESTS.items()
}
MENU = 75.0
"""Seconds: LIO pings after 15 s; 30 s later without an answer it ends the session."""
ALGORITHMS = ("MD5", "SHA1", "SHA256")
CHAP = Security("CHAP")


@dataclass(frozen=True)
class Rig:
    """The guest, its target for each case, spare ones with CHAP for each algorithm, a menu's."""

    lio: Lio
    targets: dict[tuple[str, str], LioTarget]
    spare: dict[str, LioTarget]
    menu: LioTarget


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("lio")
        targets = {case: lio_target(folder, security) for case, security in CASES.items()}
        spare = {name: lio_target(folder, CHAP, "-" + name.lower()) for name in ALGORITHMS}
        menu = LioTarget("iqn.2007-09.com.example:menu", menu_image(folder / "menu.img", MENU))
        lio = stack.enter_context(Lio(folder, [*targets.values(), *spare.values(), menu]))
        yield Rig(lio, targets, spare, menu)


@pytest.mark.parametrize("digests", DIGESTS)
@pytest.mark.parametrize("auth", METHODS)
def test_boot(
    rom: Path,
    device: str,
    rig: Rig,
    auth: str,
    digests: str,
    record_property: Callable[[str, object], None],
) -> None:
    case = {"weather": "clean", "target": "LIO", "auth": auth, "digests": digests}
    for name, value in case.items():
        record_property(name, value)
    security = CASES[auth, digests]
    outcome = lio_boot(rig.lio, rig.targets[auth, digests], rom, device, security, TIMEOUT)
    record_property("version", f"LIO: {rig.lio.version}")
    record_property("verdict", outcome.verdict.name)
    record_property("seconds", round(outcome.run.seconds, 1))
    record_property("said", " ".join(f"RG-{each.number:04}" for each in outcome.messages))
    story = f"{outcome.why}\n{outcome.run.console.text}\n{rig.lio.log}"
    assert outcome.verdict is Verdict.RIGHT, story


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm(rom: Path, device: str, rig: Rig, algorithm: str) -> None:
    given = {"CHAPAlgorithms": algorithm}
    outcome = lio_boot(rig.lio, rig.spare[algorithm], rom, device, CHAP, TIMEOUT, given)
    assert outcome.verdict is Verdict.RIGHT, f"{outcome.run.console.text}\n{rig.lio.log}"


@pytest.mark.parametrize(
    "auth, given, number",
    [
        pytest.param("CHAP", {"CHAPSecret": "not-the-secret"}, 4101, id="secret"),
        pytest.param("CHAP", {"CHAPUsername": "nobody"}, 4101, id="user"),
        pytest.param("CHAP", {"AuthMethod": "None"}, 4101, id="none"),
        pytest.param("MutualCHAP", {"CHAPMSecret": "not-the-secret"}, 4132, id="target-secret"),
        pytest.param("MutualCHAP", {"CHAPMUsername": "nobody"}, 4132, id="target-user"),
    ],
)
def test_refused(
    rom: Path, device: str, rig: Rig, auth: str, given: dict[str, str], number: int
) -> None:
    target = rig.targets[auth, "off"]
    outcome = lio_boot(rig.lio, target, rom, device, Security(auth), TIMEOUT, given)
    assert number in [message.number for message in outcome.messages], outcome.run.console.text
    assert outcome.guest.ok == []


def test_an_open_menu_answers_its_pings(rom: Path, device: str, rig: Rig) -> None:
    outcome = lio_boot(rig.lio, rig.menu, rom, device, Security(), MENU + TIMEOUT, extra=NOON)
    assert outcome.guest.complete, outcome.run.console.text
    status, ticks = outcome.guest.facts["read"][0].split()
    assert int(status, 16) >> 8 == 0 and int(ticks) <= 5
    assert outcome.messages == []
    assert "NOPIN" not in rig.lio.log  # what LIO says when an answer does not come
