"""A tree of sizes as a treemap: one HTML file with SVG in it, that needs nothing else.

The layout is the squarified treemap of Bruls, Huizing and van Wijk (2000).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from romgen.image.size_tree import Node

WIDTH, HEIGHT = 1200.0, 760.0
HEAD = 14.0
"""Height of the line with a part's name, where it has one."""
LETTER = 6.0
"""Width of a letter at the font's size."""
COLOURS = {"free": "#ffffff", "padding": "#dddddd", "other": "#cccccc"}
HUES = (210, 30, 120, 280, 0, 60, 170, 320, 90, 240)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels."""

    x: float
    y: float
    width: float
    height: float


def _worst(row: Sequence[float], side: float) -> float:
    """The worst ratio of sides in a row of areas that lies along `side`."""
    total = sum(row)
    return max(side * side * max(row) / total**2, total**2 / (side * side * min(row)))


def squarify(sizes: Sequence[int], box: Box) -> list[Box]:
    """A rectangle for each size (descending, all above 0), together exactly the box."""
    scale = box.width * box.height / sum(sizes) if sizes else 0.0
    areas = [size * scale for size in sizes]
    boxes: list[Box] = []
    while areas:
        side = min(box.width, box.height)
        count = 1
        while count < len(areas) and side > 0:
            if _worst(areas[: count + 1], side) > _worst(areas[:count], side):
                break
            count += 1
        row, areas = areas[:count], areas[count:]
        thick = sum(row) / side if side > 0 else 0.0
        at = 0.0
        for area in row:
            long = area / thick if thick > 0 else 0.0
            if box.width >= box.height:
                boxes.append(Box(box.x, box.y + at, thick, long))
            else:
                boxes.append(Box(box.x + at, box.y, long, thick))
            at += long
        if box.width >= box.height:
            box = Box(box.x + thick, box.y, max(box.width - thick, 0.0), box.height)
        else:
            box = Box(box.x, box.y + thick, box.width, max(box.height - thick, 0.0))
    return boxes


def _rectangles(node: Node, box: Box, path: str, hue: int, depth: int) -> Iterator[str]:
    """The SVG of a node and of all below it."""
    name = f"{path} / {node.name}" if path else node.name
    colour = COLOURS.get(node.kind, f"hsl({hue} 55% {58 + 9 * min(depth, 3)}%)")
    yield (
        f'<g><rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" fill="{colour}" stroke="#333" stroke-width="0.4"/>'
        f"<title>{escape(name)}: {node.size} bytes</title>"
    )
    room = int((box.width - 4) / LETTER)
    labelled = box.height >= HEAD and room >= 4
    if labelled:
        text = f"{node.name} {node.size}"
        text = text if len(text) <= room else node.name[:room]
        yield f'<text x="{box.x + 2:.1f}" y="{box.y + 10:.1f}">{escape(text)}</text>'
    yield "</g>\n"
    head = HEAD if labelled else 0.0
    inner = Box(box.x + 1, box.y + head, max(box.width - 2, 0), max(box.height - head - 1, 0))
    if inner.width < 2 or inner.height < 2:
        return
    boxes = squarify([child.size for child in node.children], inner)
    for index, (child, place) in enumerate(zip(node.children, boxes, strict=True)):
        next_hue = HUES[index % len(HUES)] if depth == 0 else hue
        yield from _rectangles(child, place, name, next_hue, depth + 1)


def treemap_page(tree: Node) -> str:
    """The HTML page of an image."""
    shapes = "".join(_rectangles(tree, Box(0, 0, WIDTH, HEIGHT), "", 0, 0))
    title = escape(f"{tree.name}: {tree.size} bytes")
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        "<style>body{font:14px sans-serif;margin:1em}svg{width:100%;height:auto}"
        "text{font:10px monospace;pointer-events:none}</style></head>\n"
        f"<body><h1>{title}</h1>\n"
        "<p>Section, source file, symbol; hold the pointer on a part for its name.</p>\n"
        f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" xmlns="http://www.w3.org/2000/svg">\n'
        f"{shapes}</svg></body></html>\n"
    )
