"""Runs the ROM's parser of the boot variables in the bench, and reads what it made of a text."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

from bench import Machine

from romgen.ev.model import Values
from romgen.ev.table import ALGORITHM_BASE, Variable, table


@dataclass
class RomParsed:
    """What the ROM says of a text: as `romgen.ev.model.Parsed`.

    verdict: None or (number, line); warnings: (number, line) in order; variable: index or 255
    """

    verdict: tuple[int, int] | None
    values: Values
    warnings: list[tuple[int, int]] = field(default_factory=list)
    variable: int = 0xFF


def _value(machine: Machine, row: Variable) -> Any:
    raw = machine.bytes_of(row.variable, row.size)
    number = int.from_bytes(raw, "little")
    match row.type:
        case "name" | "username":
            return raw.split(b"\0")[0].decode("ascii")
        case "ip" | "mask":
            return IPv4Address(raw) if number else None
        case "number" | "vlan":
            return number
        case "bool":
            assert number in (0, 1)
            return number == 1
        case "enum":
            return row.choices[number]
        case "secret":
            return raw[: machine.get(row.variable + "_len")]
        case "algorithms":
            return tuple(row.choices[code - ALGORITHM_BASE] for code in raw if code)
        case _:
            return raw


def values_in(machine: Machine) -> Values:
    """The variables of the data segment."""
    return Values(**{row.field: _value(machine, row) for row in table()})


def parse_in_rom(machine: Machine, text: bytes) -> RomParsed:
    """Calls `ev_parse` on `text` (in `scratch`, as `ev_load` does)."""
    warnings: list[tuple[int, int]] = []
    if "ev_warn" not in machine.__dict__.setdefault("replaced", set()):
        machine.__dict__["replaced"].add("ev_warn")
        machine.replace("ev_warn", lambda m: m.__dict__["warnings"].append(
            (m.reg("ax"), m.get("ev_line"))))  # fmt: skip
    machine.__dict__["warnings"] = warnings
    machine.set("error_detail", 0xDEADBEEF, 4)
    machine.write(machine.data + machine.address("scratch"), text + b"=")
    result = machine.call("ev_parse", si=machine.address("scratch"), cx=len(text))
    verdict = (result.ax, machine.get("error_detail", 4)) if result.cf else None
    values = values_in(machine) if verdict is None else Values()
    return RomParsed(verdict, values, warnings, machine.get("ev_variable", 1))
