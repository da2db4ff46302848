"""The table of boot variables: its rules, the ROM's texts, the documentation's page."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.catalog import load_errors
from romgen.commands.ev import document
from romgen.errors import RomgenError
from romgen.ev.table import IBFT_ROOM, load_table, numbers, table
from romgen.ev.types import TAKE
from romgen.project import Project

ROW = """[[variable]]
name = "Colour"
type = "number"
range = [1, 7]
variable = "ev_colour"
summary = "s"
rule = "r"
mismatch = "m"
"""
COLUMNS = 80


def load(tmp_path: Path, text: str) -> str:
    """The message about a table, or ""."""
    path = tmp_path / "ev.toml"
    path.write_text(text)
    try:
        load_table(path, tmp_path)
    except RomgenError as error:
        return str(error)
    return ""


def test_good_row(tmp_path: Path) -> None:
    assert load(tmp_path, ROW) == ""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('type = "number"', 'type = "numbre"', "ev.toml:3: 'type' cannot be 'numbre', did you"),
        ("range = [1, 7]", "", "ev.toml:1: 'range' does not fit the type 'number'"),
        ("range = [1, 7]", "range = [7, 1]", "ev.toml:4: 'range' does not fit"),
        ("range = [1, 7]", "range = [7, 65536]", "ev.toml:4: 'range' does not fit"),
        ("range", 'choices = ["a"]\nrange', "'choices' does not fit the type 'number'"),
        ('"ev_colour"', '"colour"', "ev.toml:5: 'variable' cannot be 'colour'"),
        ('rule = "r"', 'rule = "r"\naliases = ["Colour"]', "'Colour' is there twice"),
        ('rule = "r"', 'rule = "r"\nneeds = "Taste"', "'Taste' is no variable above it"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert told in load(tmp_path, ROW.replace(old, new, 1))


def test_each_type_has_its_function() -> None:
    assert {row.type for row in table()} <= set(TAKE)


ABOUT = {
    "EV_NAME": ("name",), "EV_NAME_DATE": ("name",), "EV_NAME_CHARS": ("name",), "EV_IP": ("ip",),
    "EV_MASK": ("mask",), "EV_NUMBER": ("number",), "EV_MAC": ("mac",), "EV_MAC_GLOBAL": ("mac",),
    "EV_LUN": ("lun",), "EV_CHOICE": ("enum",), "EV_VLAN": ("vlan",), "EV_USERNAME": ("username",),
    "EV_SECRET_HEX": ("secret",), "EV_SECRET_LENGTH": ("secret",), "EV_ROUTE": ("ip",),
    "EV_ALGORITHMS": ("algorithms",), "EV_CHAP_MISSING": ("username", "secret"),
    "EV_SECRET_SAME": ("secret",), "EV_NO_ROUTE": ("ip",), "EV_NOT_TRUE": ("bool",),
    "EV_LEADING_ZERO": ("ip", "mask", "number", "lun", "vlan"), "EV_NONE": (), "EV_BLOCK": (),
    "EV_TEXT_LONG": (), "EV_BYTE": (), "EV_LINE": (), "EV_LINE_LONG": (), "EV_UNKNOWN": (),
}  # fmt: skip
"""Types of the variables that an error can be about; those that are not here: any."""


def test_messages_of_the_rom_fit_on_a_line_of_the_screen() -> None:
    entries = {entry.name: entry for entry in load_errors(Project().tables / "errors")}
    for name in numbers().keys() - {IBFT_ROOM}:  # no variable's name stands before that one
        entry = entries[name]
        kinds = ABOUT.get(name, tuple(TAKE))
        longest = max((len(row.name) for row in table() if row.type in kinds), default=-2)
        line = " (line 999)" if entry.detail == "line" else ""
        text = f"Warning, {'x' * longest}: RG-{entry.number} {entry.text}{line}: {entry.check}"
        assert len(text) < COLUMNS, text


def test_faults_that_chap_puts_off_stand_together() -> None:
    """The ROM tells them by their range (asm/ev/parse.asm)."""
    low, high = numbers()["EV_USERNAME"], numbers()["EV_SECRET_LENGTH"]
    inside = {name for name, number in numbers().items() if low <= number <= high}
    assert inside == {"EV_USERNAME", "EV_SECRET_HEX", "EV_SECRET_LENGTH"}


def test_page_of_the_documentation_is_up_to_date() -> None:
    path = Project().root / "docs" / "guide" / "variables.md"
    text = path.read_text(encoding="utf-8")
    assert text == document(text), "run `romgen ev doc`"
