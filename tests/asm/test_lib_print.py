"""`asm/lib/print.asm` and `error.asm`: what the user sees."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from bench.machine import OVERLAY_SEGMENT, ROM_SEGMENT, Machine

from romgen.catalog import DETAIL_KINDS, ErrorEntry, load_errors

ROOT = Path(__file__).resolve().parents[2]
ERRORS = load_errors(ROOT / "romgen" / "tables" / "errors")
MESSAGE = 0xF000  # free place in the ROM's segment
NETWORK_BOOT = 7000  # from here up: errors that only a ROM with PXE has
F = {
    name: number
    for number, name in enumerate(
        ("str", "ip", "mac", "dec16", "dec32", "hex8", "hex16", "hex32", "dec64"), start=1
    )
} | {"lun": 11, "dec8": 12}


def shown(machine: Machine, message: bytes, value: bytes = b"") -> str:
    """What print_message prints for `message`; fields find `value` at the variable `scratch`."""
    machine.map(ROM_SEGMENT * 16 + MESSAGE, 0x1000)
    machine.write(ROM_SEGMENT * 16 + MESSAGE, message + b"\0")
    machine.set("scratch", value)
    machine.console = ""
    machine.call("print_message", si=MESSAGE)
    return machine.console


def field(machine: Machine, kind: str, value: bytes) -> str:
    at = struct.pack("<H", machine.address("scratch"))
    text = shown(machine, b"<" + bytes([F[kind]]) + at + b">\r\n", value)
    assert text[0] == "<" and text.endswith(">\r\n")
    return text[1:-3]


def test_plain_text_with_all_printable_characters(machine: Machine) -> None:
    text = bytes(range(32, 127)) + b"\r\n\t"[:2]
    assert shown(machine, text) == text.decode()


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("str", b"iqn.2007-09.x:y\0junk", "iqn.2007-09.x:y"),
        ("str", b"\0", ""),
        ("ip", bytes([10, 0, 255, 1]), "10.0.255.1"),
        ("mac", bytes.fromhex("525400ab0099"), "52:54:00:ab:00:99"),
        ("dec8", b"\xff", "255"),
        ("dec16", b"\xff\xff", "65535"),
        ("dec16", b"\0\0", "0"),
        ("dec32", b"\xff\xff\xff\xff", "4294967295"),
        ("dec64", (10**19 + 7).to_bytes(8, "little"), "10000000000000000007"),
        ("dec64", (2**32).to_bytes(8, "little"), "4294967296"),
        ("hex8", b"\x0a", "0a"),
        ("hex16", b"\xef\xbe", "beef"),
        ("hex32", bytes.fromhex("78563412"), "12345678"),
        ("lun", bytes.fromhex("0007000000000000"), "7"),
        ("lun", bytes.fromhex("7fff000000000000"), "16383"),
        ("lun", bytes.fromhex("4100000000000000"), "256"),
        ("lun", bytes.fromhex("0107000000000000"), "0x0107000000000000"),
        ("lun", bytes.fromhex("0007000100000000"), "0x0007000100000000"),
        ("lun", bytes.fromhex("c001020304050607"), "0xc001020304050607"),
    ],
)
def test_fields(machine: Machine, kind: str, value: bytes, text: str) -> None:
    assert field(machine, kind, value) == text


def test_a_bios_that_loses_registers_does_no_harm(machine: Machine) -> None:
    def careless(machine: Machine) -> None:
        Machine._int10(machine)
        for register in ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp"):
            machine.set_reg(register, 0xDEADDEAD)
        machine.set_reg("es", 0x40)

    machine.interrupts[0x10] = careless
    machine.call("print_char", al=ord("x"))
    assert field(machine, "dec64", (123456789012).to_bytes(8, "little")) == "123456789012"


DETAIL = 0x0A000102
DETAILS = {
    "none": "",
    "ip": " (2.1.0.10)",
    "dec": f" ({DETAIL})",
    "hex": " (0x0a000102)",
    "line": f" (line {DETAIL})",
    "status": " (status 0x0102)",
}


def test_the_kinds_of_detail_are_all_tested() -> None:
    assert tuple(DETAILS) == DETAIL_KINDS


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.name)
def test_each_error_of_the_table_in_one_line(
    error: ErrorEntry, request: pytest.FixtureRequest
) -> None:
    name = "dual_machine" if error.number >= NETWORK_BOOT else "machine"
    machine: Machine = request.getfixturevalue(name)
    machine.set("error_detail", DETAIL, 4)
    machine.call("error_print", ax=error.number)
    detail = DETAILS[error.detail]
    assert machine.console == f"RG-{error.number} {error.text}{detail}: {error.check}\r\n"


def test_a_number_outside_the_table_is_still_printed(machine: Machine) -> None:
    machine.call("error_print", ax=9999)
    assert machine.console == "RG-9999 \r\n"


def test_in_a_copy_of_the_rom_the_texts_are_unpacked_behind_it(machine: Machine) -> None:
    machine.set("boot_code", ROM_SEGMENT + 1)  # so we run in a copy
    behind = (ROM_SEGMENT + machine.address("overlay_work")) * 16
    size = machine.address("error_paragraphs") * 16
    machine.allow(behind, size, "the copy's scratch memory")
    elsewhere = (OVERLAY_SEGMENT + machine.address("overlay_work")) * 16
    before = machine.read(elsewhere, size)
    machine.call("error_print", ax=ERRORS[0].number)
    assert machine.console == f"RG-{ERRORS[0].number} {ERRORS[0].text}: {ERRORS[0].check}\r\n"
    assert any(machine.read(behind, size))
    assert machine.read(elsewhere, size) == before


def test_data_segment_stays_as_it_is(machine: Machine) -> None:
    """The boot variables' text and segments out of order stand there, and behind it."""
    size = machine.stack_top + machine.address("ev_text_room")
    stack = machine.address("stack_bottom"), machine.stack_top
    before = bytearray(machine.read(machine.data, size))
    machine.call("error_print", ax=ERRORS[0].number)
    after = bytearray(machine.read(machine.data, size))
    for memory in (before, after):
        memory[slice(*stack)] = bytes(stack[1] - stack[0])
    assert after == before


def test_no_memory_is_told_without_any(machine: Machine) -> None:
    (error,) = (entry for entry in ERRORS if entry.name == "NO_MEMORY")
    machine.call("error_print_no_memory")
    assert machine.console == f"RG-{error.number} {error.text}: {error.check}\r\n"
