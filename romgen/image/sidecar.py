"""The map that `romgen build` writes beside an image: `<layout>.map.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from romgen.errors import RomgenError, shown
from romgen.image_map import SCHEMA


def beside(file: str) -> Path:
    """The map that belongs to the ROM `file`."""
    return Path(file).with_suffix(".map.json")


def read_map(path: Path) -> dict[str, Any]:
    """The content of a map. Errors: unreadable, no JSON, another schema, a part is missing."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        hint = "romgen build writes it beside the ROM"
        message = f"cannot read: {error.strerror}"
        raise RomgenError("map-read", shown(path), message, hint) from error
    except ValueError as error:
        raise RomgenError("map-json", shown(path), f"this is no map: {error}") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise RomgenError("map-schema", shown(path), f"this is no map of schema {SCHEMA}")
    for name in ("layout", "image", "memory", "rom", "undi"):
        if name not in data:
            raise RomgenError("map-schema", shown(path), f"the map has no {name!r}")
    return data


def rom_symbols(data: dict[str, Any]) -> Iterator[tuple[str, str, int, int]]:
    """Sections and symbols that are in the image: name, kind, offset and size in the image."""
    inside = {part["name"] for part in data["rom"]["sections"] if part["in_image"]}
    for part in data["rom"]["sections"]:
        if part["in_image"]:
            yield part["name"], "section", part["address"], part["size"]
    for symbol in sorted(data["rom"]["symbols"], key=lambda one: (one["address"], one["name"])):
        if symbol["section"] in inside:
            yield symbol["name"], "symbol", symbol["address"], symbol["size"]
