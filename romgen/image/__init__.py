"""Option ROM images of anybody, taken apart: `parse` never fails, whatever the bytes are."""

from __future__ import annotations

from romgen.image.model import (
    EvBlock,
    Field,
    Image,
    PnpHeader,
    Rom,
    Stop,
    Structure,
    Sum,
    Text,
)
from romgen.image.parse import parse

__all__ = [
    "EvBlock",
    "Field",
    "Image",
    "PnpHeader",
    "Rom",
    "Stop",
    "Structure",
    "Sum",
    "Text",
    "parse",
]
