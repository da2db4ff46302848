"""What a user can do wrong, and the exit codes of every command.

A `RomgenError` is a mistake that the reader of its message can mend; any other
exception is a bug of romgen and is reported as one (`cli.main`).
"""

from __future__ import annotations

import os
from pathlib import Path

EXIT_OK = 0
"""Everything as asked."""
EXIT_FINDINGS = 1
"""The command ran, and what it looked at is not in order (a check, a failed assembly)."""
EXIT_USAGE = 2
"""Wrong arguments, a mistake in a layout or a table, an unreadable file."""
EXIT_TOOL = 3
"""A tool of the system is missing."""
EXIT_BOOT = 4
"""A boot did not end as expected."""
EXIT_BUG = 70
"""A bug in romgen (EX_SOFTWARE of sysexits.h)."""


class RomgenError(Exception):
    """A mistake with its place and the way out.

    code: stable short name in kebab-case, e.g. `layout-unknown-key`
    where: `file:line`, `image+0x12`, a file, or "" where there is no place
    message: what is wrong, one line
    hint: what to do about it, or ""
    status: the exit code of the command
    detail: further lines shown as they are (a tool's own messages), or ""
    """

    def __init__(
        self,
        code: str,
        where: str,
        message: str,
        hint: str = "",
        *,
        status: int = EXIT_USAGE,
        detail: str = "",
    ) -> None:
        super().__init__(code, where, message, hint)
        self.code = code
        self.where = where
        self.message = message
        self.hint = hint
        self.status = status
        self.detail = detail

    def __str__(self) -> str:
        """The message in the form `where: message, hint`, tool output in front of it."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        if self.hint:
            text = f"{text}, {self.hint}"
        return f"{self.detail.rstrip()}\n{text}" if self.detail.strip() else text


def shown(path: Path | str, base: Path | None = None) -> str:
    """The path as a message shows it: relative to `base` (the project) where it lies below it."""
    base = base if base is not None else Path.cwd()
    try:
        return str(Path(os.path.abspath(path)).relative_to(os.path.abspath(base)))
    except ValueError:
        return str(path)
