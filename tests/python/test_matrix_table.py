"""The table of `make test-matrix`: the page is written when every case has run, not before."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from romgen.boot import matrix
from romgen.boot.matrix import (
    BY_HAND,
    CLEAN_TARGETS,
    COLUMNS,
    DIGESTS,
    MENUS,
    METHODS,
    TARGETS,
    Results,
)


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    page, report = tmp_path / "interop.md", tmp_path / "build" / "matrix.md"
    monkeypatch.setattr(matrix, "PAGE", page)
    monkeypatch.setattr(matrix, "REPORT", report)
    return page, report


def ran(target: str, auth: str, digests: str, weather: str) -> dict[str, object]:
    names = ("target", "auth", "digests", "weather")
    values = zip(names, (target, auth, digests, weather), strict=True)
    return {**dict(values), "verdict": "RIGHT", "seconds": 4.5, "said": ""}


def everything() -> Results:
    results = Results()
    for case in itertools.product(TARGETS, METHODS, DIGESTS, COLUMNS):
        results.add(ran(*case), True)
    for case in itertools.product(CLEAN_TARGETS, METHODS, DIGESTS, ["clean"]):
        results.add(ran(*case), True)
    results.add({f"menu target {number}": "0.05 s, 2" for number in range(MENUS)}, True)
    return results


def test_a_part_leaves_the_page_alone(pages: tuple[Path, Path]) -> None:
    page, report = pages
    results = Results()
    results.add(ran("tgt", "CHAP", "both", "clean"), True)
    results.write()
    assert not page.exists()
    assert "| tgt | CHAP | both | 4.5 | - |" in report.read_text()


def test_the_whole_keeps_what_was_written_by_hand(pages: tuple[Path, Path]) -> None:
    page, report = pages
    page.write_text(f"old\n{BY_HAND}\n## Mine\n")
    everything().write()
    text = page.read_text()
    assert text.endswith(f"{BY_HAND}\n## Mine\n") and "old" not in text
    assert "240 of 240 boots, 240 with the right data; 0 tests failed" in text
    assert "| istgt | MutualCHAP | 4.5 | 4.5 | 4.5 | 4.5 |" in text
    assert "| target 7 | 0.05 s | 2 |" in text
    assert text.startswith(report.read_text())


@pytest.mark.parametrize(
    "verdict, cell", [("ERROR", "error RG-3030"), ("WRONG", "wrong"), (None, "failed")]
)
def test_a_failure_shows(pages: tuple[Path, Path], verdict: str | None, cell: str) -> None:
    results = everything()
    seen = ran("tgt", "None", "off", "corrupt")
    results.add({**seen, "verdict": verdict, "said": "RG-3030"}, False)
    results.write()
    assert f"| {cell} |" in pages[0].read_text()
    assert "239 with the right data; 1 tests failed" in pages[0].read_text()
