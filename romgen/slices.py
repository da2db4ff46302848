"""What a source really gets from the generated includes, and so what its object is made from.

nasm reads every line of every include, and an object would have to be made anew whenever any of
some thousand generated definitions changes. A source is therefore assembled with a copy of the
generated includes that has only those definitions whose names occur in it or in what it includes.
What is left of them, with the texts of all its other includes, is what the object depends on:
nothing else is there for nasm to see.
"""

from __future__ import annotations

import hashlib
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
_STRING = re.compile(rb"""`[^`\n]*`|"[^"\n]*"|'[^'\n]*'""")
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


@dataclass(frozen=True, slots=True, eq=False)
class _Text:
    """A file as far as it matters here.

    digest: of the content; includes, embeds: names as given; names: every word; before, behind:
    pieces of names that a macro puts together with its parameters; beyond: it depends on more than
    texts
    """

    digest: bytes
    content: bytes
    includes: tuple[str, ...]
    embeds: tuple[str, ...]
    names: frozenset[bytes]
    before: frozenset[bytes]
    behind: frozenset[bytes]
    beyond: bool


_Shape = tuple[tuple[bytes, frozenset[bytes]], ...]
"""Of a generated include: each line's name, and the words from which names could be made."""


@dataclass(frozen=True, slots=True, eq=False)
class _Definitions:
    """A generated include: lines but comments, each with the name that it defines (b"" for one that
    always stays). Those of several layouts mostly have one shape."""

    lines: tuple[tuple[bytes, bytes], ...]
    defined: frozenset[bytes]
    shape: _Shape


@dataclass(frozen=True, slots=True)
class Slice:
    """What one source is assembled from.

    files: name and digest of each file that nasm reads, the source first
    generated: the files, by name, that stand in for the generated ones
    """

    files: tuple[tuple[str, bytes], ...]
    generated: tuple[tuple[str, bytes], ...]


def _words(content: bytes) -> frozenset[bytes]:
    return frozenset(content.translate(_BLANK_OTHERS).split())


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


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
        _digest(content),
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
    shape = []
    for line in content.splitlines(keepends=True):
        # A comment may name the layout, or what others ask for.
        if line.lstrip().startswith(b";"):
            continue
        match = _DEFINITION.match(line.rstrip(b"\r\n"))
        name = (match[1] or match[2]) if match else b""
        lines.append((line, name))
        # The value's strings and numbers make no names.
        value = _STRING.sub(b" ", line[match.end(match.lastindex or 0) :]) if match else line
        shape.append((name, frozenset(w for w in _words(value) if w[0] not in b"0123456789")))
    return _Definitions(
        tuple(lines), frozenset(name for _, name in lines if name), tuple(shape)
    )


class Slicer:
    """Slices of sources; each text is looked at once. For one run of romgen: files must not change.

    root: where nasm runs
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._texts: dict[Path, _Text | None] = {}
        self._names: dict[Path, str] = {}
        self._found: dict[tuple[str, tuple[Path, ...]], Path | None] = {}
        self._scanned: dict[bytes, _Text] = {}
        self._parsed: dict[bytes, _Definitions] = {}
        self._wanted: dict[tuple[_Shape, ...], _Wanted] = {}
        self._cuts: dict[tuple[_Definitions, frozenset[bytes]], tuple[bytes, bytes]] = {}

    def slice(self, source: Path, folders: Sequence[Path], generated: Path) -> Slice | None:
        """What nasm reads for `source`; None where that cannot be told from the texts.

        folders: where nasm looks for includes, `generated` among them
        """
        search = (self._root, *folders)
        texts: dict[Path, _Text] = {}
        waiting = [source]
        while waiting:
            path = waiting.pop()
            if path in texts:
                continue
            text = self._read(path)
            if text is None or text.beyond:
                return None
            texts[path] = text
            for include in text.includes:
                found = self._find(include, search)
                if found is None:
                    return None
                waiting.append(found)
        files: list[tuple[str, bytes]] = []
        inside: dict[str, _Text] = {}
        others: list[_Text] = []
        for path, text in texts.items():
            if path.parent == generated:
                inside[path.name] = text
            else:
                others.append(text)
                files.append((self._name(path), text.digest))
        for embed in sorted({name for text in texts.values() for name in text.embeds}):
            found = self._find(embed, search)
            if found is None:
                return None
            files.append((f"incbin {embed}", _digest(found.read_bytes())))
        cut = self._cut(inside, others)
        files += [(name, digest) for name, _, digest in cut]
        return Slice(tuple(files), tuple((name, content) for name, content, _ in cut))

    def _name(self, path: Path) -> str:
        """As nasm gets it."""
        if path not in self._names:
            self._names[path] = os.path.relpath(path, self._root)
        return self._names[path]

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

    def _find(self, name: str, folders: tuple[Path, ...]) -> Path | None:
        """The file that nasm takes: from the folder in which it runs, then from the others."""
        key = (name, folders)
        if key not in self._found:
            places = (folder / name for folder in folders)
            self._found[key] = next((place for place in places if place.is_file()), None)
        return self._found[key]

    def _cut(
        self, generated: dict[str, _Text], others: list[_Text]
    ) -> list[tuple[str, bytes, bytes]]:
        """Name, content and digest of the generated files, without what nothing asks for."""
        parsed = {name: self._definitions(text.content) for name, text in generated.items()}
        shapes = tuple(one.shape for one in parsed.values())
        if shapes not in self._wanted:
            self._wanted[shapes] = _Wanted(shapes, list(generated.values()))
        wanted = self._wanted[shapes].by(others)
        return [(name, *self._lines(one, wanted & one.defined)) for name, one in parsed.items()]

    def _lines(self, one: _Definitions, wanted: frozenset[bytes]) -> tuple[bytes, bytes]:
        """What is left of a generated file, and its digest."""
        key = (one, wanted)
        if key not in self._cuts:
            content = b"".join(line for line, name in one.lines if not name or name in wanted)
            self._cuts[key] = (content, _digest(content))
        return self._cuts[key]

    def _definitions(self, content: bytes) -> _Definitions:
        if content not in self._parsed:
            self._parsed[content] = _definitions(content)
        return self._parsed[content]


class _Wanted:
    """Which definitions of generated files that are included together somebody asks for.

    shapes: of the files; texts: the files (of any layout: of one shape they have the same pieces)
    """

    def __init__(self, shapes: tuple[_Shape, ...], texts: list[_Text]) -> None:
        self._texts = texts
        self._defined = frozenset(name for shape in shapes for name, _ in shape if name)
        self._always = frozenset[bytes]().union(
            *(words for shape in shapes for name, words in shape if not name)
        )
        self._inside: dict[bytes, set[bytes]] = {}
        for shape in shapes:
            for name, words in shape:
                self._inside.setdefault(name, set()).update(words & self._defined)
        self._pasted: dict[tuple[bytes, bool], list[tuple[bytes, bytes]]] = {}
        self._known: dict[tuple[_Text, ...], frozenset[bytes]] = {}

    def by(self, others: list[_Text]) -> frozenset[bytes]:
        """The names that these texts and the generated files themselves ask for."""
        key = tuple(others)
        if key not in self._known:
            self._known[key] = self._asked(others)
        return self._known[key]

    def _asked(self, others: list[_Text]) -> frozenset[bytes]:
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
        return frozenset(wanted)

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
