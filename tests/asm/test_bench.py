"""The bench itself: what a routine must not do is caught, with its place."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from bench.contract import parse_file
from bench.machine import BenchError, Machine
from bench.program import Program

SOURCE = """\
cpu 386
bits 16
%macro CODE 1
section .text.%1 progbits alloc exec nowrite align=1
%endmacro
CODE t
global add_numbers, stray, clobber, hang, far_entry, data_ptr, reads, calls, sums
;---------------------------------------------------------------------------
; add_numbers - EAX = EAX + ECX
; in:       EAX, ECX = terms
; out:      EAX = sum
; clobbers: flags
;---------------------------------------------------------------------------
add_numbers:
        add     eax, ecx
        mov     [data_ptr], eax
        ret
;---------------------------------------------------------------------------
; stray - writes behind the data segment
; in:       none
; out:      none
; clobbers: none
;---------------------------------------------------------------------------
stray:
        mov     byte [0xEFFF], 1
        ret
;---------------------------------------------------------------------------
; clobber - loses EDX's upper half
; in:       none
; out:      none
; clobbers: DX, flags
;---------------------------------------------------------------------------
clobber:
        xor     edx, edx
        ret
;---------------------------------------------------------------------------
; hang - never returns
; in:       none
; out:      none
; clobbers: none
;---------------------------------------------------------------------------
hang:
        jmp     hang
;---------------------------------------------------------------------------
; reads - ES:SI one byte
; in:       ES:SI = byte
; out:      AL = it
; clobbers: AX
;---------------------------------------------------------------------------
reads:
        mov     al, [es:si]
        ret
;---------------------------------------------------------------------------
; far_entry [far] - AX = 1234h
; in:       none
; out:      AX = 1234h
; clobbers: none
;---------------------------------------------------------------------------
far_entry:
        mov     ax, 0x1234
        retf
;---------------------------------------------------------------------------
; calls - doubles what stand-in gives
; in:       none
; out:      EAX = result
; clobbers: flags
;---------------------------------------------------------------------------
calls:
        call    hang
        add     eax, eax
        ret
;---------------------------------------------------------------------------
; sums - ES:SI, CX bytes: a byte sum that forgets the last byte
; in:       ES:SI = bytes, CX = count
; out:      AL = sum
; clobbers: AX, CX, SI, flags
;---------------------------------------------------------------------------
sums:
        xor     al, al
        dec     cx
.next:
        add     al, [es:si]
        inc     si
        loop    .next
        ret
section .bss.t nobits alloc noexec write align=4
data_ptr: resd 1
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.asm").write_text(SOURCE, encoding="ascii")
    (folder / "tiny.ld").write_text(
        "SECTIONS { .text 0 : { *(.text.*) } .bss 0 (NOLOAD) : { *(.bss.*) } }", encoding="ascii"
    )
    for command in (
        "nasm -f elf32 -g -F dwarf tiny.asm -o tiny.o",
        "ld -m elf_i386 -T tiny.ld --no-check-sections tiny.o -o tiny.elf",
    ):
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    contracts, problems = parse_file(folder / "tiny.asm", folder)
    assert problems == []
    return Machine(Program.load(folder / "tiny.elf"), contracts)


def test_result_and_memory(tiny: Machine) -> None:
    result = tiny.call("add_numbers", eax=2, ecx=40)
    assert (result.eax, tiny.get("data_ptr", 4), result.stack_used) == (42, 42, 2)


def test_stray_write_is_caught_with_its_place(tiny: Machine) -> None:
    with pytest.raises(BenchError, match=r"tiny\.asm:\d+ \(stray\): writes 1 bytes at 0x7efff"):
        tiny.call("stray")


def test_clobbered_register_is_caught(tiny: Machine) -> None:
    with pytest.raises(BenchError, match="clobber changed EDX"):
        tiny.call("clobber")


def test_hang_is_caught(tiny: Machine) -> None:
    with pytest.raises(BenchError, match="did not return within 1000"):
        tiny.call("hang", limit=1000)


def test_read_behind_a_buffer_is_caught(tiny: Machine) -> None:
    buffer = tiny.buffer(16, bytes(range(16)))
    segment, offset = tiny.far(buffer)
    assert tiny.call("reads", es=segment, si=offset + 15).eax & 0xFF == 15
    with pytest.raises(BenchError, match="where nothing is"):
        tiny.call("reads", es=segment, si=offset + 16)


def test_far_call(tiny: Machine) -> None:
    assert tiny.call_far("far_entry").ax == 0x1234


def test_wrong_checksum_is_caught(tiny: Machine) -> None:
    content = bytes([1, 2, 4])
    segment, offset = tiny.far(tiny.buffer(3, content))
    result = tiny.call("sums", es=segment, si=offset, cx=3)
    with pytest.raises(AssertionError):
        assert result.eax & 0xFF == sum(content)


def test_replaced_routine(tiny: Machine) -> None:
    tiny.replace("hang", lambda m: m.set_reg("eax", 21))
    assert tiny.call("calls").eax == 42


def test_counts_are_the_same_every_time(tiny: Machine) -> None:
    counts = {tiny.call("add_numbers", eax=1, ecx=1, count=True).instructions for _ in range(2)}
    assert len(counts) == 1


@pytest.mark.parametrize(
    "change, problem",
    [
        ("; out:      EAX = sum\n", "lacks out"),
        ("add_numbers:", "has no banner|stands above no label"),
    ],
)
def test_lint_finds_a_missing_contract(tmp_path: Path, change: str, problem: str) -> None:
    text = SOURCE.replace(change, "other:" if change.endswith(":") else "", 1)
    (tmp_path / "x.asm").write_text(text, encoding="ascii")
    _, problems = parse_file(tmp_path / "x.asm", tmp_path)
    assert any(re.search(problem, entry) for entry in problems)
