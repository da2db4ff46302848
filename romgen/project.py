"""Where the sources and the build products are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from romgen.errors import RomgenError

ROOT = Path(__file__).resolve().parent.parent
"""The checkout that this romgen belongs to."""


@dataclass(frozen=True, slots=True)
class Project:
    """A source tree and the place for what is made from it.

    root: holds layouts/, asm/, undi/ and is the working directory of the tools
    build: the products; `build/<layout>.rom` beside the intermediate `build/<layout>/`
    """

    root: Path = ROOT
    build: Path = ROOT / "build"

    @property
    def layouts(self) -> Path:
        """Folder of the layouts."""
        return self.root / "layouts"

    @property
    def templates(self) -> Path:
        """Folder of the templates of generated files."""
        return self.root / "layouts" / "templates"

    @property
    def tables(self) -> Path:
        """Folder of the adapters, error numbers and boot variables."""
        return self.root / "romgen" / "tables"

    @property
    def objects(self) -> Path:
        """Folder of the objects that layouts share, by what they are made from."""
        return self.build / "objects"

    def work(self, layout: str) -> Path:
        """Folder of the intermediate files of one layout."""
        return self.build / layout

    def generated(self, layout: str) -> Path:
        """Folder of the generated includes and sources of one layout."""
        return self.work(layout) / "gen"


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write `path` so that a reader sees the old or the new content, never a part."""
    raw = data.encode() if isinstance(data, str) else data
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            temporary.write_bytes(raw)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(raw)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RomgenError(
            "file-write", str(path), f"cannot write: {error.strerror}"
        ) from error
