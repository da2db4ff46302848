"""A TOML file with positions, and the check of its tables against a list of known keys."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from romgen.errors import RomgenError, shown
from romgen.toml_locator import KeyPath, locate

_TYPE_NAMES = {
    bool: "true or false",
    int: "a whole number",
    str: "a string",
    list: "an array",
    dict: "a table",
}


@dataclass(frozen=True, slots=True)
class Key:
    """What one key may hold.

    kind: bool, int, str, list or dict
    default: the value where the key is absent; `required` keys have none
    low, high: least and greatest number, or length in bytes of a string
    choices: the only values, or () for any
    pattern: regular expression that a string matches whole, and in `form` what it means in words
    item: kind of the elements of a list
    doc: what it is for, for the reference
    """

    kind: type
    default: Any = None
    required: bool = False
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    form: str = ""
    item: type | None = None
    doc: str = ""


class TomlFile:
    """A parsed file that knows where its keys are."""

    def __init__(self, path: Path, base: Path | None = None) -> None:
        """Read `path`; messages show it relative to `base`. Errors: unreadable, not TOML."""
        self.path = path
        self.name = shown(path, base)
        try:
            text = path.read_bytes().decode("utf-8")
        except OSError as error:
            raise RomgenError(
                "file-read", self.name, f"cannot read: {error.strerror}"
            ) from error
        except UnicodeDecodeError as error:
            raise RomgenError("toml-syntax", self.name, "is not UTF-8 text") from error
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            match = re.search(r"\(at line (\d+), column \d+\)", str(error))
            line = match[1] if match else str(text.count("\n") + 1)
            message = re.sub(r"\s*\(at [^)]*\)", "", str(error))
            raise RomgenError(
                "toml-syntax", f"{self.name}:{line}", message[:1].lower() + message[1:]
            ) from error
        self._lines = locate(text.replace("\r\n", "\n"))

    def where(self, path: KeyPath = ()) -> str:
        """`file:line` of the key, or of the nearest table around it."""
        while path and path not in self._lines:
            path = path[:-1]
        return f"{self.name}:{self._lines.get(path, 1)}"

    def error(
        self, code: str, path: KeyPath, message: str, hint: str = ""
    ) -> RomgenError:
        """The mistake at `path`, ready to be raised."""
        return RomgenError(code, self.where(path), message, hint)

    def take(
        self,
        table: Mapping[str, Any],
        keys: Mapping[str, Key],
        path: KeyPath = (),
        partial: bool = False,
    ) -> dict[str, Any]:
        """The values of `table` (which stands at `path`) with the defaults filled in.

        partial: only those that are there
        Errors: unknown key, wrong type, out of range, not among the choices, missing.
        """
        for name in table:
            if name not in keys:
                near = difflib.get_close_matches(name, keys, 1, 0.5)
                raise self.error(
                    "toml-unknown-key",
                    (*path, name),
                    f"unknown key '{name}'",
                    f"did you mean '{near[0]}'?"
                    if near
                    else f"known are: {', '.join(keys)}",
                )
        values: dict[str, Any] = {}
        for name, key in keys.items():
            if name in table:
                self._check((*path, name), name, table[name], key)
                values[name] = table[name]
            elif not partial:
                values[name] = self.absent(name, key, path)
        return values

    def absent(self, name: str, key: Key, path: KeyPath) -> Any:
        """The value of a key that the table at `path` has not. Error: it is required."""
        if key.required:
            inside = f" in [{'.'.join(map(str, path))}]" if path else ""
            raise self.error("toml-missing-key", path, f"key '{name}' is missing{inside}")
        return key.default

    def _check(self, path: KeyPath, name: str, value: Any, key: Key) -> None:
        """Raise what is wrong with one value."""
        shown_value = str(value).lower() if isinstance(value, bool) else repr(value)
        # bool is a kind of int in Python, not in TOML.
        if not isinstance(value, key.kind) or (
            isinstance(value, bool) and key.kind is not bool
        ):
            raise self.error(
                "toml-type", path, f"'{name}' is {shown_value}", f"give {_TYPE_NAMES[key.kind]}"
            )
        if isinstance(value, list) and key.item is not None:
            for element in value:
                if not isinstance(element, key.item):
                    raise self.error(
                        "toml-type",
                        path,
                        f"'{name}' holds {element!r}",
                        f"each element is {_TYPE_NAMES[key.item]}",
                    )
        if key.choices and value not in key.choices:
            near = difflib.get_close_matches(str(value), key.choices, 1, 0.5)
            hint = f"did you mean '{near[0]}'?" if near else "give one of: " + ", ".join(
                key.choices
            )
            raise self.error("toml-choice", path, f"'{name}' cannot be '{value}'", hint)
        if isinstance(value, str) and key.pattern and not re.fullmatch(key.pattern, value):
            raise self.error(
                "toml-form", path, f"'{name}' cannot be {value!r}", f"give {key.form}"
            )
        self._check_range(path, name, value, key)

    def _check_range(self, path: KeyPath, name: str, value: Any, key: Key) -> None:
        """Raise where a number, or a string's length in bytes, is out of its range."""
        if isinstance(value, bool) or not isinstance(value, int | str):
            return
        number = len(value.encode()) if isinstance(value, str) else value
        what = "length of " if isinstance(value, str) else ""
        if key.low is not None and number < key.low:
            raise self.error(
                "toml-range", path, f"{what}'{name}' is {number}", f"at least {key.low}"
            )
        if key.high is not None and number > key.high:
            raise self.error(
                "toml-range", path, f"{what}'{name}' is {number}", f"at most {key.high}"
            )
