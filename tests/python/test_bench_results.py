"""The benchmark's arithmetic, its plan and its page."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.bench import rival
from romgen.bench.limits import base_memory, costs_table, counts_table, loopback_table
from romgen.bench.measure import Side, _figures
from romgen.bench.page import BEGIN, END, plot, table, write_page
from romgen.bench.plan import ROW, WRITE_FIRST, Row, damage, disk
from romgen.bench.raw import raw_table
from romgen.bench.results import Pair, load, ratios, store, without
from romgen.bench.systems import BEGIN as GRUB_BEGIN
from romgen.bench.systems import END as GRUB_END
from romgen.bench.systems import PATIENCE, SYSTEMS
from romgen.bench.workloads import GROUPS, WORKLOADS, chosen
from romgen.boot import pattern
from romgen.boot.console import Line
from romgen.boot.pattern import SECTOR
from romgen.boot.qemu import Run
from romgen.errors import RomgenError
from romgen.project import Project
from romgen.systems.kernel import LAST_MESSAGE

PAIRS = [Pair("e1000", "read-8", ours, other) for ours, other in ((40, 10), (30, 10), (90, 10))]


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    (row,) = ratios([*PAIRS, Pair("e1000", "gone", 1, 1)], WORKLOADS)
    assert (row.ratio, row.low, row.high, row.pairs) == (4, 3, 9, 3)
    assert (row.ours, row.other) == (40, 10)
    assert row.goal == 3 and row.held


def test_seconds_are_better_when_there_are_few() -> None:
    rows = ratios([Pair("e1000", "power-on", 1.0, 1.25), Pair("virtio", "power-on", 1.0, 1.25)],
                  WORKLOADS)  # fmt: skip
    assert [(row.goal, row.held) for row in rows] == [(0.85, True), (0.7, False)]


def test_other_adapters_have_to_be_as_fast() -> None:
    rows = ratios([Pair("pcnet", "read-8", ours, 1.0) for ours in (0.97, 0.99, 1.0)], WORKLOADS)
    assert [(row.goal, row.held) for row in rows] == [(1.0, True)]  # a tie
    rows = ratios([Pair("pcnet", "power-on", 1.03, 1.0)], WORKLOADS)
    assert [(row.goal, row.held) for row in rows] == [(1.0, False)]


def test_every_workload_has_a_group_and_a_name_of_its_own() -> None:
    assert {each.group for each in WORKLOADS} == {each.name for each in GROUPS}
    assert len({each.name for each in WORKLOADS}) == len(WORKLOADS)
    assert {each.name for each in chosen(["delay-2", "read-8"])} == {
        "read-8", "delay-2-read-127", "delay-2-read-64", "delay-2-read-8"}  # fmt: skip


def test_measured_anew_replaces(tmp_path: Path) -> None:
    kept = tmp_path / "bench.json"
    assert load(kept) == []
    store(kept, [*PAIRS, Pair("virtio", "read-8", 1, 1)])
    assert without(load(kept), "e1000", chosen(["read-8"])) == [Pair("virtio", "read-8", 1, 1)]
    kept.write_text('{"pairs": [{"nic": "e1000"}]}')
    with pytest.raises(RomgenError, match="damaged"):
        load(kept)


def test_the_page_has_the_table_and_the_plot_a_bar_a_row(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    rows = ratios(PAIRS, WORKLOADS)
    write_page(page, [table(rows), "more\n"])
    assert page.read_text() == f"before\n{BEGIN}\n{table(rows)}\nmore\n{END}\nafter\n"
    assert "| 40 KiB/s | 10 KiB/s | 4.00 | 3.00-9.00 of 3 | 3 | held |" in table(rows)
    assert plot(rows).count("<rect x=") == len(rows)
    page.write_text("no marks")
    with pytest.raises(RomgenError, match="no <!--"):
        write_page(page, [table(rows)])


def test_what_stands_beside_the_ratios(tmp_path: Path) -> None:
    assert "| 127 | 2 MiB/s |" in loopback_table({127: 2048.0})
    project = Project(build=tmp_path)
    assert "| int13 read 8 in order |" in counts_table(project)
    with pytest.raises(RomgenError, match="romgen build iscsi-e1000"):
        costs_table(project, ["e1000"])
    (tmp_path / "iscsi-e1000.map.json").write_text(
        '{"image": {"size": 32256, "resident": 23048}, '
        '"memory": {"data": 1000, "stack": 24, "undi_data": 4000, "undi_code": 976}, '
        '"base_less": 0}'
    )
    assert "| iscsi-e1000 | 32,256 | 23,048 | 6,000 | 7 KiB |" in costs_table(project, ["e1000"])
    memory = {"data": 15200, "stack": 3072, "undi_data": 29744, "undi_code": 3434}
    assert base_memory(memory, 0) == 51
    assert base_memory(memory, 8 * 1536) == 39
    assert "| e1000 | 3 MiB/s |" in raw_table({"e1000": 3072.0})


def said(*lines: tuple[float, str]) -> Run:
    """A run with these lines on its console."""
    result = Run()
    for at, text in lines:
        result.console.lines.append(Line(at, text))
    return result


def test_figures_of_real_systems() -> None:
    grub, linux = SYSTEMS["grub"].figures, SYSTEMS["linux"].figures
    assert grub(said((2, GRUB_BEGIN), (4, GRUB_END)), rival=False) == {"grub": 64 * 1024 / 2}
    assert grub(said((2, GRUB_BEGIN)), rival=True) == {"grub": 64 * 1024 / (PATIENCE - 2)}
    assert grub(said(), rival=True) == {"grub": 64 * 1024 / PATIENCE}
    messages = (5, "\x1b[1;1H@loaded"), (9, "[    0.000000] Linux version 6.1"), (11, LAST_MESSAGE)
    times = {"linux-loaded": 5.0, "linux-first": 9.0, "linux-last": 11.0}
    assert linux(said(*messages), rival=False) == times
    before = (1, "Features: DNS"), (4.5, rival.GO)
    times = {"linux-loaded": 1.5, "linux-first": 5.5, "linux-last": 7.5}
    assert linux(said(*before, *messages), rival=True) == times
    assert linux(said(*messages[:1]), rival=False)["linux-first"] == PATIENCE


def test_a_row_in_which_the_rival_hangs(tmp_path: Path) -> None:
    work = [each for each in WORKLOADS if each.name in ("read-127", "read-64", "read-8")]
    begin = ((0.5, "@"), (1, "@fact begin 0"))
    lines = (*begin, (2, "@fact end 0 10 1270 1"), (3, "@fact begin 1"))
    result = said(*lines)
    result.seconds = 67.0
    found, calls = _figures(Side("iPXE", "", tmp_path, True), result, work)
    assert found == {"read-127": 635.0, "read-64": 0.5} and calls == [10]
    with pytest.raises(RomgenError, match="did not finish"):
        _figures(Side("this ROM", "", tmp_path, False), result, work)
    early = said(begin[0])
    early.seconds = 64.0
    found, calls = _figures(Side("iPXE", "", tmp_path, True), early, work)
    assert found == {"read-127": 1.0} and calls == []
    wrong = said(*lines, (4, "@fail contents wrong"))
    with pytest.raises(RomgenError, match="did not finish"):
        _figures(Side("iPXE", "", tmp_path, True), wrong, work)


def test_a_row_may_tell_its_longest_call() -> None:
    (row,) = (each for each in WORKLOADS if each.longest)
    assert row.row is not None and row.row.calls == 10_000 and row.unit == "s"


def test_the_plan_stands_behind_the_program() -> None:
    rows = [Row("read", 127), Row("write", 8, WRITE_FIRST, 64)]
    image = disk(rows)
    plan = image[63 * SECTOR : 64 * SECTOR]
    assert plan.startswith(rows[0].pack() + rows[1].pack() + bytes(ROW.size))
    with pytest.raises(RomgenError, match="do not fit"):
        disk([Row("read")] * 30)


def test_what_was_not_written_shows() -> None:
    row = Row("write", 2, 4, 4, checked=0)
    image = bytearray(b"".join(pattern.sector(lba) for lba in range(10)))
    for lba, content in row.written(5):
        image[lba * SECTOR : (lba + 1) * SECTOR] = content
    assert damage(bytes(image), [row], [5]) == ""
    image[7 * SECTOR + 100] ^= 1
    assert "sector 7 " in damage(bytes(image), [row], [5])
    assert damage(bytes(image), [row], [1]) == ""


def test_ipxe_is_not_charged_for_the_wait_and_dhcp(tmp_path: Path) -> None:
    lines = [Line(0.5, "Features: DNS"), Line(6.0, "net0: 10.0.2.15"), Line(6.5, "@go"),
             Line(7.0, "@")]  # fmt: skip
    assert rival.power_on(lines, 7.0) == 1.0
    with pytest.raises(RomgenError, match="did not come to its script"):
        rival.power_on(lines[:1], 7.0)
    options = rival.netdev(tmp_path, "10.0.2.15", "10.0.2.2", 3260)
    assert options == f"tftp={tmp_path},bootfile=bench.ipxe"
    assert "sanboot iscsi:10.0.2.2::3260:1:" in (tmp_path / "bench.ipxe").read_text()
