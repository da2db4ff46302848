"""The table of docs/benchmarks.md and its plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from romgen.bench.results import Ratio
from romgen.bench.workloads import CALLS, RATE, SECONDS
from romgen.errors import RomgenError
from romgen.project import write_atomic

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
KIB_PER_MIB = 1024
ROW, LEFT, WIDTH, HEAD = 18, 330, 420, 40
"""Sizes of the plot in pixels: a row, what is left of the bars, the bars, what is above them."""
LOWEST, HIGHEST = 1 / 4, 64.0
"""Ends of the plot's scale; what lies beyond is cut."""
LINES = (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)
PLOT = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{{ width }}" height="{{ height }}" \
font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
<text x="8" y="16" font-size="13">How much better than iPXE (its figure = 1), median of pairs; \
line: least to largest; mark: goal</text>
{% for line in lines %}
<line x1="{{ line.x }}" x2="{{ line.x }}" y1="30" y2="{{ height }}" \
stroke="{{ '#000' if line.value == 1 else '#ddd' }}"/>
<text x="{{ line.x }}" y="28" text-anchor="middle" fill="#666">{{ '%g' % line.value }}</text>
{% endfor %}
{% for bar in bars %}
<text x="{{ left - 8 }}" y="{{ bar.y + 12 }}" text-anchor="end">{{ bar.title|e }}</text>
<rect x="{{ bar.x }}" y="{{ bar.y + 3 }}" width="{{ bar.width }}" height="10" \
fill="{{ '#2a7' if bar.held else '#888' if bar.held is none else '#c53' }}"/>
<line x1="{{ bar.low }}" x2="{{ bar.high }}" y1="{{ bar.y + 8 }}" y2="{{ bar.y + 8 }}" \
stroke="#000"/>
{% if bar.goal is not none %}
<line x1="{{ bar.goal }}" x2="{{ bar.goal }}" y1="{{ bar.y + 1 }}" y2="{{ bar.y + 15 }}" \
stroke="#00c" stroke-width="2"/>
{% endif %}
{% endfor %}
</svg>
"""


def figure(value: float, unit: str) -> str:
    """A figure with its unit, as the table has it."""
    if unit == SECONDS:
        return f"{value:.2f} s"
    if unit == CALLS:
        return f"{value:,.0f} /s"
    assert unit == RATE
    return f"{value / KIB_PER_MIB:.1f} MiB/s" if value >= KIB_PER_MIB else f"{value:.0f} KiB/s"


def table(rows: Sequence[Ratio]) -> str:
    """The Markdown table."""
    out = [
        "| adapter | workload | this ROM | iPXE | ratio | of pairs | goal | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        unit = row.workload.unit
        sign = "at most " if unit == SECONDS else ""
        goal = "" if row.goal is None else f"{sign}{row.goal:g}"
        verdict = {None: "", True: "held", False: "**missed**"}[row.held]
        out.append(
            f"| {row.nic} | {row.workload.title} | {figure(row.ours, unit)} "
            f"| {figure(row.other, unit)} | {row.ratio:.2f} "
            f"| {row.low:.2f}-{row.high:.2f} of {row.pairs} | {goal} | {verdict} |"
        )
    return "\n".join(out) + "\n"


def plot(rows: Sequence[Ratio]) -> str:
    """The plot as SVG: a bar for each row, to the right is better."""

    def place(value: float) -> float:
        share = math.log(min(max(value, LOWEST), HIGHEST) / LOWEST) / math.log(HIGHEST / LOWEST)
        return round(LEFT + WIDTH * share, 1)

    bars = []
    for number, row in enumerate(rows):
        power = -1 if row.workload.unit == SECONDS else 1
        ends = sorted(place(value**power) for value in (row.low, row.high))
        end, one = place(row.ratio**power), place(1)
        bars.append(
            {
                "title": f"{row.nic}: {row.workload.title}",
                "y": HEAD + number * ROW,
                "x": min(end, one),
                "width": round(abs(end - one), 1),
                "low": ends[0],
                "high": ends[1],
                "held": row.held,
                "goal": None if row.goal is None else place(row.goal**power),
            }
        )
    template = Environment(undefined=StrictUndefined, trim_blocks=True).from_string(PLOT)
    return template.render(
        width=LEFT + WIDTH + 30,
        height=HEAD + len(rows) * ROW + 10,
        left=LEFT,
        lines=[{"x": place(value), "value": value} for value in LINES],
        bars=bars,
    )


def write_page(path: Path, tables: Sequence[str]) -> None:
    """Replace what stands between the marks. Error: the page has no marks."""
    text = path.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RomgenError("page-marks", str(path), f"the page has no {BEGIN} ... {END}")
    write_atomic(path, "".join((before, BEGIN, "\n", "\n".join(tables), END, after)))
