"""Where each key of a TOML text stands.

`tomllib` gives values without positions. This walks the same text once and
notes the line of every table and key; it relies on `tomllib` having accepted it.
Source of the syntax: TOML 1.0.0.
"""

from __future__ import annotations

import re

KeyPath = tuple[str | int, ...]

_KEY_PART = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*""")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


def _parts(text: str, at: int) -> tuple[tuple[str, ...], int]:
    """The dotted key at `at` and the position behind it."""
    parts: list[str] = []
    while match := _KEY_PART.match(text, at):
        parts.append(match[1].strip("\"'"))
        at = match.end()
        if text[at : at + 1] != ".":
            break
        at += 1
    return tuple(parts), at


def _skip_value(text: str, at: int) -> int:
    """The position of the line end behind the value that starts at `at`."""
    depth = 0
    while at < len(text):
        char = text[at]
        if char in "\"'" and (match := _STRING.match(text, at)):
            at = match.end()
            continue
        if char == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        if char == "\n" and depth == 0:
            return at
        depth += (char in "[{") - (char in "]}")
        at += 1
    return at


def locate(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of each key path; tables of an array have their index in the path."""
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    at = 0

    def resolve(parts: tuple[str, ...]) -> KeyPath:
        # `[a.b]` after `[[a]]` belongs to the last element of a.
        path: KeyPath = ()
        for part in parts:
            path = (*path, part)
            if path in counts:
                path = (*path, counts[path] - 1)
        return path

    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        line = text.count("\n", 0, at) + 1
        if text[at] == "#":
            at = _skip_value(text, at)
        elif text[at] == "[":
            double = text.startswith("[[", at)
            parts, at = _parts(text, at + 1 + double)
            if double:
                path = (*resolve(parts[:-1]), parts[-1])
                counts[path] = counts.get(path, 0) + 1
                lines.setdefault(path, line)
                table = (*path, counts[path] - 1)
            else:
                table = resolve(parts)
            lines.setdefault(table, line)
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        else:
            parts, behind = _parts(text, at)
            for depth in range(1, len(parts) + 1):
                lines.setdefault((*table, *parts[:depth]), line)
            at = _skip_value(text, max(behind, at + 1))
    return lines
