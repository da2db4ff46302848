"""What an iBFT says, without its offsets and paddings."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address | None
"""None: not set (all zeros, or ::FFFF:0.0.0.0)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a table.

    offset: from the table's first byte; error: False where most readers take it as it is
    """

    offset: int
    text: str
    error: bool = True


@dataclass(frozen=True, slots=True)
class Initiator:
    """The initiator structure: flags, servers (rarely set), the name."""

    flags: int
    name: bytes
    isns: Address = None
    slp: Address = None
    radius: tuple[Address, Address] = (None, None)


@dataclass(frozen=True, slots=True)
class Nic:
    """A NIC structure at the offset `at`. vlan: 0 = untagged; bdf: as PCI BIOS numbers."""

    at: int
    index: int
    flags: int
    ip: Address
    prefix: int
    origin: int
    gateway: Address
    dns: tuple[Address, Address]
    dhcp: Address
    vlan: int
    mac: bytes
    bdf: int
    host_name: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """A target structure at the offset `at`. lun: its 8 bytes; nic: the NIC structure's index."""

    at: int
    index: int
    flags: int
    ip: Address
    port: int
    lun: bytes
    chap_type: int
    nic: int
    name: bytes
    chap_name: bytes
    chap_secret: bytes
    reverse_name: bytes
    reverse_secret: bytes


@dataclass(slots=True)
class Table:
    """A table. length: as its header says; address: where it was in memory, None: unknown."""

    length: int
    revision: int
    oem_id: bytes
    oem_table_id: bytes
    address: int | None = None
    control_flags: int = 0
    initiator: Initiator | None = None
    nics: list[Nic] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def errors(self) -> list[Finding]:
        """The findings that keep readers from using the table."""
        return [finding for finding in self.findings if finding.error]
