"""`asm/ibft/`: the table of the ROM, taken apart by `romgen.ibft`, is what was set."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from bench.machine import Machine
from hypothesis import given, settings
from hypothesis import strategies as st

from romgen.formats.ibft import CONSTANTS
from romgen.ibft import Table, find, parse

NAME = st.text("abcdefghijklmnopqrstuvwxyz0123456789.:-", min_size=1, max_size=223)
TEXT = st.binary(min_size=1, max_size=80).filter(lambda raw: 0 not in raw)
SECRET = st.binary(min_size=12, max_size=140)
OWN, MASK, GATEWAY = "10.0.2.15", "255.255.255.0", "10.0.2.1"
MAC = bytes.fromhex("525400123456")
BDF = 0x0118
HIGH_SEGMENT, LOW_SEGMENT = 0xE000, 0x7FFF
PLACE_ERROR, ROOM_ERROR = 1008, 1012


def text(machine: Machine, name: str, value: str | bytes) -> None:
    raw = value.encode() if isinstance(value, str) else value
    machine.set(name, raw + b"\0")


def configure(machine: Machine, **changes: str) -> None:
    values = {"net_ip": OWN, "net_mask": MASK, "net_gateway": GATEWAY, "ev_target_ip": "10.0.2.2"}
    for name, value in {**values, **changes}.items():
        machine.set(name, IPv4Address(value).packed)
    machine.set("net_mac", MAC)
    machine.set("boot_bdf", BDF)
    machine.set("ev_target_port", 3260)
    machine.set("ev_lun", bytes([0, 1, 0, 0, 0, 0, 0, 0]))
    machine.set("memory_segment", HIGH_SEGMENT)
    text(machine, "ev_initiator_name", "iqn.2007-09.org.example:me")
    text(machine, "ev_target_name", "iqn.2007-09.org.example:disk")


def chap(machine: Machine, method: int, *pairs: tuple[bytes, bytes]) -> None:
    machine.set("ev_auth_method", method, 1)
    for name, (user, secret) in zip(("ev_chap", "ev_chapm"), pairs, strict=False):
        text(machine, "chap_peer_name" if name == "ev_chapm" else f"{name}_username", user)
        machine.set(f"{name}_secret", secret)
        machine.set(f"{name}_secret_len", len(secret))


def room(machine: Machine) -> int:
    """Bytes up to the next variable."""
    start = machine.address("ibft_table")
    return min(at for at, _ in machine.rom.data_symbols if at > start) - start


def write(machine: Machine) -> Table:
    """Calls the routine on a zeroed table; nothing may be wrong with what it makes."""
    size = room(machine)
    machine.set("ibft_table", bytes(size))
    assert not machine.call("ibft_write").cf
    table = parse(machine.bytes_of("ibft_table", size))
    assert table.findings == []
    return table


@pytest.fixture
def ready(machine: Machine) -> Machine:
    """The data segment is what memory_allocate leaves, and a disk is configured."""
    machine.write(machine.data, bytes(machine.address("stack_top")))
    machine.replace("ibft_other", lambda machine: machine.set_cf(True))  # a long search
    machine.set("int13_drive", 0x80, 1)
    configure(machine)
    return machine


@pytest.fixture
def searched(machine: Machine) -> Machine:
    """The same, with all of the memory where another table may be."""
    machine.write(machine.data, bytes(machine.address("stack_top")))
    machine.map(CONSTANTS["IBFT_FIRST"], (1 << 20) - CONSTANTS["IBFT_FIRST"])
    configure(machine)
    return machine


def test_every_field(ready: Machine) -> None:
    ready.set("ev_vlan", 4094)
    table = write(ready)
    assert (table.oem_id, table.oem_table_id) == (b"ROMGEN", b"ROMGEN  ")
    assert table.control_flags == 0
    assert table.initiator is not None
    assert (table.initiator.flags, table.initiator.name) == (3, b"iqn.2007-09.org.example:me")
    (nic,), (target,) = table.nics, table.targets
    assert (nic.index, nic.flags, str(nic.ip), nic.prefix) == (0, 7, OWN, 24)
    assert (nic.origin, nic.gateway, nic.dhcp, nic.dns) == (1, None, None, (None, None))
    assert (nic.vlan, nic.mac, nic.bdf, nic.host_name) == (4094, MAC, BDF, b"")
    assert (target.index, target.flags, str(target.ip), target.port) == (0, 3, "10.0.2.2", 3260)
    assert (target.lun, target.nic) == (bytes([0, 1, 0, 0, 0, 0, 0, 0]), 0)
    assert target.name == b"iqn.2007-09.org.example:disk"
    assert target.chap_type == 0 and not target.chap_name and not target.chap_secret


@pytest.mark.parametrize(
    ("changes", "gateway"),
    [
        ({}, None),
        ({"ev_target_ip": "192.0.2.9"}, GATEWAY),
        ({"ev_target_ip": "10.0.3.2"}, GATEWAY),
        ({"ev_target_ip": "10.0.3.2", "net_mask": "255.255.254.0"}, None),
        ({"ev_target_ip": "10.0.3.2", "net_gateway": "0.0.0.0"}, None),
    ],
)
def test_gateway_only_where_it_is_needed(
    ready: Machine, changes: dict[str, str], gateway: str | None
) -> None:
    configure(ready, **changes)
    (nic,) = write(ready).nics
    assert nic.gateway == (IPv4Address(gateway) if gateway else None)


@pytest.mark.parametrize("prefix", range(1, 33))
def test_prefix(ready: Machine, prefix: int) -> None:
    ready.set("net_mask", ((1 << 32) - (1 << 32 - prefix)).to_bytes(4, "big"))
    assert write(ready).nics[0].prefix == prefix


def test_names_and_secrets_of_any_length(ready: Machine) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(own=NAME, disk=NAME, pairs=st.lists(st.tuples(TEXT, SECRET), max_size=2))
    def check(own: str, disk: str, pairs: list[tuple[bytes, bytes]]) -> None:
        text(ready, "ev_initiator_name", own)
        text(ready, "ev_target_name", disk)
        chap(ready, len(pairs), *pairs)
        table = write(ready)
        (target,) = table.targets
        assert table.initiator is not None
        assert (table.initiator.name, target.name) == (own.encode(), disk.encode())
        assert target.chap_type == len(pairs)
        found = [(target.chap_name, target.chap_secret)]
        found.append((target.reverse_name, target.reverse_secret))
        assert found == [*pairs, *[(b"", b"")] * (2 - len(pairs))]

    check()


SECOND = "10.0.2.3"


def second(machine: Machine, address: str = SECOND) -> None:
    machine.set("ev_target_ip2", IPv4Address(address).packed)
    machine.set("ev_target_port2", 3261)
    machine.set("ev_lun2", bytes([0, 2, 0, 0, 0, 0, 0, 0]))
    text(machine, "ev_target_name2", "iqn.2007-09.org.example:other")


def test_a_second_target_that_was_not_needed(ready: Machine) -> None:
    second(ready)
    chap(ready, 2, (b"user", b"secretsecret"), (b"target", b"otherothersecret"))
    table = write(ready)
    used, spare = table.targets
    assert [(t.index, t.flags, t.nic) for t in (used, spare)] == [(0, 3, 0), (1, 1, 0)]
    assert (str(spare.ip), spare.port, spare.lun[1]) == (SECOND, 3261, 2)
    assert (used.name, spare.name) == (
        b"iqn.2007-09.org.example:disk",
        b"iqn.2007-09.org.example:other",
    )
    accounts = {
        (t.chap_type, t.chap_name, t.chap_secret, t.reverse_name, t.reverse_secret)
        for t in (used, spare)
    }
    assert accounts == {(2, b"user", b"secretsecret", b"target", b"otherothersecret")}


def test_a_first_target_that_failed_is_not_told(ready: Machine) -> None:
    second(ready)
    ready.set("session_target", 1, 1)
    (used,) = write(ready).targets
    assert (used.index, used.flags, str(used.ip), used.port) == (0, 3, SECOND, 3261)
    assert (used.name, used.lun[1]) == (b"iqn.2007-09.org.example:other", 2)


@pytest.mark.parametrize(("one", "two", "told"), [
    ("10.0.2.2", "10.0.3.3", True),
    ("10.0.3.3", "10.0.2.2", True),
    ("10.0.2.2", "10.0.2.3", False),
])  # fmt: skip
def test_the_gateway_is_for_any_target(ready: Machine, one: str, two: str, told: bool) -> None:
    configure(ready, ev_target_ip=one)
    second(ready, two)
    (nic,) = write(ready).nics
    assert nic.gateway == (IPv4Address(GATEWAY) if told else None)


def longest(machine: Machine, account: int) -> None:
    """Names as long as they may be, and so many bytes of names and secrets for CHAP."""
    for variable in ("ev_initiator_name", "ev_target_name"):
        text(machine, variable, "n" * 223)
    parts = [bytes(range(1, 1 + account // 4))] * 3 + [b"x" * (account - account // 4 * 3)]
    chap(machine, 2, (parts[0], parts[1]), (parts[2], parts[3]))


ACCOUNT = 1024 - 2 * 224 - 4
"""What two names and the NULs leave."""


def test_strings_fill_the_table_to_its_end(ready: Machine) -> None:
    longest(ready, ACCOUNT)
    second(ready)
    table = write(ready)
    assert (table.length, len(table.targets)) == (room(ready), 1)  # the spare one found no room


def test_what_does_not_fit_is_refused(ready: Machine) -> None:
    longest(ready, ACCOUNT + 1)
    ready.set("ibft_table", bytes(room(ready)))
    result = ready.call("ibft_write")
    assert (result.cf, result.ax) == (True, ROOM_ERROR)
    assert ready.bytes_of("ibft_table", 1) == b"\0"


def test_what_is_configured_but_not_used_stays_out(ready: Machine) -> None:
    chap(ready, 0, (b"user", b"secretsecret"), (b"target", b"otherothersecret"))
    assert b"secret" not in ready.bytes_of("ibft_table", write(ready).length)


def test_the_signature_comes_last(ready: Machine) -> None:
    """Whoever looks meanwhile finds no table, and no unfinished one."""
    table = ready.data + ready.address("ibft_table")
    seen: list[tuple[int, int]] = []
    ready.uc.hook_add(1 << 11, lambda uc, kind, at, size, value, user: seen.append((at, size)))
    write(ready)
    last = [at for at, _ in seen if table <= at < table + CONSTANTS["IBFT_ALIGN"] * 64][-1]
    assert last == table


def test_a_place_below_512_kib_is_told(ready: Machine) -> None:
    ready.set("memory_segment", LOW_SEGMENT)
    result = ready.call("ibft_write")
    assert (result.cf, result.ax) == (True, PLACE_ERROR)
    assert parse(ready.bytes_of("ibft_table", 1024)).findings == []


def test_it_can_be_found(ready: Machine) -> None:
    """On a paragraph, whatever paragraph the data segment begins with."""
    write(ready)
    at = ready.address("ibft_table")
    memory = bytes(0x20) + ready.bytes_of("ibft_table", 1024)
    assert find(memory, HIGH_SEGMENT * 16 + at - 0x20) == [HIGH_SEGMENT * 16 + at]


def test_the_rom_itself_shows_no_signature(ready: Machine) -> None:
    assert b"iBFT" not in ready.rom.code


OTHER = 0x9F400
OTHER_MAC = bytes.fromhex("525400654321")


def other(machine: Machine, drive: int, at: int = OTHER) -> Table:
    """Leaves the table of another adapter's ROM at `at`, and configures ours for `drive`."""
    chap(machine, 1, (b"their user", b"their own secret"))
    text(machine, "ev_initiator_name", "iqn.2007-09.org.example:they")
    machine.set("net_mac", OTHER_MAC)
    machine.set("boot_bdf", 0x0220)
    machine.set("int13_drive", 0x80, 1)
    theirs = write(machine)
    machine.allow(at, room(machine), "the other's table")
    machine.write(at, machine.bytes_of("ibft_table", room(machine)))
    machine.set("ev_auth_method", 0, 1)
    machine.set("int13_drive", drive, 1)
    configure(machine, net_ip="192.0.2.5", net_gateway="192.0.2.1", ev_target_ip="192.0.2.9")
    text(machine, "ev_target_name", "iqn.2007-09.org.example:ours")
    return theirs


def gone(machine: Machine, at: int = OTHER) -> bool:
    return machine.read(at, 1) == b"\0"


def hidden(machine: Machine) -> bool:
    return machine.bytes_of("ibft_table", 1) == b"\0"


@pytest.mark.parametrize("drive", [0x80, 0x81])
def test_two_adapters_share_a_table(searched: Machine, drive: int) -> None:
    theirs = other(searched, drive)
    table = write(searched)
    assert gone(searched)
    first, second = table.nics
    assert [(n.index, n.flags) for n in (first, second)] == [(0, 7), (1, 5)]
    assert [(t.index, t.nic, t.flags) for t in table.targets] == [(0, 0, 3), (1, 1, 1)]
    ours = 0 if drive == 0x80 else 1
    assert (table.nics[ours].mac, table.nics[ours].bdf) == (MAC, BDF)
    assert str(table.targets[ours].ip) == "192.0.2.9"
    assert table.targets[ours].name == b"iqn.2007-09.org.example:ours"
    assert (table.nics[1 - ours].mac, table.nics[1 - ours].bdf) == (OTHER_MAC, 0x0220)
    (old,), new = theirs.targets, table.targets[1 - ours]
    for name in ("ip", "port", "lun", "name", "chap_type", "chap_name", "chap_secret"):
        assert getattr(new, name) == getattr(old, name)
    assert table.initiator is not None
    assert table.initiator.name == b"iqn.2007-09.org.example:" + (b"they", b"me")[ours == 0]


def test_a_path_of_another_adapter_is_told_before_a_spare_target(searched: Machine) -> None:
    other(searched, 0x80)
    second(searched)
    assert [t.nic for t in write(searched).targets] == [0, 1]


def test_a_third_adapter_stays_out(searched: Machine) -> None:
    other(searched, 0x81)
    write(searched)
    searched.write(OTHER, searched.bytes_of("ibft_table", room(searched)))
    before = searched.read(OTHER, room(searched))
    searched.set("net_mac", bytes.fromhex("525400000003"))
    searched.set("ibft_table", bytes(room(searched)))
    searched.set("int13_drive", 0x82, 1)
    assert not searched.call("ibft_write").cf
    assert hidden(searched) and searched.read(OTHER, room(searched)) == before


@pytest.mark.parametrize("drive", [0x80, 0x81])
def test_where_both_do_not_fit_the_boot_disk_is_told(searched: Machine, drive: int) -> None:
    other(searched, drive)
    longest(searched, ACCOUNT)
    # The other's strings are long, too.
    theirs = bytearray(searched.read(OTHER, room(searched)))
    field = 0x110 + 0x22
    theirs[field : field + 4] = (500).to_bytes(2, "little") + (0x200).to_bytes(2, "little")
    searched.write(OTHER, bytes(theirs))
    if drive == 0x80:
        table = write(searched)
        assert len(table.nics) == len(table.targets) == 1 and table.targets[0].flags == 3
        assert gone(searched)
    else:
        searched.set("ibft_table", bytes(room(searched)))
        assert not searched.call("ibft_write").cf
        assert hidden(searched) and not gone(searched)


def test_our_own_table_from_before_a_reset_is_forgotten(searched: Machine) -> None:
    other(searched, 0x80, 0xC8010)
    searched.set("net_mac", OTHER_MAC)
    table = write(searched)
    assert len(table.nics) == 1 and gone(searched, 0xC8010)


def test_other_firmwares_tables_are_left_alone(searched: Machine) -> None:
    other(searched, 0x80)
    searched.write(OTHER + 10, b"VENDOR")
    assert len(write(searched).nics) == 1 and not gone(searched)
