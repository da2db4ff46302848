"""What a source really gets from the generated includes, and so what its object is made from.

nasm reads every line of every include, and an object would have to be made anew whenever any of
some thousand generated definitions changes. A source is therefore assembled with a copy of the
generated includes that has only those definitions whose names occur in it or in what it includes.
What is left of them, with the texts of all its other includes, is what the object depends on:
nothing else is there for nasm to see.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# A name is what nasm takes for one; everything else becomes a blank.
_NAME_BYTES = frozenset(b"_$#@~.?0123456789" + bytes(range(65, 91)) + bytes(range(97, 123)))
_BLANK_OTHERS = bytes(byte if byte in _NAME_BYTES else 0x20 for byte in range(256))
_INCLUDE = re.compile(rb"^[ \t]*%include[ \t]+(.*)$", re.MULTILINE)
_EMBED = re.compile(rb"^[^;\n]*\bincbin\b[ \t]*(.*)$", re.MULTILINE | re.IGNORECASE)
_QUOTED = re.compile(rb"""["'`]([^"'`\n]+)["'`]""")
_PASTE_BEFORE = re.compile(rb"([A-Za-z_.?][\w.$#@~?]*)(?:[ \t]*%\+|%[\[{\d])")
_PASTE_BEHIND = re.compile(rb"(?:%\+[ \t]*|%(?:\d+|\{[^}\n]*\}|\[[^\]\n]*\]))([\w.$#@~?]+)")
_BEYOND = re.compile(
    rb"^[ \t]*%(?:pathsearch|depend|line)\b|%!|^[ \t]*%(?:el)?ifn?def\b[^;\n]*%",
    re.MULTILINE | re.IGNORECASE,
)
"""What a text may depend on that no hash of files tells, or a test for a name put together."""
_DEFINITION = re.compile(
    rb"^(?:%define[ \t]+([\w.$#@~?]+)(?:[ \t][^\\]*)?|([\w.$#@~?]+)[ \t]+equ[ \t][^\\]*)$"
)


@dataclass(frozen=True, slots=True)
class _Text:
    """A file as far as it matters here.

    includes, embeds: names as given; names: every word; before, behind: pieces of names that a
    macro puts together with its parameters; beyond: it depends on more than texts
    """

    content: bytes
    includes: tuple[str, ...]
    embeds: tuple[str, ...]
    names: frozenset[bytes]
    before: frozenset[bytes]
    behind: frozenset[bytes]
    beyond: bool


@dataclass(frozen=True, slots=True)
class _Definitions:
    """A generated include: lines but comments, the name that each defines (b"" for one that always
    stays), and the words behind the names."""

    lines: tuple[tuple[bytes, bytes, frozenset[bytes]], ...]
    defined: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Slice:
    """What one source is assembled from.

    files: name and content of each file that nasm reads, the source first
    generated: the files, by name, that stand in for the generated ones
    """

    files: tuple[tuple[str, bytes], ...]
    generated: tuple[tuple[str, bytes], ...]


def _words(content: bytes) -> frozenset[bytes]:
    return frozenset(content.translate(_BLANK_OTHERS).split())


def _literal(places: Sequence[bytes]) -> tuple[tuple[str, ...], bool]:
    """The quoted file names behind %include or incbin; False where one is no literal."""
    found = [_QUOTED.match(place.strip()) for place in places]
    return tuple(match[1].decode() for match in found if match), all(found)


def _scan(content: bytes) -> _Text:
    # Most lines have nothing of the preprocessor's: the expressions see the others alone.
    directives = b"\n".join(line for line in content.split(b"\n") if b"%" in line)
    includes, plain = _literal(_INCLUDE.findall(directives))
    embeds, plain_too = _literal(_EMBED.findall(content) if b"incbin" in content.lower() else ())
    words = _words(content)
    clock = any(w.startswith(b"__") and (b"DATE" in w or b"TIME" in w) for w in words)
    return _Text(
        content,
        includes,
        embeds,
        words,
        frozenset(_PASTE_BEFORE.findall(directives)),
        frozenset(_PASTE_BEHIND.findall(directives)),
        not (plain and plain_too) or bool(_BEYOND.search(directives)) or clock,
    )


def _definitions(content: bytes) -> _Definitions:
    lines = []
    for line in content.splitlines(keepends=True):
        # A comment may name the layout, or what others ask for.
        if line.lstrip().startswith(b";"):
            continue
        match = _DEFINITION.match(line.rstrip(b"\r\n"))
        name = (match[1] or match[2]) if match else b""
        lines.append((line, name, _words(line) - {name}))
    return _Definitions(tuple(lines), frozenset(name for _, name, _ in lines if name))


class Slicer:
    """Slices of sources; each text is looked at once. For one run of romgen: files must not change.

    root: where nasm runs
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._texts: dict[Path, _Text | None] = {}
        self._found: dict[tuple[str, tuple[Path, ...]], Path | None] = {}
        self._generated: dict[tuple[tuple[str, bytes], ...], _Generated] = {}
        self._scanned: dict[bytes, _Text] = {}

    def slice(self, source: Path, folders: Sequence[Path], generated: Path) -> Slice | None:
        """What nasm reads for `source`; None where that cannot be told from the texts.

        folders: where nasm looks for includes, `generated` among them
        """
        files: dict[str, Path] = {}
        texts: dict[str, _Text] = {}
        waiting = [source]
        while waiting:
            path = waiting.pop()
            name = os.path.relpath(path, self._root)
            if name in texts:
                continue
            text = self._read(path)
            if text is None or text.beyond:
                return None
            texts[name], files[name] = text, path
            for include in text.includes:
                found = self._find(include, folders)
                if found is None:
                    return None
                waiting.append(found)
        embedded: list[tuple[str, bytes]] = []
        for embed in sorted({name for text in texts.values() for name in text.embeds}):
            found = self._find(embed, folders)
            if found is None:
                return None
            embedded.append((f"incbin {embed}", found.read_bytes()))
        inside = [name for name, path in files.items() if path.parent == generated]
        cut = self._cut({name: texts[name] for name in inside}, self._plain(texts, inside))
        kept = [
            (files[name].name, cut[name]) if name in cut else (name, text.content)
            for name, text in texts.items()
        ]
        return Slice(
            (*kept, *embedded), tuple((files[name].name, cut[name]) for name in inside)
        )

    @staticmethod
    def _plain(texts: dict[str, _Text], inside: list[str]) -> list[_Text]:
        return [text for name, text in texts.items() if name not in inside]

    def _read(self, path: Path) -> _Text | None:
        """A file's text; None where it cannot be read (nasm will say so)."""
        if path not in self._texts:
            try:
                content = path.read_bytes()
            except OSError:
                self._texts[path] = None
                return None
            # Generated files of several layouts are mostly the same.
            if content not in self._scanned:
                self._scanned[content] = _scan(content)
            self._texts[path] = self._scanned[content]
        return self._texts[path]

    def _find(self, name: str, folders: Sequence[Path]) -> Path | None:
        """The file that nasm takes: from the folder in which it runs, then from the others."""
        key = (name, tuple(folders))
        if key not in self._found:
            places = (folder / name for folder in (self._root, *folders))
            self._found[key] = next((place for place in places if place.is_file()), None)
        return self._found[key]

    def _cut(self, generated: dict[str, _Text], others: list[_Text]) -> dict[str, bytes]:
        """The generated files without the definitions that nothing asks for."""
        key = tuple((name, text.content) for name, text in generated.items())
        if key not in self._generated:
            self._generated[key] = _Generated(generated)
        return self._generated[key].cut(others)


class _Generated:
    """Generated files that a source includes together."""

    def __init__(self, texts: dict[str, _Text]) -> None:
        self._texts = list(texts.values())
        self._parsed = {name: _definitions(text.content) for name, text in texts.items()}
        self._defined = frozenset[bytes]().union(*(one.defined for one in self._parsed.values()))
        self._always: set[bytes] = set()
        self._inside: dict[bytes, set[bytes]] = {}
        for one in self._parsed.values():
            for _, name, words in one.lines:
                if name:
                    self._inside.setdefault(name, set()).update(words & self._defined)
                else:
                    self._always |= words
        self._pasted: dict[tuple[bytes, bool], list[tuple[bytes, bytes]]] = {}

    def cut(self, others: list[_Text]) -> dict[str, bytes]:
        """The files with what these texts ask for."""
        words = self._always.union(*(text.names for text in others))
        wanted: set[bytes] = set()
        more = set(self._defined & words)
        more |= {
            name
            for text in (*others, *self._texts)
            for pieces, behind in ((text.before, False), (text.behind, True))
            for piece in pieces
            for name, rest in self._made_of(piece, behind)
            if rest in words
        }
        while more:
            wanted |= more
            more = set[bytes]().union(*(self._inside[name] for name in more)) - wanted
        return {
            name: b"".join(line for line, word, _ in one.lines if not word or word in wanted)
            for name, one in self._parsed.items()
        }

    def _made_of(self, piece: bytes, behind: bool) -> list[tuple[bytes, bytes]]:
        """The names that a macro may make of `piece` and a word, each with that word."""
        found = self._pasted.get((piece, behind))
        if found is None:
            if behind:
                found = [(n, n[: -len(piece)]) for n in self._defined if n.endswith(piece)]
            else:
                found = [(n, n[len(piece) :]) for n in self._defined if n.startswith(piece)]
            self._pasted[piece, behind] = found
        return found
