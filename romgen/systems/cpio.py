"""The archive that Linux takes as its first file system: cpio in the form `newc`, gzip.

Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import gzip
import stat
from collections.abc import Mapping
from pathlib import PurePosixPath

MAGIC = "070701"
TRAILER = "TRAILER!!!"
ALIGN = 4


def _entry(name: str, mode: int, content: bytes, number: int) -> bytes:
    raw = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0)
    head = MAGIC.encode() + b"".join(b"%08X" % field for field in fields) + raw
    return _padded(head) + _padded(content)


def _padded(raw: bytes) -> bytes:
    return raw + bytes(-len(raw) % ALIGN)


def archive(files: Mapping[str, tuple[int, bytes]]) -> bytes:
    """Files by their path without a leading `/`: permissions and content; folders are added."""
    entries: dict[str, tuple[int, bytes]] = {}
    for name, (mode, content) in sorted(files.items()):
        for folder in reversed(PurePosixPath(name).parents[:-1]):
            entries.setdefault(str(folder), (stat.S_IFDIR | 0o755, b""))
        entries[name] = (stat.S_IFREG | mode, content)
    out = b"".join(
        _entry(name, mode, content, number)
        for number, (name, (mode, content)) in enumerate(entries.items(), 1)
    )
    return gzip.compress(out + _entry(TRAILER, 0, b"", 0), 6, mtime=0)
