"""Where the ROM finds the boot variables, and what it prints about them."""

from __future__ import annotations

import pytest
from bench import Machine
from bench.machine import ROM_SEGMENT
from ev_rom import values_in

from romgen.ev.block import pack
from romgen.ev.model import Values
from romgen.ev.parse import TEXT_MAX, parse
from romgen.ev.table import numbers
from romgen.formats.option_rom import ev_block

FILE = "opt/romgen/ev"
TEXT = b"""InitiatorName=iqn.2003-05.com.example:client
TargetName=iqn.2003-05.com.example:disk
TargetIP=10.10.10.13
InitiatorIP=10.10.10.2
InitiatorNetmask=255.255.255.0
"""


def offer(machine: Machine, text: bytes, **others: bytes) -> None:
    """A fw_cfg with the text, and with other files."""
    machine.ports.fw_cfg.present = True
    machine.ports.fw_cfg.files = {**others, FILE: text}


def store(machine: Machine, block: bytes) -> None:
    """Puts a block in place of the one in the ROM (which the linker laid out with more room)."""
    start = machine.address("ev_block_start")
    assert start + len(block) <= len(machine.rom.code)
    machine.write(ROM_SEGMENT * 16 + start, block)


def verdict(machine: Machine) -> tuple[int, int] | None:
    result = machine.call("ev_load")
    return (result.ax, machine.get("error_detail", 4)) if result.cf else None


def test_fw_cfg(machine: Machine) -> None:
    offer(machine, TEXT, **{"etc/acpi": b"x" * 300, "opt/romgen/evil": b"y", "opt/romgen": b""})
    assert verdict(machine) is None
    assert values_in(machine) == parse(TEXT).values
    assert "fw_cfg opt/romgen/ev" in machine.console


@pytest.mark.parametrize(
    "bdf, name",
    [(0x0018, "00.03.0"), (0x00FD, "00.1f.5"), (0xAB50, "ab.0a.0"), (0x0700, "07.00.0")],
)
@pytest.mark.parametrize("last", [True, False])
def test_the_adapters_own_file_comes_first(
    machine: Machine, bdf: int, name: str, last: bool
) -> None:
    machine.set("boot_bdf", bdf)
    own = f"{FILE}-{name}"
    files = {FILE: TEXT + b"LUN=7\n", f"{FILE}-00.04.0": b"", own: TEXT + b"LUN=9\n"}
    machine.ports.fw_cfg.present = True
    machine.ports.fw_cfg.files = dict(sorted(files.items(), reverse=last))
    assert verdict(machine) is None
    assert machine.bytes_of("ev_lun", 8)[1] == 9
    assert machine.console == f"Boot variables: fw_cfg {own}\r\n"
    del machine.ports.fw_cfg.files[own]
    machine.ports.fw_cfg.files[own + "0"] = b""
    assert verdict(machine) is None
    assert machine.bytes_of("ev_lun", 8)[1] == 7
    assert machine.console.endswith(f"Boot variables: fw_cfg {FILE}\r\n")


def test_fw_cfg_comes_before_the_block(machine: Machine) -> None:
    offer(machine, TEXT + b"LUN=7\n")
    store(machine, pack(TEXT + b"LUN=9\n", 0))
    assert verdict(machine) is None
    assert machine.bytes_of("ev_lun", 8)[1] == 7


@pytest.mark.parametrize("present", [True, False])
def test_block_in_the_rom(machine: Machine, present: bool) -> None:
    machine.ports.fw_cfg.present = present
    machine.ports.fw_cfg.files = {"etc/e820": b"x" * 20}
    store(machine, pack(TEXT, 400))
    assert verdict(machine) is None
    assert values_in(machine) == parse(TEXT).values
    assert machine.console == "Boot variables: ROM\r\n"


def test_no_variables_anywhere(machine: Machine) -> None:
    assert verdict(machine) == (numbers()["EV_NONE"], 0)


def test_empty_fw_cfg_file_is_a_text_without_lines(machine: Machine) -> None:
    offer(machine, b"")
    assert verdict(machine) == (numbers()["EV_MISSING"], 0)
    assert machine.console.endswith("InitiatorName: ")


@pytest.mark.parametrize("size", [TEXT_MAX, TEXT_MAX + 1, 0x10010])
def test_longest_text(machine: Machine, size: int) -> None:
    offer(machine, TEXT + b"#\n" * ((size - len(TEXT)) // 2 + size % 2))
    text = machine.ports.fw_cfg.files[FILE][:size]
    offer(machine, text)
    assert verdict(machine) == (None if size == TEXT_MAX else (numbers()["EV_TEXT_LONG"], 0))


def test_directory_that_never_ends(machine: Machine) -> None:
    machine.ports.fw_cfg.present = True
    machine.ports.fw_cfg.files = {f"etc/{i}": b"" for i in range(1025)}
    assert verdict(machine) == (numbers()["EV_NONE"], 0)


@pytest.mark.parametrize("offset", range(ev_block.sizeof() + 60))
def test_each_changed_byte_of_a_block_is_noticed(machine: Machine, offset: int) -> None:
    block = bytearray(pack(TEXT, 400))
    block[offset] ^= 0x41
    store(machine, bytes(block))
    # More room for text than there is says nothing about the text.
    harmless = ev_block.parse(bytes(block)).capacity > 400
    assert verdict(machine) == (None if harmless else (numbers()["EV_BLOCK"], 0))


def test_length_beyond_the_room(machine: Machine) -> None:
    header = ev_block.parse(pack(b"", 5000))
    header.length = TEXT_MAX + 1
    store(machine, ev_block.build(header))
    assert verdict(machine) == (numbers()["EV_BLOCK"], 0)


def test_error_names_variable_and_line(machine: Machine) -> None:
    offer(machine, TEXT.replace(b"10.10.10.13", b"server"))
    assert verdict(machine) == (numbers()["EV_IP"], 3)
    assert machine.console.endswith("TargetIP: ")


def test_only_the_first_warnings_are_printed(machine: Machine) -> None:
    offer(machine, TEXT + b"".join(b"New%d=1\n" % i for i in range(6)))
    assert verdict(machine) is None
    lines = machine.console.split("\r\n")[1:]
    unknown = numbers()["EV_UNKNOWN"]
    assert [line[:16] for line in lines[:4]] == [f"Warning, RG-{unknown}"] * 4
    assert "(line 9)" in lines[3]
    assert lines[4:] == ["Warnings about boot variables: 6", ""]


def test_error_detail_is_the_errors_and_not_a_warnings(machine: Machine) -> None:
    offer(machine, b"New=1\n" + TEXT + b"LUN=x\n")
    assert verdict(machine) == (numbers()["EV_LUN"], 7)


@pytest.mark.parametrize(
    "line",
    [b"CHAPSecret=TOPSECRET12345", b"CHAPSecret=TOPSECRET", b"CHAPSecret=0xTOPSECRET12345",
     b"CHAPMSecret=TOPSECRET", b"chapsecret=TOPSECRET12345", b"CHAPSecret\nTOPSECRET12345",
     b"CHAPSecret=TOPSECRET12345\nCHAPSecret=TOPSECRET12345"],
)  # fmt: skip
@pytest.mark.parametrize("method", [b"None", b"MutualCHAP"])
def test_secrets_are_never_printed_nor_left_behind(
    machine: Machine, line: bytes, method: bytes
) -> None:
    offer(machine, TEXT + line + b"\nAuthMethod=" + method)
    verdict(machine)
    assert "TOPSECRET" not in machine.console
    assert not any(machine.bytes_of("scratch", TEXT_MAX))


def test_second_load_forgets_the_first(machine: Machine) -> None:
    offer(machine, TEXT + b"LUN=7\nMTU=9000\nInitiatorRoute=10.10.10.1\n")
    assert verdict(machine) is None
    offer(machine, TEXT)
    assert verdict(machine) is None
    assert values_in(machine) == parse(TEXT).values
    assert values_in(machine).mtu == Values().mtu
