"""The hot paths cost no more instructions than the baseline says (tests/asm/counts.json)."""

from __future__ import annotations

import json

import pytest
from bench.machine import Machine
from counts import BASELINE, PATHS

SLACK = 1.02


@pytest.mark.parametrize("name", PATHS)
def test_no_path_became_slower(machine: Machine, name: str) -> None:
    baseline = json.loads(BASELINE.read_text(encoding="ascii"))[name]
    count = PATHS[name](machine)
    assert count <= baseline * SLACK, (
        f"{name}: {count} instructions, baseline {baseline}: make it cheaper, or say why and run "
        "'make counts ARGS=--write'"
    )
