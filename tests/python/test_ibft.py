"""`romgen.ibft`: a known table, what can be wrong with one, where it is looked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from romgen import cli
from romgen.errors import RomgenError
from romgen.ibft import find, parse
from romgen.ibft.source import from_acpi, from_bytes, from_qmp

NAMES = b"iqn.2024-01.test:client\0client\0iqn.2024-01.test:disk0\0user\0secretsecret1\0"


def example() -> bytearray:
    """A table that Linux 6.1 reads as it stands: 10.0.2.15/24, LUN 1, CHAP."""
    table = bytearray(0x150) + NAMES
    table[0:18] = bytes.fromhex("694246549901000001 75 524f4d47454e 524f")
    table[16:24] = b"ROMGEN  "
    table[0x30:0x40] = bytes.fromhex("01011200000000005000a00010010000")
    table[0x50:0x56] = bytes.fromhex("02014a000003")
    table[0x96:0x9A] = bytes.fromhex("17005001")
    table[0xA0:0xA6] = bytes.fromhex("030166000007")
    for at, ip, tail in ((0xB0, "0a00020f", "1803"), (0xC2, "0a000202", ""), (0xD2, "0a000203", ""),
                         (0xF2, "0a000202", "")):  # fmt: skip
        table[at : at + 6 + len(tail) // 2] = bytes.fromhex("ffff" + ip + tail)
    table[0xF8:0x106] = bytes.fromhex("0000525400123456180006006801")
    table[0x110:0x116] = bytes.fromhex("040136000003")
    table[0x120:0x130] = bytes.fromhex("ffff0a000202bc0c0001000000000000")
    table[0x130:0x140] = bytes.fromhex("010016006f01040086010d008b010000")
    return table


def sealed(table: bytearray) -> bytes:
    table[9] = 0
    table[9] = -sum(table) & 0xFF
    return bytes(table)


def texts(table: bytearray) -> list[str]:
    return [finding.text for finding in parse(sealed(table)).findings]


def test_a_known_table() -> None:
    table = parse(bytes(example()))
    assert table.findings == []
    assert table.initiator is not None and table.initiator.name == b"iqn.2024-01.test:client"
    (nic,), (target,) = table.nics, table.targets
    assert (str(nic.ip), nic.prefix, str(nic.gateway)) == ("10.0.2.15", 24, "10.0.2.2")
    assert nic.origin == 3
    assert (str(nic.dns[0]), nic.dns[1], str(nic.dhcp)) == ("10.0.2.3", None, "10.0.2.2")
    assert (nic.mac.hex(), nic.bdf, nic.host_name) == ("525400123456", 0x18, b"client")
    assert (target.port, target.chap_type, target.lun.hex()) == (3260, 1, "0001000000000000")
    assert (target.chap_name, target.chap_secret) == (b"user", b"secretsecret1")


@pytest.mark.parametrize(
    ("at", "raw", "text"),
    [
        (8, "02", "revision 2"),
        (0x30, "09", "id 9"),
        (0x32, "1000", "length 16"),
        (0x34, "01", "index 1"),
        (0x3E, "0010", "outside"),
        (0x3E, "9000", "unknown kind 0"),
        (0x3C, "5000", "a second initiator"),
        (0x38, "0000", "no initiator"),
        (0x3C, "0000", "no target"),
        (0x52, "4b00", "instead of"),
        (0x98, "ff0f", "outside"),
        (0x96, "1600", "no NUL"),
        (0x98, "a000", "overlaps"),
        (0xA5, "01", "0 NIC structures are boot-selected"),
        (0xFA, "01", "no adapter's address"),
        (0xF8, "ff0f", "VLAN 4095"),
        (0xB6, "21", "prefix of 33"),
        (0xB7, "01", "manual, with a DHCP server"),
        (0x126, "0000", "port 0"),
        (0x130, "03", "CHAP type 3"),
        (0x130, "02", "no reverse CHAP name"),
        (0x130, "00", "CHAP strings, type 0"),
        (0x131, "01", "NIC 1, which is not there"),
        (0x136, "00000000", "no CHAP name"),
    ],
)
def test_what_is_wrong_is_said(at: int, raw: str, text: str) -> None:
    table = example()
    new = bytes.fromhex(raw)
    table[at : at + len(new)] = new
    found = texts(table)
    assert any(text in each for each in found), found


@pytest.mark.parametrize("size", range(0, len(example()), 7))
def test_a_cut_table_is_no_bug(size: int) -> None:
    try:
        assert parse(bytes(example()[:size])).errors
    except RomgenError as error:
        assert error.code == "ibft-none"


def test_a_wrong_sum() -> None:
    table = example()
    table[0x160] ^= 1
    (finding,) = parse(bytes(table)).findings
    assert (finding.offset, finding.error) == (9, True)


def test_it_is_looked_for_where_systems_look() -> None:
    memory = bytearray(1 << 20)
    for at in (0x7FFF0, 0x80008, 0xA0000, 0xBFFF0, 0x80010, 0xE8640, 0xFFFF0):
        memory[at : at + 4] = b"iBFT"
    assert find(bytes(memory)) == [0x80010, 0xE8640, 0xFFFF0]
    assert find(bytes(memory[0x80000:]), 0x80000) == [0x80010, 0xE8640, 0xFFFF0]
    assert find(bytes(memory[0x90003:]), 0x90003) == [0xE8640, 0xFFFF0]


def test_of_a_running_machine(tmp_path: Path) -> None:
    asked: list[tuple[int, int]] = []

    def execute(command: str, val: int, size: int, filename: str) -> None:
        assert command == "pmemsave"
        asked.append((val, size))
        memory = bytearray(size)
        memory[0x1FC00 : 0x1FC00 + len(example())] = example()
        Path(filename).write_bytes(memory)

    (table,) = from_qmp(execute, "qemu")
    assert (asked, table.address, table.findings) == ([(0x80000, 0x80000)], 0x9FC00, [])


def test_of_acpi(tmp_path: Path) -> None:
    path = tmp_path / "iBFT"
    with pytest.raises(RomgenError) as error:
        from_acpi((path,))
    assert error.value.code == "ibft-none"
    path.write_bytes(example())
    assert from_acpi((tmp_path / "no", path))[0].findings == []


def test_nothing_there_says_where_it_looked() -> None:
    with pytest.raises(RomgenError) as error:
        from_bytes(bytes(1024), "image", 0x80000)
    assert error.value.where == "image" and "0x80000-0x80400" in error.value.hint


def test_secrets_are_shown_only_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "iBFT"
    path.write_bytes(example())
    for arguments in (["ibft", "dump", str(path)], ["ibft", "dump", str(path), "--json"]):
        assert cli.main(arguments) == 0
        assert "secretsecret1" not in capsys.readouterr().out
        assert cli.main([*arguments, "--show-secrets"]) == 0
        assert "secretsecret1" in capsys.readouterr().out


def test_findings_make_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = example()
    table[8] = 2
    (tmp_path / "iBFT").write_bytes(sealed(table))
    assert cli.main(["ibft", "dump", str(tmp_path / "iBFT")]) == 1
    assert "+0x8: error: revision 2" in capsys.readouterr().out
    memory = bytearray(1 << 20)
    for at in (0x90000, 0xE8640):
        memory[at : at + len(example())] = example()
    (tmp_path / "memory").write_bytes(memory)
    assert cli.main(["ibft", "dump", str(tmp_path / "memory"), "--json"]) == 1
    assert [t["address"] for t in json.loads(capsys.readouterr().out)] == [0x90000, 0xE8640]
