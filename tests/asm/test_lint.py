"""Every routine of asm/ and undi/ has its contract above it, in the form of docs/assembly.md."""

from __future__ import annotations

from bench.contract import parse_tree
from conftest import ROOT


def test_every_routine_has_a_contract() -> None:
    contracts, problems = parse_tree(ROOT)
    assert contracts, "no banner found: is the tree there?"
    assert problems == []
