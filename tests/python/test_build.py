"""A layout becomes a ROM: what is in it, and the same bytes each time."""

from __future__ import annotations

import json

from romgen.build import build
from romgen.project import Project


def test_products(tiny_project: Project) -> None:
    built = build(tiny_project, "iscsi-e1000")
    image = built.rom.read_bytes()
    assert image[:2] == b"\x55\xaa"
    assert image[2] * 512 == len(image)
    assert sum(image) % 256 == 0
    assert built.elf.read_bytes()[:4] == built.undi_elf.read_bytes()[:4] == b"\x7fELF"
    assert json.loads(built.map.read_text()) == built.image_map
    assert built.messages == ""
