"""The rules of `romgen check`: `catalog()` has them all, `findings(rom)` applies them."""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Collection

from romgen.image import Rom
from romgen.rules import chain, efi, header, own, pcir, pnp, undi
from romgen.rules.model import CONSUMERS, SEVERITIES, Finding, Rule, worst

_MODULES = (chain, header, pcir, pnp, undi, efi, own)


@functools.cache
def catalog() -> dict[str, Rule]:
    """Every rule by its id, in the order of the ids."""
    found = [one for module in _MODULES for one in vars(module).values() if isinstance(one, Rule)]
    return {one.id: one for one in sorted(found, key=lambda one: one.id)}


def findings(rom: Rom, consumers: Collection[str] = tuple(CONSUMERS)) -> list[Finding]:
    """Everything that one of the `consumers` minds, in the order of the file."""
    starts = [image.offset for image in rom.images]
    found: list[Finding] = []
    for one in catalog().values():
        severities = [value for name, value in one.severities.items() if name in consumers]
        if not severities:
            continue
        for place in one.check(rom):
            inside = bool(starts) and place.offset < max(rom.images[-1].end, starts[-1] + 1)
            image = bisect_right(starts, place.offset) - 1 if inside else None
            found.append(Finding(one, worst(severities), place.offset, image, place.message))
    return sorted(found, key=lambda one: (one.offset, one.rule.id))


__all__ = ["CONSUMERS", "SEVERITIES", "Finding", "Rule", "catalog", "findings"]
