"""Takes an iBFT apart and says what is wrong with it.

The rules are those of iBFT 1.03 and of the strictest reader known for each field (Linux'
iscsi_ibft, open-iscsi): what breaks one of them is an error, the rest a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from construct import Container, Struct

from romgen.errors import RomgenError
from romgen.formats.ibft import (
    CONSTANTS,
    ibft_control,
    ibft_header,
    ibft_initiator,
    ibft_nic,
    ibft_structure,
    ibft_target,
)
from romgen.ibft.find import SIGNATURES
from romgen.ibft.model import Address, Finding, Initiator, Nic, Table, Target

CONTROL_AT = ibft_header.sizeof()
NAMES = {
    CONSTANTS["IBFT_ID_INITIATOR"]: "initiator",
    CONSTANTS["IBFT_ID_NIC"]: "NIC",
    CONSTANTS["IBFT_ID_TARGET"]: "target",
}
STRUCTURES = {
    CONSTANTS["IBFT_ID_INITIATOR"]: ibft_initiator,
    CONSTANTS["IBFT_ID_NIC"]: ibft_nic,
    CONSTANTS["IBFT_ID_TARGET"]: ibft_target,
}
IPV4_MAPPED = bytes(10) + b"\xff\xff"
PAIRS_OLD_READERS = 2
"""Linux before 5.6 takes a control structure with exactly two pairs."""
DEFAULT_PORT = 3260


def address(raw: bytes) -> Address:
    """The 16 bytes of an address field."""
    if raw[:12] == IPV4_MAPPED:
        return IPv4Address(raw[12:]) if any(raw[12:]) else None
    return IPv6Address(raw) if any(raw) else None


def parse(data: bytes, where: str = "", at: int | None = None) -> Table:
    """The table at the start of `data`; `at`: its address in memory.

    Errors: no table at all. Everything else is in `Table.findings`.
    """
    if len(data) < CONTROL_AT or data[:4] not in SIGNATURES:
        raise RomgenError("ibft-none", where, "this is no iBFT")
    head = ibft_header.parse(data)
    table = Table(head.length, head.revision, head.oem_id, head.oem_table_id, at)
    _Reader(table, data).run(head)
    table.findings.sort(key=lambda finding: finding.offset)
    return table


class _Reader:
    """Fills a `Table` from its bytes."""

    def __init__(self, table: Table, data: bytes) -> None:
        self.table = table
        self.data = data[: table.length]
        self._used: list[tuple[int, int, str]] = [(0, CONTROL_AT, "header")]

    def say(self, offset: int, text: str, *, error: bool = True) -> None:
        self.table.findings.append(Finding(offset, text, error))

    def run(self, head: Container[Any]) -> None:
        table = self.table
        if head.signature != SIGNATURES[0]:
            self.say(0, f"signature {head.signature.decode()}", error=False)
        if len(self.data) < table.length:
            self.say(4, f"length {table.length}, but only {len(self.data)} bytes are here")
        if table.length < CONTROL_AT + ibft_control.sizeof():
            self.say(4, f"length {table.length} is too small for a control structure")
        if len(self.data) < CONTROL_AT + ibft_control.sizeof():
            return
        if head.revision != CONSTANTS["IBFT_REVISION"]:
            self.say(8, f"revision {head.revision} instead of {CONSTANTS['IBFT_REVISION']}")
        if total := sum(self.data) & 0xFF:
            self.say(9, f"the sum of all bytes is {total:#04x} instead of 0")
        if any(head.reserved):
            self.say(0x18, "reserved bytes are not 0", error=False)
        if table.address is not None and table.address % CONSTANTS["IBFT_ALIGN"]:
            self.say(0, f"address {table.address:#x} is no paragraph")
        self.control()
        self.judge()

    def control(self) -> None:
        control = ibft_control.parse(self.data[CONTROL_AT:])
        self.table.control_flags = control.head.flags
        length = self.head(CONTROL_AT, control.head, CONSTANTS["IBFT_ID_CONTROL"], ibft_control)
        if length is None:
            return
        if length > ibft_control.sizeof():
            pairs = PAIRS_OLD_READERS + (length - ibft_control.sizeof()) // 4
            self.say(CONTROL_AT + 2, f"{pairs} pairs: Linux before 5.6 refuses it", error=False)
        if control.head.index:
            self.say(CONTROL_AT + 4, f"index {control.head.index} of the control structure")
        if control.extensions:
            self.say(CONTROL_AT + 6, "extensions are not known here", error=False)
        for at in range(CONTROL_AT + 8, CONTROL_AT + length - 1, 2):
            offset = int.from_bytes(self.data[at : at + 2], "little")
            if offset:
                self.structure(at, offset)

    def head(self, at: int, head: Container[Any], kind: int, struct: Struct) -> int | None:
        """Length of a structure, None where it cannot be used."""
        size = struct.sizeof()
        if head.id != kind or (head.length != size and kind != CONSTANTS["IBFT_ID_CONTROL"]):
            self.say(at, f"id {head.id}, length {head.length} instead of {kind}, {size}")
            return None
        if head.length < size or at + head.length > len(self.data):
            self.say(at + 2, f"length {head.length} of a structure at {at:#x}")
            return None
        if head.version != CONSTANTS["IBFT_VERSION"]:
            self.say(at + 1, f"version {head.version}", error=False)
        self.claim(at, head.length, f"structure {head.id}")
        return int(head.length)

    def claim(self, offset: int, size: int, what: str) -> None:
        """No two parts of the table share bytes, except strings that are the same."""
        for start, end, other in self._used:
            if offset < end and start < offset + size and (offset, offset + size) != (start, end):
                self.say(offset, f"{what} overlaps {other}")
        self._used.append((offset, offset + size, what))

    def structure(self, at: int, offset: int) -> None:
        """What the word at `at` of the control structure points to."""
        if offset + ibft_structure.sizeof() > len(self.data):
            self.say(at, f"offset {offset:#x} is outside the table")
            return
        if offset % CONSTANTS["IBFT_ALIGN"] % 8:
            self.say(at, f"offset {offset:#x} is not aligned", error=False)
        kind = self.data[offset]
        if kind not in STRUCTURES:
            self.say(offset, f"structure of the unknown kind {kind}")
            return
        struct = STRUCTURES[kind]
        head = ibft_structure.parse(self.data[offset:])
        if self.head(offset, head, kind, struct) is None:
            return
        raw = struct.parse(self.data[offset:])
        make: dict[int, Callable[[int, Container[Any]], None]] = {
            CONSTANTS["IBFT_ID_INITIATOR"]: self.initiator,
            CONSTANTS["IBFT_ID_NIC"]: self.nic,
            CONSTANTS["IBFT_ID_TARGET"]: self.target,
        }
        make[kind](offset, raw)

    def text(self, at: int, string: Container[Any], what: str) -> bytes:
        """A string of the table."""
        if not string.length and not string.offset:
            return b""
        end = string.offset + string.length
        if end >= len(self.data):
            self.say(at, f"{what} ({string.length} bytes at {string.offset:#x}) is outside")
            return b""
        if self.data[end]:
            self.say(at, f"{what} has no NUL behind it: some readers need it")
        self.claim(string.offset, string.length + 1, what)
        return self.data[string.offset : end]

    def initiator(self, at: int, raw: Container[Any]) -> None:
        if self.table.initiator is not None:
            self.say(at, "a second initiator structure")
            return
        self.table.initiator = Initiator(
            flags=raw.head.flags,
            name=self.text(at, raw.name, "the initiator's name"),
            isns=address(raw.isns),
            slp=address(raw.slp),
            radius=(address(raw.radius1), address(raw.radius2)),
        )

    def nic(self, at: int, raw: Container[Any]) -> None:
        self.table.nics.append(
            Nic(
                at=at,
                index=raw.head.index,
                flags=raw.head.flags,
                ip=address(raw.ip),
                prefix=raw.prefix,
                origin=raw.origin,
                gateway=address(raw.gateway),
                dns=(address(raw.dns1), address(raw.dns2)),
                dhcp=address(raw.dhcp),
                vlan=raw.vlan,
                mac=raw.mac,
                bdf=raw.bdf,
                host_name=self.text(at, raw.host_name, "the host name"),
            )
        )

    def target(self, at: int, raw: Container[Any]) -> None:
        strings = {
            name: self.text(at, raw[name], what)
            for name, what in (
                ("name", "the target's name"),
                ("chap_name", "the CHAP name"),
                ("chap_secret", "the CHAP secret"),
                ("reverse_name", "the reverse CHAP name"),
                ("reverse_secret", "the reverse CHAP secret"),
            )
        }
        self.table.targets.append(
            Target(
                at=at,
                index=raw.head.index,
                flags=raw.head.flags,
                ip=address(raw.ip),
                port=raw.port,
                lun=raw.lun,
                chap_type=raw.chap_type,
                nic=raw.nic,
                **strings,
            )
        )

    # --- what only the whole shows -------------------------------------------------------------

    def judge(self) -> None:
        """Rules between the structures."""
        table = self.table
        if table.initiator is None:
            self.say(CONTROL_AT, "no initiator structure")
        elif not table.initiator.name:
            self.say(CONTROL_AT, "the initiator has no name")
        for kind, parts in (("NIC", table.nics), ("target", table.targets)):
            indexes = [part.index for part in parts]
            if not parts:
                self.say(CONTROL_AT, f"no {kind} structure")
            if len(set(indexes)) < len(indexes):
                self.say(CONTROL_AT, f"{kind} indexes {indexes}: two are the same")
            chosen = [p for p in parts if p.flags & CONSTANTS["IBFT_SELECTED"]]
            if parts and len(chosen) != 1:
                self.say(CONTROL_AT, f"{len(chosen)} {kind} structures are boot-selected",
                         error=not chosen)  # fmt: skip
        for nic in table.nics:
            self.judge_nic(nic)
        for target in table.targets:
            self.judge_target(target)

    def judge_nic(self, nic: Nic) -> None:
        name = f"NIC {nic.index}"
        if nic.ip is None:
            self.say(nic.at, f"{name} has no address")
        if not any(nic.mac) or nic.mac[0] & 1:
            self.say(nic.at, f"{name}: {nic.mac.hex(':')} is no adapter's address")
        if nic.vlan > 4094:
            self.say(nic.at, f"{name}: VLAN {nic.vlan}")
        if nic.prefix > (32 if isinstance(nic.ip, IPv4Address) else 128):
            self.say(nic.at, f"{name}: prefix of {nic.prefix} bits")
        if nic.dhcp is not None and nic.origin == CONSTANTS["IBFT_ORIGIN_MANUAL"]:
            self.say(nic.at, f"{name}: manual, with a DHCP server: Linux asks it", error=False)

    def judge_target(self, target: Target) -> None:
        name = f"target {target.index}"
        if target.ip is None:
            self.say(target.at, f"{name} has no address")
        if not target.name:
            self.say(target.at, f"{name} has no name")
        if not target.port:
            self.say(target.at, f"{name}: port 0")
        if target.nic not in {nic.index for nic in self.table.nics}:
            self.say(target.at, f"{name} goes with NIC {target.nic}, which is not there")
        if target.chap_type > CONSTANTS["IBFT_CHAP_MUTUAL"]:
            self.say(target.at, f"{name}: CHAP type {target.chap_type}")
        pairs = (
            ("CHAP", CONSTANTS["IBFT_CHAP_ONE_WAY"], target.chap_name, target.chap_secret),
            ("reverse CHAP", CONSTANTS["IBFT_CHAP_MUTUAL"],
             target.reverse_name, target.reverse_secret),
        )  # fmt: skip
        for what, least, user, secret in pairs:
            wanted = target.chap_type >= least
            if wanted and not user:
                self.say(target.at, f"{name}: no {what} name: Linux hides the secret")
            if wanted and not secret:
                self.say(target.at, f"{name}: no {what} secret")
            if not wanted and (user or secret):
                self.say(target.at, f"{name}: {what} strings, type {target.chap_type}",
                         error=False)  # fmt: skip
