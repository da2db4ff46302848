"""Rules between the variables, in the order in which the ROM checks them (asm/ev/rules.asm)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from typing import Any

from romgen.ev.model import ERROR, WARNING, Fault, Parsed, Values
from romgen.ev.table import IBFT_ROOM, Table

Broken = tuple[str, Fault, str, str]
"""Severity, fault, the variable, and the variable whose line is to blame."""

IBFT_STRINGS = 1024
"""Bytes that the ROM's iBFT has for strings, each with a NUL (asm/include/ibft.inc)."""
_CHAP_LEVEL = {"None": 0, "CHAP": 1, "MutualCHAP": 2}


def check(rows: Table, found: Parsed, given: Mapping[str, Any]) -> Iterator[Broken]:
    """The rules that the text breaks; `given` holds what it says itself, without defaults.

    No variable is asked for where BootProtocol is not iSCSI.
    """
    yield from _second_target(rows, found)
    values = found.values
    if values.boot_protocol != "iSCSI":
        return
    yield from _required(rows, found)
    yield from _chap(rows, found)
    yield from _routes(values, given)
    yield from _refused(rows, found)


def _required(rows: Table, found: Parsed) -> Iterator[Broken]:
    for row in rows:
        if row.required and row.name not in found.lines:
            fault = Fault("EV_MISSING", f"{row.name} is required, but missing", row.summary)
            yield ERROR, fault, row.name, ""


def _chap(rows: Table, found: Parsed) -> Iterator[Broken]:
    values = found.values
    level = _CHAP_LEVEL[values.auth_method]
    needed = [row for row in rows if row.required_by and level >= _CHAP_LEVEL[row.required_by]]
    for row in sorted(needed, key=lambda row: _CHAP_LEVEL[row.required_by]):
        if row.name not in found.lines:
            text = f"{values.auth_method} needs {row.name}"
            yield ERROR, Fault("EV_CHAP_MISSING", text, row.rule), row.name, "AuthMethod"
    if level == 2 and values.chapm_secret and values.chapm_secret == values.chap_secret:
        fault = Fault(
            "EV_SECRET_SAME", "CHAPMSecret is the same as CHAPSecret", "each side needs its own"
        )
        yield ERROR, fault, "CHAPMSecret", "CHAPMSecret"


def _on_net(values: Values, address: IPv4Address) -> bool:
    """True where the address is on the own net."""
    assert values.initiator_ip is not None
    assert values.initiator_netmask is not None
    return not (int(address) ^ int(values.initiator_ip)) & int(values.initiator_netmask)


def _routes(values: Values, given: Mapping[str, Any]) -> Iterator[Broken]:
    if values.initiator_ip is None or values.initiator_netmask is None:
        return
    route = values.initiator_route
    if route is not None:
        if not _on_net(values, route) or route == values.initiator_ip:
            what = "this machine itself" if route == values.initiator_ip else "not on its net"
            fault = Fault(
                "EV_ROUTE", f"the gateway {route} is {what}",
                f"this machine is {values.initiator_ip}, its mask {values.initiator_netmask}",
            )  # fmt: skip
            yield ERROR, fault, "InitiatorRoute", "InitiatorRoute"
        return
    if "InitiatorRoute" in given:
        return
    for name, target in (("TargetIP", values.target_ip), ("TargetIP2", values.target_ip2)):
        if target is not None and not _on_net(values, target):
            fault = Fault(
                "EV_NO_ROUTE", f"{target} is on another net than {values.initiator_ip}",
                "give InitiatorRoute, or check InitiatorNetmask",
            )  # fmt: skip
            yield ERROR, fault, name, name


def _second_target(rows: Table, found: Parsed) -> Iterator[Broken]:
    for row in rows:
        if row.needs and row.name in found.lines and row.needs not in found.lines:
            fault = Fault("EV_NO_TARGET2", f"no effect without {row.needs}", f"give {row.needs}")
            yield WARNING, fault, row.name, row.name


def _refused(rows: Table, found: Parsed) -> Iterator[Broken]:
    default = Values()
    for row in rows:
        used = getattr(found.values, row.field) != getattr(default, row.field)
        if row.refused and used and row.name in found.lines:
            text = f"this version's ROM does not have {row.name} yet"
            yield ERROR, Fault("EV_REFUSED", text, "remove the line"), row.name, row.name


def check_ibft(found: Parsed) -> Iterator[Broken]:
    """The names and secrets fit into the table for the operating system; a rule of the tools alone.

    The ROM boots without the table (RG-1012), but then the system does not find its root.
    """
    values = found.values
    strings = [values.initiator_name, max(values.target_name, values.target_name2, key=len)]
    level = _CHAP_LEVEL[values.auth_method]
    blame = "TargetName"
    if level:
        strings.append(values.chap_username)
        blame = "CHAPUsername"
    if level == 2:
        strings.append(values.chapm_username)
    sizes = [len(text) for text in strings]
    sizes += [len(secret) for secret in (values.chap_secret, values.chapm_secret)[:level]]
    room = sum(size + 1 for size in sizes if size)
    if room > IBFT_STRINGS:
        fault = Fault(
            IBFT_ROOM,
            f"names and secrets need {room} bytes of the table for the operating system",
            f"it has {IBFT_STRINGS}: shorten them",
        )
        yield ERROR, fault, blame, blame
