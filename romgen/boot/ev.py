"""EV text for a boot: what the user's file lacks is filled in for the private target."""

from __future__ import annotations

from collections.abc import Mapping

from romgen.boot.tgt import Tgtd

INITIATOR_NAME = "iqn.2007-09.com.example:romgen.initiator"
TARGET_NAME = "iqn.2007-09.com.example:romgen.disk"
GUEST_IP = "10.0.2.15"
HOST_IP = "10.0.2.2"
"""The host as QEMU's user network shows it: TCP to it reaches 127.0.0.1."""
NETMASK = "255.255.255.0"


def names(text: str) -> dict[str, str]:
    """Name -> value of the lines that have both (the ROM judges the rest)."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, sign, value in pairs if sign}


def defaults(port: int, lun: int, target_name: str = TARGET_NAME) -> dict[str, str]:
    """The variables that reach a target on 127.0.0.1:port of the host."""
    return {
        "InitiatorName": INITIATOR_NAME,
        "InitiatorIP": GUEST_IP,
        "InitiatorNetmask": NETMASK,
        "TargetName": target_name,
        "TargetIP": HOST_IP,
        "TargetPort": str(port),
        "LUN": str(lun),
    }


def text(values: Mapping[str, str]) -> str:
    """EV text of these variables, in their order."""
    return "".join(f"{name}={value}\n" for name, value in values.items())


def completed(user: str, values: Mapping[str, str]) -> str:
    """The user's text with the variables added that it does not have."""
    have = names(user)
    added = {name: value for name, value in values.items() if name not in have}
    if user and not user.endswith("\n"):
        user += "\n"
    return user + text(added)


def for_tgtd(tgt: Tgtd, lun: int, **changes: str) -> str:
    """The text that boots from a private tgtd; `changes` replace or add variables."""
    return text({**defaults(tgt.port, lun, tgt.name), **changes})
