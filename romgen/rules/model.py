"""What a rule and a finding are.

A rule is a function in a module of this package, made a `Rule` by the decorator `rule`. Its
docstring is what `romgen explain` and docs/commands/rules.md say.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from romgen.image import Image, Rom

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)
"""From the worst to the mildest."""
CONSUMERS = {
    "specification": "the public specification",
    "seabios": "SeaBIOS",
    "other": "other BIOSes",
}
"""Who reads a ROM, and may mind."""


@dataclass(frozen=True, slots=True)
class Place:
    """Something that a rule found. offset: in the file."""

    offset: int
    message: str


Check = Callable[[Rom], Iterator[Place]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    severities: consumer -> how much it minds; a consumer that does not mind is absent
    """

    id: str
    title: str
    spec: str
    severities: Mapping[str, str]
    text: str
    check: Check

    @property
    def severity(self) -> str:
        """How much the strictest consumer minds."""
        return worst(self.severities.values())


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, where, and for whom. offset: in the file; image: index, None behind all."""

    rule: Rule
    severity: str
    offset: int
    image: int | None
    message: str


def worst(severities: Iterable[str]) -> str:
    """The worst of some severities."""
    return min(severities, key=SEVERITIES.index)


def rule(
    number: int,
    title: str,
    spec: str,
    specification: str = "",
    seabios: str = "",
    other: str = "",
) -> Callable[[Check], Rule]:
    """Makes a rule of a function; severities by consumer, "" for one that does not mind."""
    given = {"specification": specification, "seabios": seabios, "other": other}

    def make(check: Check) -> Rule:
        return Rule(
            id=f"ROM{number:03}",
            title=title,
            spec=spec,
            severities={name: value for name, value in given.items() if value},
            text=inspect.cleandoc(check.__doc__ or ""),
            check=check,
        )

    return make


def x86_images(rom: Rom) -> Iterator[Image]:
    """The images that a BIOS runs."""
    return (image for image in rom.images if image.code_type == 0)


def inside(image: Image, pointer: int, size: int = 1) -> bool:
    """Whether `size` bytes at `pointer` lie inside the image and the file."""
    return pointer + size <= len(image.data)
