"""A boot menu left open for ten minutes, with targets that ping and targets that hang up.

All boots run at once: an idle machine costs next to nothing. (8 seconds: tests/boot/test_idle.py.)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from romgen.boot.matrix import MENUS
from romgen.boot.menu import MenuTarget, menu_boots
from romgen.target.script import Act

MENU = 600.0
AT_ONCE = 1.0
"""Seconds for the first read; the machine may be busy with other boots."""
TARGETS = [
    MenuTarget("scripted pings every 10 s", ping=10, patience=20),
    MenuTarget("scripted pings every 2 s", ping=2, patience=4),
    MenuTarget("tgt pings every 5 s", ping=5, tgt=True),
    MenuTarget("tgt is silent", ping=0, tgt=True),
    MenuTarget("scripted closes after 60 s", limit=60),
    MenuTarget("scripted resets after 60 s", limit=60, act=Act.RESET),
    MenuTarget("scripted asks for a logout after 60 s", limit=60, act=Act.ASYNC),
    MenuTarget("scripted is silent"),
]


def test_ten_minutes(
    rom: Path, device: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    outcomes = menu_boots(rom, device, tmp_path, MENU, TARGETS)
    for name, outcome in outcomes.items():
        logins = f"{outcome.logins}" if outcome.logins >= 0 else "-"
        record_property(f"menu {name}", f"{outcome.seconds:.2f} s, {logins}")
    assert len(outcomes) == MENUS
    assert {name: outcome.problem for name, outcome in outcomes.items() if outcome.problem} == {}
    assert {outcome.status for outcome in outcomes.values()} == {0}
    slow = {name: each.seconds for name, each in outcomes.items() if each.seconds > AT_ONCE}
    assert slow == {}
    for target in TARGETS:
        seen = outcomes[target.name]
        assert seen.messages == []
        if not target.tgt:
            assert seen.logins == (2 if target.limit else 1), (target.name, seen.events)
        if target.ping and not target.tgt:
            assert seen.events.count("ping answered") >= MENU / target.ping / 2
