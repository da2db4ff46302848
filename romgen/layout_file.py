"""The files of layouts: parents and variants, put together from the most specific table on.

`layouts/<file>.toml` is one layout of that name, or, with `[[variant]]` tables, one for each of
them. `extends` names a file whose keys hold where the file itself does not give them. What the keys
mean stands in `romgen.layout`.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from romgen.errors import RomgenError, shown
from romgen.toml_file import Key, TomlFile
from romgen.toml_locator import KeyPath

FILE_KEYS = {
    "extends": Key(
        str,
        default="",
        doc="the file (without `.toml`) whose keys hold where this one does not give them. Tables "
        "are merged key by key, `[[assert]]` and `[[place]]` are added to, the rest is replaced; "
        "the parent's variants are not taken over",
    ),
    "abstract": Key(
        bool, default=False, doc="true: only for others to extend, not built itself"
    ),
    "variant": Key(
        list,
        default=[],
        item=dict,
        doc="`[[variant]]`: one image more, with the keys that differ from the file's. An array "
        "where one value is meant makes one image of each element, of every combination where "
        "several keys have one",
    ),
}
"""Keys of a file, not of an image."""
NAME_KEY = Key(
    str,
    default="{kind}-{nic}",
    pattern=r"[a-z0-9{}_.-]+",
    form="small letters, digits, '-', '_', '.', {kind}, {nic}",
    doc="of the image: `build/<name>.rom`. A file without variants has its own name",
)
NIC, EVERY_NIC = "nic", "*"
"""A variant's key, and its value for all adapters that the file does not name otherwise."""
NAMED = ("kind", NIC)
"""Keys that placeholders stand for."""
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Layer:
    """A table of a file that gives values to an image."""

    file: TomlFile
    table: Mapping[str, Any]
    path: KeyPath


@dataclass(frozen=True, slots=True)
class Layers:
    """All tables that an image's values come from, the most specific one first."""

    name: str
    layers: tuple[Layer, ...]

    def take(self, keys: Mapping[str, Key], *inside: str) -> dict[str, Any]:
        """The values of the table `inside` merged. Errors: as `TomlFile.take`."""
        found: list[dict[str, Any]] = []
        for layer in self.layers:
            table = layer.table
            for part in inside:
                table = table.get(part, {})
            found.append(layer.file.take(table, keys, (*layer.path, *inside), partial=True))
        values: dict[str, Any] = {}
        for name, key in keys.items():
            given = [table[name] for table in found if name in table]
            if given and key.item is dict:
                values[name] = [row for rows in reversed(given) for row in rows]
            elif given:
                values[name] = given[0]
            else:
                first = self.layers[0]
                values[name] = first.file.absent(name, key, (*first.path, *inside))
        return values

    def rows(self, name: str, keys: Mapping[str, Key]) -> Iterator[tuple[dict[str, Any], str]]:
        """The rows of the array of tables `name`, the parents' first, each with its place."""
        for layer in reversed(self.layers):
            for index, row in enumerate(layer.table.get(name, [])):
                path = (*layer.path, name, index)
                yield layer.file.take(row, keys, path), layer.file.where(path)

    def where(self, *path: str) -> str:
        """`file:line` of the key that holds."""
        layer, at = self._find(path)
        return layer.file.where(at)

    def error(self, code: str, path: tuple[str, ...], message: str, hint: str = "") -> RomgenError:
        """The mistake at the key that holds, ready to be raised."""
        layer, at = self._find(path)
        return layer.file.error(code, at, message, hint)

    def _find(self, path: tuple[str, ...]) -> tuple[Layer, KeyPath]:
        for layer in self.layers:
            table: Any = layer.table
            for part in path:
                table = table.get(part) if isinstance(table, Mapping) else None
            if table is not None:
                return layer, (*layer.path, *path)
        return self.layers[0], self.layers[0].path


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with its {placeholders}. Error (KeyError): an unknown one."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def unknown_placeholder(text: str, known: Mapping[str, str]) -> tuple[str, str] | None:
    """Message and hint for the first placeholder in `text` that nothing fills."""
    for name in _PLACEHOLDER.findall(text):
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"did you mean '{{{near[0]}}}'?" if near else "known are: " + ", ".join(
                f"{{{one}}}" for one in known
            )
            return f"unknown placeholder '{{{name}}}'", hint
    return None


class LayoutFolder:
    """The layouts of a folder by name.

    keys: what an image may have, for the keys that may span variants; nics: names of all adapters
    """

    def __init__(
        self,
        folder: Path,
        keys: Mapping[str, Key],
        nics: Iterable[str],
        base: Path | None = None,
    ) -> None:
        """Read every file. Errors: not TOML, variants or parents that make no sense."""
        self.folder = folder
        self._base = base
        self._keys = keys
        self._nics = tuple(nics)
        self._files = {path.stem: TomlFile(path, base) for path in sorted(folder.glob("*.toml"))}
        self.layouts: dict[str, Layers] = {}
        for stem, file in self._files.items():
            for layers in self._images(stem, file):
                other = self.layouts.get(layers.name)
                if other is not None:
                    raise self._twice(layers, other)
                self.layouts[layers.name] = layers

    def find(self, name: str) -> Layers:
        """The layout `name`. Error: there is none, with the nearest name."""
        if name in self.layouts:
            return self.layouts[name]
        where = shown(self.folder, self._base)
        if name in self._files:
            made = [one for one, layers in self.layouts.items() if self._made_by(layers, name)]
            hint = f"it makes {', '.join(made)}" if made else "it is abstract, for others to extend"
            raise RomgenError(
                "layout-unknown", self._files[name].where(), f"'{name}' is no layout itself", hint
            )
        near = difflib.get_close_matches(name, self.layouts, 1, 0.5)
        known = ", ".join(self.layouts) or "none"
        raise RomgenError(
            "layout-unknown",
            where,
            f"no layout '{name}'",
            f"did you mean '{near[0]}'?" if near else f"there are: {known}",
        )

    def _made_by(self, layers: Layers, stem: str) -> bool:
        return layers.layers[0].file is self._files[stem]

    def _twice(self, layers: Layers, other: Layers) -> RomgenError:
        first, second = layers.layers[0], other.layers[0]
        return first.file.error(
            "layout-name",
            first.path,
            f"a second layout '{layers.name}', the first is at {second.file.where(second.path)}",
            "give them a 'name' each; it may hold {nic} and {kind}",
        )

    def _images(self, stem: str, file: TomlFile) -> Iterator[Layers]:
        """The images that one file makes."""
        own = file.take(
            {key: value for key, value in file.data.items() if key in FILE_KEYS}, FILE_KEYS
        )
        if own["abstract"] and own["variant"]:
            raise file.error(
                "layout-abstract", ("abstract",), "an abstract file makes no variants"
            )
        if own["abstract"]:
            return
        layers = tuple(self._chain(stem, ()))
        if not own["variant"]:
            yield Layers(stem, layers)
            return
        for index, row in enumerate(own["variant"]):
            for table in self._spread(file, index, row):
                path = ("variant", index)
                made = (Layer(file, table, path), *layers)
                yield Layers(self._name(file, index, made), made)

    def _spread(
        self, file: TomlFile, index: int, row: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """The tables of a variant: one for each combination of its arrays."""
        choices: list[list[tuple[str, Any]]] = []
        for name, value in row.items():
            if name in FILE_KEYS:
                raise file.error(
                    "layout-variant", ("variant", index, name), f"'{name}' is no key of a variant"
                )
            if name == "name":
                continue
            key = self._keys.get(name)
            spans = key is not None and key.kind is not list and isinstance(value, list)
            if name == NIC and value == EVERY_NIC:
                spans, value = True, self._others(file)
            elif spans and not value:
                raise file.error(
                    "layout-variant", ("variant", index, name), f"'{name}' is an empty array"
                )
            choices.append([(name, one) for one in (value if spans else [value])])
        for chosen in itertools.product(*choices):
            yield dict(chosen)

    def _others(self, file: TomlFile) -> list[str]:
        """The adapters that no variant of the file names."""
        named: set[str] = set()
        for row in file.data["variant"]:
            given = row.get(NIC, [])
            named |= {str(one) for one in (given if isinstance(given, list) else [given])}
        return [nic for nic in self._nics if nic not in named]

    def _chain(self, stem: str, below: tuple[str, ...]) -> Iterator[Layer]:
        """The file's table and its parents'. Errors: an unknown parent, a circle."""
        file = self._files[stem]
        table = {key: value for key, value in file.data.items() if key not in FILE_KEYS}
        yield Layer(file, table, ())
        parent = file.data.get("extends", "")
        if not parent:
            return
        if not isinstance(parent, str):
            file.take({"extends": parent}, {"extends": FILE_KEYS["extends"]})
        if parent in (*below, stem):
            circle = "'extends' goes in a circle: " + " -> ".join((*below, stem, parent))
            raise file.error("layout-extends", ("extends",), circle)
        if parent not in self._files:
            near = difflib.get_close_matches(parent, self._files, 1, 0.5)
            raise file.error(
                "layout-extends",
                ("extends",),
                f"there is no file '{parent}.toml' to extend",
                f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(self._files)}",
            )
        yield from self._chain(parent, (*below, stem))

    def _name(self, file: TomlFile, index: int, layers: tuple[Layer, ...]) -> str:
        """The name of a variant, with its placeholders filled."""
        at = ("variant", index)
        given = {"name": file.data["variant"][index].get("name", NAME_KEY.default)}
        template = file.take(given, {"name": NAME_KEY}, at)["name"]
        values = {
            key: next((str(one.table[key]) for one in layers if key in one.table), "")
            for key in NAMED
        }
        wrong = unknown_placeholder(template, values)
        if wrong:
            raise file.error("layout-name", (*at, "name"), *wrong)
        return filled(template, values)
