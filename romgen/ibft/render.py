"""An iBFT as text and as JSON. Secrets are hidden unless they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from romgen.ev.render import HIDDEN
from romgen.formats.ibft import CONSTANTS
from romgen.ibft.model import Address, Finding, Nic, Table, Target

CHAP_TYPES = ("none", "CHAP", "mutual CHAP")
ORIGINS = ("other", "manual", "well known", "DHCP", "router advertisement")
SECRETS = ("chap_secret", "reverse_secret")


def text_of(raw: bytes) -> str:
    """A string of the table; what is not printable ASCII, as `0x` and hex digits."""
    return raw.decode("ascii") if all(0x20 <= b < 0x7F for b in raw) else f"0x{raw.hex()}"


def bdf_text(bdf: int) -> str:
    """`00:03.0`."""
    return f"{bdf >> 8:02x}:{bdf >> 3 & 0x1F:02x}.{bdf & 7}"


def flags_text(flags: int, names: tuple[str, ...]) -> str:
    """The names of the set bits, others in hex."""
    words = [name for bit, name in enumerate(names) if flags >> bit & 1]
    rest = flags >> len(names) << len(names)
    return ", ".join([*words, *([f"{rest:#x}"] if rest else [])]) or "none"


def finding_line(where: str, finding: Finding) -> str:
    """`where+0x12: severity: text`."""
    severity = "error" if finding.error else "warning"
    return f"{where}+{finding.offset:#x}: {severity}: {finding.text}"


def lines(table: Table, *, secrets: bool = False) -> Iterator[str]:
    """The table for people."""
    place = f" at {table.address:#x}" if table.address is not None else ""
    yield (
        f"iBFT{place}: {table.length} bytes, revision {table.revision}, "
        f"made by {_oem(table.oem_id)} {_oem(table.oem_table_id)}"
    )
    if table.initiator is not None:
        yield f"initiator ({flags_text(table.initiator.flags, ('valid', 'boot-selected'))})"
        yield f"  name        {text_of(table.initiator.name)}"
        for name in ("isns", "slp"):
            if (server := getattr(table.initiator, name)) is not None:
                yield f"  {name:11} {server}"
        for server in filter(None, table.initiator.radius):
            yield f"  radius      {server}"
    for nic in table.nics:
        yield from _nic(nic)
    for target in table.targets:
        yield from _target(target, secrets)


def _oem(raw: bytes) -> str:
    return text_of(raw.rstrip(b"\0 "))


def _nic(nic: Nic) -> Iterator[str]:
    flags = flags_text(nic.flags, ("valid", "boot-selected", "global"))
    yield f"NIC {nic.index} ({flags})"
    yield f"  adapter     {nic.mac.hex(':')} at {bdf_text(nic.bdf)}"
    origin = ORIGINS[nic.origin] if nic.origin < len(ORIGINS) else str(nic.origin)
    yield f"  address     {_none(nic.ip)}/{nic.prefix}, {origin}"
    yield f"  gateway     {_none(nic.gateway)}"
    for name, server in (("DNS", nic.dns[0]), ("DNS", nic.dns[1]), ("DHCP", nic.dhcp)):
        if server is not None:
            yield f"  {name:11} {server}"
    yield f"  VLAN        {nic.vlan or 'untagged'}"
    if nic.host_name:
        yield f"  host name   {text_of(nic.host_name)}"


def _target(target: Target, secrets: bool) -> Iterator[str]:
    flags = flags_text(target.flags, ("valid", "boot-selected", "radius", "radius reverse"))
    yield f"target {target.index} ({flags})"
    yield f"  name        {text_of(target.name)}"
    yield f"  portal      {_none(target.ip)}:{target.port} through NIC {target.nic}"
    yield f"  LUN         {target.lun.hex('-', 2)}"
    known = target.chap_type < len(CHAP_TYPES)
    yield f"  login       {CHAP_TYPES[target.chap_type] if known else target.chap_type}"
    for name, user, secret in (
        ("CHAP", target.chap_name, target.chap_secret),
        ("reverse", target.reverse_name, target.reverse_secret),
    ):
        if user or secret:
            shown = text_of(secret) if secrets else HIDDEN
            yield f"  {name:11} {text_of(user)}, secret {shown if secret else 'missing'}"


def _none(address: Address) -> str:
    return "none" if address is None else str(address)


def json_of(table: Table, where: str, *, secrets: bool = False) -> dict[str, Any]:
    """The table for programs."""
    return {
        "where": where,
        "address": table.address,
        "length": table.length,
        "revision": table.revision,
        "oem_id": _oem(table.oem_id),
        "oem_table_id": _oem(table.oem_table_id),
        "initiator": _json(table.initiator, secrets) if table.initiator else None,
        "nics": [_json(nic, secrets) for nic in table.nics],
        "targets": [_json(target, secrets) for target in table.targets],
        "findings": [
            {"offset": f.offset, "error": f.error, "text": f.text} for f in table.findings
        ],
    }


def _json(part: object, secrets: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields(part):  # type: ignore[arg-type]
        value = getattr(part, field.name)
        if field.name in SECRETS:
            value = (text_of(value) if secrets else HIDDEN) if value else None
        elif field.name == "mac":
            value = value.hex(":")
        elif field.name == "lun":
            value = value.hex()
        elif field.name == "bdf":
            value = bdf_text(value)
        elif isinstance(value, bytes):
            value = text_of(value)
        elif isinstance(value, tuple):
            value = [None if each is None else str(each) for each in value]
        elif value is not None and not isinstance(value, int):
            value = str(value)
        if field.name != "at":
            found[field.name] = value
    return found


def is_selected(flags: int) -> bool:
    """True where a structure's flags say that the machine booted through it."""
    return bool(flags & CONSTANTS["IBFT_SELECTED"])
