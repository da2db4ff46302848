"""Everything that the fuzzer has kept runs through the ROM without breaking a rule of the bench."""

from __future__ import annotations

import pytest
from bench.contract import Contract
from bench.coverage import Coverage
from bench.machine import BenchError, Machine
from bench.program import Program
from fuzz.driver import CORPUS, Session, Target, corpus_of, fuzz
from fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_corpus(
    rom_program: Program, contracts: dict[str, Contract], asm_coverage: Coverage, name: str
) -> None:
    machine = Machine(rom_program, contracts, coverage=asm_coverage)
    session = Session.start(TARGETS[name], machine)
    findings = {data.hex(): session.execute(data)[1] for data in corpus_of(TARGETS[name])}
    assert findings, "a target without seeds tests nothing"
    assert {data: text for data, text in findings.items() if text} == {}


def test_corpus_belongs_to_targets() -> None:
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} <= set(TARGETS)


def test_fuzzer_finds_a_planted_fault(machine: Machine, tmp_path: object) -> None:
    """A parser that dies at one byte value: found, with the input that shows it."""

    def run(_: Machine, data: bytes) -> None:
        if data[:1] == b"\x7f":
            raise BenchError("planted.asm:1: writes 1 bytes at 0x0, outside what it may")

    shown: list[str] = []
    target = Target("planted", lambda m: None, run, [b"\x00"], 4)
    folder = CORPUS / "planted"
    try:
        assert fuzz(target, machine, 2.0, 1, shown.append) == 1
        kept = list(folder.glob("crash-*"))
        assert len(kept) == 1 and kept[0].read_bytes()[:1] == b"\x7f"
        assert "planted.asm:1" in shown[0]
    finally:
        for path in folder.glob("*"):
            path.unlink()
        folder.rmdir()
