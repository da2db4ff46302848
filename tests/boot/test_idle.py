"""The booted program sits idle: pings are answered from the timer tick, a lost session is renewed.

Ten minutes of it: tests/matrix/test_menu.py.
"""

from __future__ import annotations

from pathlib import Path

from romgen.boot.menu import MenuTarget, menu_boots
from romgen.target.script import Act

IDLE = 9.0  # seconds, three times what the target allows for an answer
INTERVAL, PATIENCE, LIMIT = 0.5, 3.0, 2.0
AT_ONCE = 1.0  # seconds on a busy machine: usually a tick or two; any time-out takes longer
TARGETS = [
    MenuTarget("pings", ping=INTERVAL, patience=PATIENCE),
    MenuTarget("closes", limit=LIMIT),
    MenuTarget("resets", limit=LIMIT, act=Act.RESET),
    MenuTarget("asks for a logout", limit=LIMIT, act=Act.ASYNC),
]


def test_disk_is_still_there_after_a_long_menu(rom: Path, device: str, tmp_path: Path) -> None:
    """One test: the boots run at once, so four cost no more time than one."""
    outcomes = menu_boots(rom, device, tmp_path, IDLE, TARGETS)
    for outcome in outcomes.values():
        assert outcome.problem == ""
        assert outcome.status == 0
        assert outcome.seconds <= AT_ONCE
        assert outcome.messages == []  # the user is told of nothing
    pinged = outcomes["pings"]
    assert pinged.events.count("ping answered") >= IDLE / INTERVAL / 4
    assert "ping was not answered" not in pinged.events
    assert {name: outcome.logins for name, outcome in outcomes.items()} == {
        "pings": 1,
        "closes": 2,
        "resets": 2,
        "asks for a logout": 2,
    }
    for name, said in (("closes", "idle close"), ("resets", "idle reset")):
        assert said in outcomes[name].events
    assert "idle async" in outcomes["asks for a logout"].events
