"""Which lines of the assembly ran: from blocks that Unicorn (or QEMU) executed to lines of source.

A line counts as soon as the line table (DWARF) has an instruction for it; it is covered when one of
its instructions was inside a block that ran.  Files of lines, ``{file: {line: 0 or 1}}``, merge by
taking the larger number, so that several layouts and several runs add up.

As a program: ``python tests/asm/bench/coverage.py FOLDER [--lcov FILE] [--gate pyproject.toml]``
merges all ``lines-*.json`` of FOLDER and prints the table, or compares with the project's figure.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.program import Program

Lines = dict[str, dict[int, int]]


@dataclass
class Coverage:
    """Blocks that ran, per program: {(offset, size)}; and the programs, for their line tables."""

    blocks: dict[str, set[tuple[int, int]]] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)
    stack: dict[str, int] = field(default_factory=dict)  # entry -> deepest use, bytes
    stack_budget: int = 0

    def lines(self) -> Lines:
        """Every source line with code, and whether it ran."""
        result: Lines = {}
        for name, program in self.programs.items():
            ran = bytearray(len(program.code) + 1)
            for offset, size in self.blocks.get(name, ()):
                ran[offset : offset + size] = b"\1" * size
            for offset, file, line in program.lines:
                if line and file.startswith(("asm/", "undi/")):
                    seen = result.setdefault(file, {})
                    seen[line] = max(seen.get(line, 0), ran[offset])
        return result


def merge(parts: list[Lines]) -> Lines:
    """The union of several runs."""
    result: Lines = {}
    for part in parts:
        for file, lines in part.items():
            seen = result.setdefault(file, {})
            for line, hit in lines.items():
                seen[line] = max(seen.get(line, 0), hit)
    return result


def write_lines(lines: Lines, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(lines), encoding="ascii")


def write_stack(coverage: Coverage, target: Path) -> None:
    """The deepest stack use of each entry point."""
    content = {"budget": coverage.stack_budget, "entries": coverage.stack}
    target.write_text(json.dumps(content), encoding="ascii")


def stack_table(folder: Path, most: int = 8) -> str:
    """The entries that use most stack, from all ``stack-*.json`` of a folder."""
    deepest: dict[str, int] = {}
    budget = 0
    for path in sorted(folder.glob("stack-*.json")):
        content = json.loads(path.read_text(encoding="ascii"))
        budget = max(budget, content["budget"])
        for entry, used in content["entries"].items():
            deepest[entry] = max(deepest.get(entry, 0), used)
    rows = sorted(deepest.items(), key=lambda item: (-item[1], item[0]))[:most]
    return "\n".join(f"stack {entry:<30}{used:>6} of {budget} bytes" for entry, used in rows)


def read_folder(folder: Path) -> Lines:
    """All ``lines-*.json`` of a folder, merged."""
    parts = []
    for path in sorted(folder.glob("lines-*.json")):
        raw = json.loads(path.read_text(encoding="ascii"))
        parts.append({file: {int(k): v for k, v in lines.items()} for file, lines in raw.items()})
    return merge(parts)


def percent(lines: Lines) -> float:
    total = sum(len(entry) for entry in lines.values())
    return 100.0 * sum(sum(entry.values()) for entry in lines.values()) / total if total else 0.0


def table(lines: Lines) -> str:
    """One row a file: lines, covered, percent, and the ranges that never ran."""
    rows = []
    for file in sorted(lines):
        entry = lines[file]
        missing = sorted(line for line, hit in entry.items() if not hit)
        rows.append(
            f"{file:<36}{len(entry):>6}{len(entry) - len(missing):>6}"
            f"{percent({file: entry}):>7.1f}%  {_ranges(missing, sorted(entry))}"
        )
    total = sum(len(entry) for entry in lines.values())
    hit = sum(sum(entry.values()) for entry in lines.values())
    rows.append(f"{'all assembly':<36}{total:>6}{hit:>6}{percent(lines):>7.1f}%")
    return "\n".join(rows)


def _ranges(missing: list[int], known: list[int]) -> str:
    """Line numbers as ranges; lines without code do not end a range."""
    position = {line: index for index, line in enumerate(known)}
    parts: list[list[int]] = []
    for line in missing:
        if parts and position[line] == position[parts[-1][1]] + 1:
            parts[-1][1] = line
        else:
            parts.append([line, line])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def lcov(lines: Lines) -> str:
    """The same as an lcov tracefile."""
    out = []
    for file in sorted(lines):
        entry = lines[file]
        out.append(f"SF:{file}")
        out += [f"DA:{line},{entry[line]}" for line in sorted(entry)]
        out += [f"LF:{len(entry)}", f"LH:{sum(entry.values())}", "end_of_record"]
    return "\n".join(out) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="line coverage of the assembly")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lcov", type=Path, help="also write an lcov tracefile")
    parser.add_argument("--gate", type=Path, help="only compare with the figure in pyproject.toml")
    args = parser.parse_args(arguments)
    lines = read_folder(args.folder)
    if not lines:
        print(f"{args.folder}: no lines-*.json: no assembly test ran", file=sys.stderr)
        return 2
    if args.gate:
        return gate(percent(lines), args.gate)
    print(table(lines))
    print(stack_table(args.folder))
    if args.lcov:
        args.lcov.write_text(lcov(lines), encoding="ascii")
    return 0


def gate(reached: float, project: Path) -> int:
    """0 where `reached` is at least tool.romgen.asm_line_coverage of pyproject.toml, else 1."""
    wanted = tomllib.loads(project.read_text(encoding="utf-8"))["tool"]["romgen"]
    minimum = float(wanted["asm_line_coverage"])
    verdict = "at least" if reached >= minimum else "BELOW"
    print(f"assembly line coverage {reached:.1f} %: {verdict} the {minimum} % of {project}")
    return 0 if reached >= minimum else 1


if __name__ == "__main__":
    sys.exit(main())
