"""What a text of boot variables says: values, findings, and where each variable stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

ERROR = "error"
WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a value. `name` is that of the error table without the place."""

    name: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault at its place.

    severity: `error` (the ROM does not boot) or `warning`
    code: name in the error table in kebab-case, `ev-line`
    number: the same as the ROM prints behind `RG-`
    line: from 1; 0 where no line is to blame
    variable: its name, or ""
    message, hint: one line each; never a secret, nor text that could be a part of one
    """

    severity: str
    code: str
    number: int
    line: int
    variable: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Values:
    """The variables as the ROM keeps them, after defaults; fields are named as in `ev.toml`.

    Addresses are None where absent. A LUN is the 8 bytes on the wire. Secrets are raw bytes and do
    not show up in `repr`.
    """

    initiator_name: str = ""
    target_name: str = ""
    target_ip: IPv4Address | None = None
    target_port: int = 3260
    initiator_ip: IPv4Address | None = None
    initiator_netmask: IPv4Address | None = None
    initiator_route: IPv4Address | None = None
    laa: bytes = bytes(6)
    lun: bytes = bytes(8)
    force_boot: bool = False
    auth_method: str = "None"
    chap_username: str = ""
    chap_secret: bytes = field(default=b"", repr=False)
    chapm_secret: bytes = field(default=b"", repr=False)
    vlan: int = 0
    header_digest: str = "False"
    data_digest: str = "False"
    target_ip2: IPv4Address | None = None
    target_port2: int = 3260
    target_name2: str = ""
    lun2: bytes = bytes(8)
    boot_mode: str = "Boot"
    link_delay: int = 0
    chapm_username: str = ""
    chap_algorithms: tuple[str, ...] = ("SHA256", "SHA1", "MD5")
    connect_timeout: int = 10
    connect_retries: int = 2
    io_timeout: int = 60
    sector_size: str = "Native"
    mtu: int = 1500
    boot_protocol: str = "iSCSI"


@dataclass(slots=True)
class Parsed:
    """The result of a parse.

    values: whole only where there is no error
    findings: in the order in which the ROM would meet them
    lines: line of each variable that the text gives, by name
    """

    values: Values = field(default_factory=Values)
    findings: list[Finding] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)

    @property
    def errors(self) -> list[Finding]:
        """The findings that keep the ROM from booting."""
        return [finding for finding in self.findings if finding.severity == ERROR]

    @property
    def verdict(self) -> tuple[int, int] | None:
        """Number and line of the error at which the ROM stops, or None: it goes on."""
        first = next(iter(self.errors), None)
        return (first.number, first.line) if first else None

    def by_line(self) -> list[Finding]:
        """The findings as a person reads them: by line."""
        return sorted(self.findings, key=lambda finding: finding.line)


def plain(value: Any) -> Any:
    """A value in a form that JSON has; bytes as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, IPv4Address):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
