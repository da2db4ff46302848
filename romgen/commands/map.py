"""`romgen map`: show what takes the room in an image of ours.

FILE is a ROM with its .map.json beside it, the map itself, or the name of a layout that was built.
The sizes of sections, source files and symbols come from the linker: what the file holds packed
(the UNDI, init code and its texts) counts with its plain size. Padding and free bytes up to the
layout's budget are shown too. `--format html` is a treemap in one file that needs nothing else.

Exit codes: 0 shown, 2 there is no map, or it cannot be read.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from romgen.command_help import command_parser
from romgen.commands import Subparsers
from romgen.errors import EXIT_OK, shown
from romgen.image.sidecar import beside, read_map
from romgen.image.size_tree import Node, by_file, size_tree, walk
from romgen.image.treemap import treemap_page
from romgen.project import Project, write_atomic

BAR = 30
"""Characters of the longest bar."""


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = command_parser(sub, __doc__)
    parser.add_argument("file", metavar="FILE", help="a ROM, its .map.json, or a layout's name")
    formats = ("text", "json", "html")
    parser.add_argument("--format", choices=formats, default="text", help="default: text")
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="as --format json"
    )
    parser.add_argument(
        "--symbols", type=int, default=0, metavar="N", help="text: with the N largest symbols"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead")
    parser.set_defaults(run=run)


def _path(name: str) -> Path:
    """Where the map is."""
    if name.endswith(".json"):
        return Path(name)
    if not Path(name).exists() and "/" not in name and "." not in name:
        return Project().build / f"{name}.map.json"
    return beside(name)


def _rows(sizes: dict[str, int], whole: int) -> Iterator[str]:
    top = max(sizes.values(), default=1) or 1
    for name, size in sizes.items():
        bar = "#" * max(1, size * BAR // top) if size else ""
        yield f"  {size:>7} {100 * size / (whole or 1):5.1f} %  {name:<28} {bar}".rstrip()


def text_lines(data: dict[str, Any], tree: Node, symbols: int = 0) -> Iterator[str]:
    """The map for people."""
    image = data["image"]
    yield f"{data['layout']}: {image['used']} bytes used, {image['size']} in the file, " + (
        f"{image['free']} of {image['budget']} free, {image['resident']} resident"
    )
    yield "sections"
    yield from _rows({one.name: one.size for one in tree.children}, tree.size)
    yield "files"
    yield from _rows(by_file(tree), image["used"])
    if symbols:
        yield "symbols"
        found = sorted((one for one in walk(tree) if one.kind == "symbol"), key=lambda n: -n.size)
        yield from _rows({one.name: one.size for one in found[:symbols]}, image["used"])
    yield "memory at run time"
    yield from _rows(data["memory"], sum(data["memory"].values()))


def _tree_data(node: Node) -> dict[str, Any]:
    data: dict[str, Any] = {"name": node.name, "kind": node.kind, "size": node.size}
    if node.children:
        data["children"] = [_tree_data(child) for child in node.children]
    return data


def run(args: argparse.Namespace) -> int:
    """Show the map."""
    data = read_map(_path(args.file))
    tree = size_tree(data)
    if args.format == "html":
        text = treemap_page(tree)
    elif args.format == "json":
        report = {"schema": 1, "image": data["image"], "memory": data["memory"]}
        text = json.dumps({**report, "tree": _tree_data(tree)}, indent=1) + "\n"
    else:
        text = "\n".join(text_lines(data, tree, args.symbols)) + "\n"
    if args.output:
        write_atomic(args.output, text)
        print(shown(args.output))
    else:
        print(text, end="")
    return EXIT_OK
