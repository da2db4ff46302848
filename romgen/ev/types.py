"""The forms of values: one function a type of `ev.toml`, the twin of the ROM's `ev_take_<type>`.

`take(row, text)` gives (value, Fault or None): with a value the fault is only worth a warning,
and without one (None) it is an error. `text` has no blanks at its ends and is printable ASCII.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

from romgen.ev.model import Fault
from romgen.ev.table import SIZES, Variable

NAME_MAX = 223
"""Longest iSCSI name in bytes (RFC 7143, 4.2.7.2)."""
TEXT_MAX = 255
"""Longest user name or secret in bytes: the value of a login key (RFC 7143, 6.1)."""
SECRET_MIN = 12
"""Shortest secret in bytes: 96 bits (RFC 7143, 9.2.1)."""

Taken = tuple[Any, Fault | None]

_HEX = frozenset(string.hexdigits)
_NAME_CHARS = frozenset(string.ascii_lowercase + string.digits + "-.:")
_NAME_TOLERATED = frozenset(string.ascii_uppercase + "_")
_DATED = re.compile(r"iqn\.[0-9]{4}-(0[1-9]|1[0-2])\..+")

_ZERO = Fault(
    "EV_LEADING_ZERO",
    "a number with a leading zero is read as decimal",
    "remove the zero: other programs read it as octal",
)


def _is_hex(text: str) -> bool:
    return all(char in _HEX for char in text)


def _decimal(text: str) -> tuple[int | None, bool]:
    """The number, at most 65535, and whether it has a leading zero; None: not such a number."""
    if not text or not all(char in string.digits for char in text) or int(text) > 0xFFFF:
        return None, False
    return int(text), len(text) > 1 and text[0] == "0"


def _near(text: str, choices: tuple[str, ...]) -> str | None:
    """The choice that differs from `text` in capitals alone."""
    return next((choice for choice in choices if choice.lower() == text.lower()), None)


def take_name(row: Variable, text: str) -> Taken:
    """iSCSI name (RFC 7143, 4.2.7)."""
    if len(text) > NAME_MAX:
        return None, Fault(
            "EV_NAME", f"the name has {len(text)} bytes", f"at most {NAME_MAX}"
        )
    kind, rest = text[:4], text[4:]
    if kind in ("eui.", "naa."):
        sizes = (16,) if kind == "eui." else (16, 32)
        if len(rest) in sizes and _is_hex(rest):
            return text, None
        wanted = " or ".join(map(str, sizes))
        return None, Fault("EV_NAME", f"not {wanted} hex digits behind `{kind}`")
    if kind != "iqn." or not rest:
        return None, Fault(
            "EV_NAME", "not an iSCSI name", "iqn.yyyy-mm.domain:name, eui. or naa."
        )
    odd = [char for char in rest if char not in _NAME_CHARS]
    wrong = [char for char in odd if char not in _NAME_TOLERATED]
    if wrong:
        return None, Fault(
            "EV_NAME", f"a name cannot contain {wrong[0]!r}", "letters, digits, `-`, `.`, `:`"
        )
    if not _DATED.fullmatch(text):
        return text, Fault(
            "EV_NAME_DATE", "the name lacks the date that RFC 7143 demands", "iqn.yyyy-mm.domain"
        )
    if odd:
        return text, Fault(
            "EV_NAME_CHARS", f"RFC 7143 has no {odd[0]!r} in names", "check the target's spelling"
        )
    return text, None


def _dotted(text: str) -> tuple[IPv4Address | None, Fault | None]:
    """Four octets; None where they are not."""
    parts = [_decimal(part) for part in text.split(".")]
    octets = [number for number, _ in parts if number is not None and number <= 255]
    if len(parts) != 4 or len(octets) != 4:
        return None, None
    return IPv4Address(bytes(octets)), _ZERO if any(zero for _, zero in parts) else None


def take_ip(row: Variable, text: str) -> Taken:
    """Address of one machine, dotted decimal."""
    address, fault = _dotted(text)
    if address is None:
        host = any(char.isalpha() for char in text)
        return None, Fault(
            "EV_IP",
            "not an IPv4 address",
            "there is no DNS: give four numbers" if host else "four numbers from 0 to 255",
        )
    if address.packed[0] in (0, 127) or address.packed[0] >= 224:
        route = row.name == "InitiatorRoute" and address.packed == bytes(4)
        return None, Fault(
            "EV_IP",
            f"{address} is not the address of one machine",
            "leave the line out where there is no gateway" if route else "",
        )
    return address, fault


def take_mask(row: Variable, text: str) -> Taken:
    """Net mask, contiguous, not zero."""
    address, fault = _dotted(text)
    if address is None:
        return None, Fault("EV_MASK", "not a net mask", "as 255.255.255.0")
    inverse = ~int(address) & 0xFFFFFFFF
    if not int(address) or inverse & (inverse + 1):
        return None, Fault(
            "EV_MASK", f"{address} is not a net mask", "ones, then zeros, as 255.255.255.0"
        )
    return address, fault


def take_number(row: Variable, text: str) -> Taken:
    """Decimal number in the row's range."""
    number, zero = _decimal(text)
    if number is None or not row.low <= number <= row.high:
        return None, Fault(
            "EV_NUMBER", "not a number in its range", f"{row.low} to {row.high}"
        )
    return number, _ZERO if zero else None


def take_mac(row: Variable, text: str) -> Taken:
    """12 hex digits of an address that one adapter may have."""
    if len(text) != 12 or not _is_hex(text):
        bare = len(re.sub(r"[-:.]", "", text)) == 12
        return None, Fault(
            "EV_MAC", "not 12 hex digits", "without separators" if bare else "as 02AB00001234"
        )
    raw = bytes.fromhex(text)
    if raw[0] & 1:
        return None, Fault("EV_MAC", "a multicast address", "the first byte must be even")
    if any(raw) and not raw[0] & 2:
        return raw, Fault(
            "EV_MAC_GLOBAL", "not a locally administered address", "second digit 2, 6, A or E"
        )
    return raw, None


def take_lun(row: Variable, text: str) -> Taken:
    """LUN as on the wire: peripheral or flat addressing (SAM-5, 4.7), or raw."""
    if text.startswith("0x"):
        if len(text) == 18 and _is_hex(text[2:]):
            return bytes.fromhex(text[2:]), None
        return None, Fault("EV_LUN", "not 16 hex digits behind `0x`")
    number, zero = _decimal(text)
    if number is None or number > row.high:
        return None, Fault("EV_LUN", "not a LUN", f"0 to {row.high}, or 0x and 16 hex digits")
    flat = 0x4000 if number > 0xFF else 0
    return (flat | number).to_bytes(2, "big") + bytes(6), _ZERO if zero else None


def take_bool(row: Variable, text: str) -> Taken:
    """Yes for the spellings at odd places of the choices; no for anything else."""
    if text in row.choices:
        return row.choices.index(text) % 2 == 1, None
    near = _near(text, row.choices)
    meant = near if near is not None else "True" if text.lower() in ("yes", "on") else "False"
    return False, Fault(
        "EV_NOT_TRUE", "this value means False", f"write {meant.capitalize()} if you mean it"
    )


def _choice(row: Variable, text: str, name: str, hint: str) -> Fault:
    """The fault of a word that is none of the choices."""
    near = _near(text, row.choices)
    if near:
        return Fault(name, "capitals count in values", f"write {near}")
    return Fault(name, "no such value", hint)


def take_enum(row: Variable, text: str) -> Taken:
    """One of the row's words."""
    if text in row.choices:
        return text, None
    return None, _choice(row, text, "EV_CHOICE", "give " + ", ".join(row.choices))


def take_username(row: Variable, text: str) -> Taken:
    """Text of 1 to 255 bytes."""
    if not 1 <= len(text) <= TEXT_MAX:
        return None, Fault(
            "EV_USERNAME", f"a user name of {len(text)} bytes", f"1 to {TEXT_MAX}"
        )
    return text, None


def take_secret(row: Variable, text: str) -> Taken:
    """Text, or hex behind `0x`; 12 to 255 bytes. No message holds any of it."""
    raw = text.encode("ascii")
    if text[:2] in ("0x", "0X"):
        digits = text[2:]
        if text[1] == "X" or len(digits) % 2 or not _is_hex(digits):
            return None, Fault(
                "EV_SECRET_HEX", "the secret begins with `0x` and is not whole hex bytes",
                "an even number of hex digits behind a small x",
            )  # fmt: skip
        raw = bytes.fromhex(digits)
    if not SECRET_MIN <= len(raw) <= TEXT_MAX:
        return None, Fault(
            "EV_SECRET_LENGTH", f"the secret has {len(raw)} bytes", f"{SECRET_MIN} to {TEXT_MAX}"
        )
    return raw, None


def take_vlan(row: Variable, text: str) -> Taken:
    """A number in the row's range, or the word that stands for 0."""
    if text in row.choices:
        return 0, None
    number, zero = _decimal(text)
    if number is None or not row.low <= number <= row.high:
        wanted = f"{row.choices[0]}, or {row.low} to {row.high}"
        return None, _choice(row, text, "EV_VLAN", f"give {wanted}")
    return number, _ZERO if zero else None


def take_algorithms(row: Variable, text: str) -> Taken:
    """A list of the row's words in order of preference."""
    words = tuple(text.split(","))
    if len(set(words)) != len(words) or any(word not in row.choices for word in words):
        return None, Fault(
            "EV_ALGORITHMS", "not a list of CHAP algorithms", "as SHA256,SHA1,MD5, no blanks"
        )
    return words, None


TAKE: dict[str, Callable[[Variable, str], Taken]] = {
    kind: globals()[f"take_{kind}"] for kind in SIZES
}
"""The function of each type."""
