"""The files of `qemu/systems/`: menus, scripts and units that go into the images."""

from __future__ import annotations

import re
from pathlib import Path

from romgen.errors import RomgenError
from romgen.project import ROOT

FOLDER = ROOT / "qemu" / "systems"
GAP = re.compile(r"@([A-Z_]+)@")


def recipe(name: str, **values: object) -> str:
    """The text of a file with its `@NAME@` gaps filled. Error: a gap without a value."""
    path = FOLDER / name
    text = path.read_text()

    def fill(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise RomgenError("recipe-gap", str(path), f"@{match[1]}@ has no value")
        return str(values[match[1]])

    return GAP.sub(fill, text)


def put(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file of an image's tree anew; a file that is there may be shared with the cache."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)
