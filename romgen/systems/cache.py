"""Things that take long to make are made once: a folder for each, named after what went into it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from romgen.errors import RomgenError


def cache_root() -> Path:
    """`$ROMGEN_CACHE`, else `romgen` in the user's cache folder."""
    given = os.environ.get("ROMGEN_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(given) if given else Path(home) / "romgen"


def cached(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder `<name>-<hash of key>`, filled by `make` unless it is there.

    Two that want the same wait for each other; what `make` began and did not finish is thrown away.
    """
    root = cache_root()
    folder = root / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / f".{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.is_dir():
                return folder
            work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
            try:
                make(work)
                (work / "key").write_text(key)
                work.chmod(0o755)
                work.rename(folder)
            except BaseException:
                shutil.rmtree(work, ignore_errors=True)
                raise
    except OSError as error:
        raise RomgenError(
            "cache", str(folder), f"cannot write: {error.strerror}", "set ROMGEN_CACHE"
        ) from error
    return folder
