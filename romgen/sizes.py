"""Sizes of images beside those at the last release: `layouts/released/sizes.toml`.

The file is written by `romgen sizes --write` and committed with the release.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from romgen import __version__
from romgen.errors import RomgenError, shown
from romgen.layout_rules import rule_sizes
from romgen.project import Project, write_atomic
from romgen.toml_file import Key, TomlFile

Sizes = Mapping[str, int]
"""Bytes by part: `image`, the parts of the image, `resident`, the parts of run-time memory."""
IMAGE = "image"
_HEAD = """# Bytes of each image at the last release, by part. Written by `romgen sizes --write`.
version = "{version}"
"""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The sizes at a release, by layout. version: of that release, "" where there was none."""

    version: str
    layouts: Mapping[str, Sizes]


@dataclass(frozen=True, slots=True)
class Change:
    """One layout beside the last release. before: None where the release has no such layout."""

    layout: str
    now: Sizes
    before: Sizes | None

    def by(self, part: str) -> int | None:
        """How much a part has grown, bytes; None where there is nothing to compare with."""
        if self.before is None or part not in self.before or part not in self.now:
            return None
        return self.now[part] - self.before[part]


def baseline_path(project: Project) -> Path:
    """Where the baseline is."""
    return project.layouts / "released" / "sizes.toml"


def measure(image_map: Mapping[str, Any]) -> dict[str, int]:
    """The sizes that an image's map tells, bytes."""
    return {IMAGE: int(image_map["image"]["used"]), **rule_sizes(image_map)}


def read_baseline(path: Path, base: Path | None = None) -> Baseline:
    """The sizes at the last release; none where the file is not there. Errors: `TomlFile`'s."""
    if not path.is_file():
        return Baseline("", {})
    file = TomlFile(path, base)
    keys = {"version": Key(str, required=True), "layout": Key(dict, default={})}
    values = file.take(file.data, keys)
    layouts: dict[str, Sizes] = {}
    for name, table in values["layout"].items():
        if not isinstance(table, dict):
            raise file.error("toml-type", ("layout", name), f"'{name}' is no table of sizes")
        parts = {part: Key(int, low=0) for part in table}
        layouts[name] = file.take(table, parts, ("layout", name))
    return Baseline(values["version"], layouts)


def write_baseline(path: Path, old: Baseline, sizes: Mapping[str, Sizes], known: set[str]) -> None:
    """Put these sizes into the baseline. known: the layouts there are; others are dropped."""
    layouts = {name: old.layouts[name] for name in old.layouts if name in known} | dict(sizes)
    text = _HEAD.format(version=__version__)
    for name in sorted(layouts):
        text += f"\n[layout.{name}]\n"
        text += "".join(f"{part} = {size}\n" for part, size in layouts[name].items())
    write_atomic(path, text)


def compare(baseline: Baseline, sizes: Mapping[str, Sizes]) -> list[Change]:
    """Each layout beside the last release, by name."""
    return [Change(name, sizes[name], baseline.layouts.get(name)) for name in sorted(sizes)]


def signed(number: int | None) -> str:
    """A difference for people."""
    return "new" if number is None else f"{number:+d}" if number else "0"


def grown(changes: Iterable[Change], most: int, where: str) -> None:
    """Raise where an image has grown by more than `most` bytes, or its size is not known."""
    for change in changes:
        by = change.by(IMAGE)
        if by is not None and by > most:
            raise RomgenError(
                "size-grown",
                where,
                f"{change.layout} has grown by {by} bytes to {change.now[IMAGE]}, "
                f"{by - most} more than the {most} that are allowed",
                "see what in `romgen sizes`",
                status=1,
            )


def place_of(project: Project) -> str:
    """The baseline's name for messages."""
    return shown(baseline_path(project), project.root)
