"""The boot variables (EV): their table, parser, rules, mending, stored block and texts."""

from __future__ import annotations

from romgen.ev.model import Finding, Parsed, Values
from romgen.ev.parse import parse
from romgen.ev.table import Table, Variable, load_table, table


def catalog() -> Table:
    """What the templates see as `ev`."""
    return load_table()


__all__ = ["Finding", "Parsed", "Table", "Values", "Variable", "catalog", "parse", "table"]
