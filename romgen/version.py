"""The version: what it is. Its one source is `romgen/__init__.py`; everything else follows from it:
the Python package, the PCIR's code revision, the $PnP product name, the banner, the structure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from romgen import __security_epoch__, __version__
from romgen.errors import RomgenError

LABEL_MAX = 13
"""Characters of a version as text: the structure in the ROM has 14 bytes with the 0 at the end."""
EPOCH_MAX = 0xFFFFFFFF
_SEMVER = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?")


@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version; `pre` is what stands behind the hyphen, or ""."""

    major: int
    minor: int
    patch: int
    pre: str = ""

    @classmethod
    def parse(cls, text: str, where: str = "--version") -> Version:
        """`1.4.2` or `1.4.2-rc1`. Errors: another form, a number that does not fit its field."""
        match = _SEMVER.fullmatch(text)
        if match is None:
            raise RomgenError("version", where, f"{text!r} is no version", "e.g. 1.4.2-rc1")
        major, minor, patch = (int(part) for part in match.groups()[:3])
        if major > 0xFF or minor > 0xFF or patch > 0xFFFF:
            hint = "at most 255.255.65535"
            raise RomgenError("version", where, f"{text} does not fit its fields", hint)
        found = cls(major, minor, patch, match[4] or "")
        if len(str(found)) > LABEL_MAX:
            hint = f"at most {LABEL_MAX} characters"
            raise RomgenError("version", where, f"{text} is too long", hint)
        return found

    def __str__(self) -> str:
        """As it is written."""
        text = f"{self.major}.{self.minor}.{self.patch}"
        return f"{text}-{self.pre}" if self.pre else text

    @property
    def word(self) -> int:
        """The PCIR's code revision."""
        return self.major << 8 | self.minor

    @property
    def order(self) -> tuple[object, ...]:
        """For sorting, as semver.org orders: a release behind its candidates."""
        parts = [(not p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in _parts(self.pre)]
        return (self.major, self.minor, self.patch, not self.pre, parts)


def _parts(pre: str) -> list[str]:
    return pre.split(".") if pre else []


def is_version(text: str) -> bool:
    """Whether the text has the form of a version, without a v before it."""
    return _SEMVER.fullmatch(text) is not None and not text.startswith("v")


def current() -> tuple[Version, int]:
    """The version and the security epoch of this tree."""
    return Version.parse(__version__, "romgen/__init__.py"), __security_epoch__
