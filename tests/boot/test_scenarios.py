"""Every scenario of qemu/scenarios/: the ROM says what is wrong, leaves nothing, a disk boots."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.boot.scenario import LOCAL, Outcome, leftovers, load, names, play, problems
from romgen.project import Project


@pytest.mark.parametrize("name", names(Project()))
def test_scenario(
    name: str, project: Project, rom: Path, device: str, clean_machine: Outcome
) -> None:
    scenario = load(project, name)
    outcome = play(scenario, rom, device)
    assert problems(scenario, outcome, project) == [], outcome.run.console.text
    if scenario.boots == (LOCAL,):
        assert leftovers(outcome, clean_machine) == []
