"""What a layout asks of the linked image: places of sections, assertions, budgets.

The linker script takes the places (`layouts/templates/rom.ld.j2`); whether everything came out as
asked is looked at when the map is written, so that it is there to show what is in the way.
"""

from __future__ import annotations

import ast
import difflib
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from romgen.errors import EXIT_FINDINGS, RomgenError
from romgen.layout_file import Layers
from romgen.toml_file import Key

PLACE_KEYS = {
    "section": Key(
        str,
        required=True,
        pattern=r"\.(text|rodata|init|initdata|bss)\.[A-Za-z0-9_.]+",
        form="a section of the sources, .text.NAME, .rodata.NAME, .init.NAME, .initdata.NAME or "
        ".bss.NAME",
        doc="the section, as its macro makes it: `CODE tcp` is `.text.tcp`. Sections with a place "
        "come first in their part of the image, in the order in which they are placed",
    ),
    "at": Key(
        int,
        low=0,
        high=0xFFFFF,
        doc="its offset in the image (of `.bss`: in the data segment); what stands before it is "
        "filled up with zeros",
    ),
    "after": Key(str, default="", doc="a section with a place, which it follows directly"),
    "align": Key(
        int, default=1, low=1, high=4096, doc="a power of 2: its offset is a multiple of it"
    ),
}
ASSERT_KEYS = {
    "that": Key(
        str,
        required=True,
        low=1,
        doc="a comparison of symbols of the ROM's ELF file (`rom_end`, `tbl_evsrc`, `undi.entry`) "
        "and numbers: `+ - * / % ( ) < <= == != >= >`, `and`, `or`, `not`",
    ),
    "text": Key(str, default="", doc="why; part of the message"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a section of the sources goes; where: `file:line` that says so."""

    section: str
    at: int | None
    after: str
    align: int
    where: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """What has to hold of the symbols, and why."""

    that: str
    text: str
    where: str


@dataclass(frozen=True, slots=True)
class Budget:
    """Most bytes that a section may have."""

    section: str
    most: int
    where: str


@dataclass(frozen=True, slots=True)
class Rules:
    """All that a layout asks of the linked image."""

    places: tuple[Place, ...] = ()
    assertions: tuple[Assertion, ...] = ()
    budgets: tuple[Budget, ...] = ()

    def placed(self, part: str) -> list[tuple[int, Place]]:
        """The places in one part of the image, each with its number, in their order there."""
        return [
            (number, place)
            for number, place in enumerate(self.places)
            if place.section.split(".")[1] == part
        ]


NO_RULES = Rules()


def read_rules(layers: Layers) -> Rules:
    """What the layout asks for. Errors: as `TomlFile.take`, an order or a term that makes no sense.

    layers: of the layout; its tables `place`, `assert` and `budget` are read
    """
    places: list[Place] = []
    for row, where in layers.rows("place", PLACE_KEYS):
        _put(places, Place(**row, where=where))
    assertions = []
    for row, where in layers.rows("assert", ASSERT_KEYS):
        one = Assertion(**row, where=where)
        _parse(one)
        assertions.append(one)
    names = dict.fromkeys(
        name for layer in layers.layers for name in layer.table.get("budget", {})
    )
    most = layers.take({name: Key(int, low=0) for name in names}, "budget")
    return Rules(
        tuple(places),
        tuple(assertions),
        tuple(Budget(name, most[name], layers.where("budget", name)) for name in names),
    )


def _put(places: list[Place], place: Place) -> None:
    """Add one place where it belongs in the order. Errors: no such anchor, no power of 2."""
    if place.align & (place.align - 1):
        raise RomgenError(
            "toml-range", place.where, f"'align' is {place.align}", "give a power of 2"
        )
    names = [one.section for one in places]
    if place.section in names:
        other = places[names.index(place.section)].where
        raise RomgenError(
            "layout-place", place.where, f"{place.section} has a place already, see {other}"
        )
    if not place.after:
        places.append(place)
        return
    if place.after not in names:
        near = difflib.get_close_matches(place.after, names, 1, 0.5)
        raise RomgenError(
            "layout-place",
            place.where,
            f"{place.after} has no place that {place.section} could follow",
            f"did you mean '{near[0]}'?" if near else "give it a [[place]] above this one",
        )
    if place.after.split(".")[1] != place.section.split(".")[1]:
        raise RomgenError(
            "layout-place",
            place.where,
            f"{place.section} cannot follow {place.after}: they go to different parts",
        )
    places.insert(names.index(place.after) + 1, place)


# --- assertions ---------------------------------------------------------------------------------

_COMPARE: dict[type, tuple[str, Callable[[int, int], bool]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}
_ARITHMETIC: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def _parse(one: Assertion) -> ast.expr:
    """The term as a tree. Error: it is none, or no comparison."""
    try:
        tree = ast.parse(one.that.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if tree is None or not _allowed(tree, truth=True):
        raise RomgenError(
            "layout-assert",
            one.where,
            f"'{one.that}' is no comparison of symbols and numbers",
            'give one like "rom_resident_end <= 0x6000"',
        )
    return tree


def _allowed(tree: ast.expr, truth: bool) -> bool:
    """Whether the tree has only what an assertion may hold: a truth of comparisons of numbers."""
    if truth:
        match tree:
            case ast.BoolOp(values=parts):
                return all(_allowed(part, True) for part in parts)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return _allowed(inner, True)
            case ast.Compare(left=left, ops=ops, comparators=others):
                return all(type(op) in _COMPARE for op in ops) and all(
                    _allowed(part, False) for part in (left, *others)
                )
        return False
    match tree:
        case ast.BinOp(left=left, op=op, right=right):
            return type(op) in _ARITHMETIC and _allowed(left, False) and _allowed(right, False)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _allowed(inner, False)
        case ast.Constant(value=value):
            return type(value) is int
    return bool(_symbol(tree))


def _symbol(tree: ast.expr) -> str:
    """The name of a symbol, with its dots; "" where the tree is none."""
    if isinstance(tree, ast.Name):
        return tree.id
    if isinstance(tree, ast.Attribute):
        inside = _symbol(tree.value)
        return f"{inside}.{tree.attr}" if inside else ""
    return ""


def _number(tree: ast.expr, symbols: Mapping[str, int]) -> int:
    """The value of a term. Errors (KeyError): an unknown symbol; ZeroDivisionError."""
    match tree:
        case ast.Constant(value=int(value)):
            return value
        case ast.UnaryOp(operand=inner):
            return -_number(inner, symbols)
        case ast.BinOp(left=left, op=op, right=right):
            return _ARITHMETIC[type(op)](_number(left, symbols), _number(right, symbols))
    return symbols[_symbol(tree)]


def _untrue(tree: ast.expr, symbols: Mapping[str, int]) -> str:
    """ "" where the tree holds, else the first comparison that does not, with its numbers."""
    match tree:
        case ast.BoolOp(op=ast.And(), values=parts):
            return next((why for part in parts if (why := _untrue(part, symbols))), "")
        case ast.BoolOp(values=parts):
            found = [_untrue(part, symbols) for part in parts]
            return "" if "" in found else " and ".join(found)
        case ast.UnaryOp(operand=inner):
            return "" if _untrue(inner, symbols) else f"{ast.unparse(inner)} holds"
        case ast.Compare(left=left, ops=ops, comparators=others):
            before = _number(left, symbols)
            for op, other in zip(ops, others, strict=True):
                sign, holds = _COMPARE[type(op)]
                after = _number(other, symbols)
                if not holds(before, after):
                    by = f", {abs(before - after)} apart" if sign not in ("!=", "<", ">") else ""
                    return f"{before} {sign} {after} does not hold{by}"
                before = after
    return ""


def _check_assertion(one: Assertion, symbols: Mapping[str, int]) -> None:
    """Raise where an assertion does not hold of the symbols."""
    try:
        why = _untrue(_parse(one), symbols)
    except KeyError as error:
        name = str(error.args[0])
        near = difflib.get_close_matches(name, symbols, 1, 0.5)
        raise RomgenError(
            "layout-assert",
            one.where,
            f"the ROM has no symbol '{name}'",
            f"did you mean '{near[0]}'?" if near else "see `romgen ls --symbols`",
        ) from None
    except ZeroDivisionError:
        why = "it divides by 0"
    if why:
        raise RomgenError(
            "layout-assert",
            one.where,
            f"{one.text or 'the assertion'}: {one.that}: {why}",
            status=EXIT_FINDINGS,
        )


# --- the linked image ---------------------------------------------------------------------------


def check_rules(
    rules: Rules, symbols: Mapping[str, int], sections: Iterable[str], sizes: Mapping[str, int]
) -> None:
    """Raise what the linked image does not keep of the rules.

    symbols: global symbols of the ROM's ELF file
    sections: the sources' sections that are in it
    sizes: bytes of what a budget may be for
    """
    known = set(sections)
    for number, place in enumerate(rules.places):
        _check_place(number, place, symbols, known)
    for budget in rules.budgets:
        if budget.section not in sizes:
            near = difflib.get_close_matches(budget.section, sizes, 1, 0.5)
            raise RomgenError(
                "toml-unknown-key",
                budget.where,
                f"no section '{budget.section}' to have a budget",
                f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(sizes)}",
            )
        size = sizes[budget.section]
        if size > budget.most:
            raise RomgenError(
                "section-budget",
                budget.where,
                f"{budget.section} has {size} bytes, {size - budget.most} more than its budget of "
                f"{budget.most}",
                status=EXIT_FINDINGS,
            )
    for one in rules.assertions:
        _check_assertion(one, symbols)


def _check_place(
    number: int, place: Place, symbols: Mapping[str, int], sections: set[str]
) -> None:
    """Raise where a section is not where it was to be."""
    start = symbols[f"place_{number}"]
    if place.section not in sections:
        kind = place.section.split(".")[1]
        part = [name for name in sorted(sections) if name.startswith(f".{kind}.")]
        near = difflib.get_close_matches(place.section, part, 1, 0.5)
        raise RomgenError(
            "layout-place",
            place.where,
            f"there is no section {place.section} in the image",
            f"did you mean '{near[0]}'?" if near else "it may be unused, so that ld left it out",
        )
    if place.at is not None and start != place.at:
        raise RomgenError(
            "layout-overlap",
            place.where,
            f"{place.section} is to be at 0x{place.at:x}, but what stands before it ends at "
            f"0x{start:x}: {start - place.at} bytes overlap",
            "place it further back, or after other sections",
            status=EXIT_FINDINGS,
        )


def rule_sizes(image_map: Mapping[str, Any]) -> dict[str, int]:
    """What a budget may be for: the parts of the image, of the data segment and of the UNDI."""
    sizes = {
        part["name"].removeprefix("."): int(part["size"])
        for part in image_map["rom"]["sections"]
        if part["in_image"]
    }
    return {
        **sizes,
        "resident": int(image_map["image"]["resident"]),
        **{name: int(size) for name, size in image_map["memory"].items()},
    }
