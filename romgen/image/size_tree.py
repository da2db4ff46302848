"""The map of an image as a tree of sizes: image, section, source file, symbol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

OTHER = "(other)"
"""Bytes that no symbol has: alignment, and data without a name."""


@dataclass(frozen=True, slots=True)
class Node:
    """A part of the image. size: bytes, the sum of the children's where there are any."""

    name: str
    kind: str
    size: int
    children: tuple[Node, ...] = ()


def _node(name: str, kind: str, size: int, children: Iterable[Node]) -> Node:
    """A node whose children fill it: what is left over becomes a child of its own."""
    found = sorted((one for one in children if one.size), key=lambda one: -one.size)
    left = size - sum(one.size for one in found)
    if found and left > 0:
        found.append(Node(OTHER, "other", left))
    return Node(name, kind, max(size, size - left), tuple(found))


def _section(section: dict[str, Any], symbols: list[dict[str, Any]]) -> Node:
    """A section with its files, and they with their symbols."""
    by_file: dict[str, list[Node]] = {}
    for symbol in symbols:
        if symbol["section"] == section["name"] and symbol["file"]:
            name, size = symbol["name"], symbol["size"]
            by_file.setdefault(symbol["file"], []).append(Node(name, "symbol", size))
    files = (
        _node(file, "file", sum(one.size for one in nodes), nodes)
        for file, nodes in by_file.items()
    )
    return _node(section["name"], "section", section["size"], files)


def _part(part: dict[str, Any]) -> list[Node]:
    return [_section(one, part["symbols"]) for one in part["sections"] if one["in_image"]]


def size_tree(data: dict[str, Any]) -> Node:
    """The tree of a map (romgen.image_map); the UNDI program stands in its section of the ROM."""
    undi = _part(data["undi"])
    sections = []
    for node in _part(data["rom"]):
        inner = sum(one.size for one in undi)
        if node.name == ".undi" and 0 < inner <= node.size:
            # One section of code: its files stand directly below.
            children = undi[0].children if len(undi) == 1 else tuple(undi)
            node = _node(node.name, "section", node.size, children)
        sections.append(node)
    image = data["image"]
    if image["padding"]:
        sections.append(Node("padding", "padding", image["padding"]))
    free = image["budget"] - image["size"]
    if free > 0:
        sections.append(Node("free", "free", free))
    total = sum(one.size for one in sections)
    return _node(data["layout"], "image", max(total, image["budget"]), sections)


def by_file(tree: Node) -> dict[str, int]:
    """Bytes of each source file in the whole image, the largest first."""
    sizes: dict[str, int] = {}
    for node in walk(tree):
        if node.kind == "file":
            sizes[node.name] = sizes.get(node.name, 0) + node.size
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for child in node.children:
        yield from walk(child)
