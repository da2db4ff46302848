"""A PC as an option ROM sees it, in Unicorn: memory, BIOS calls, ports, and checks on all of it.

Known traps of Unicorn 2.1.4 that shape this file: a read hook over the stack breaks ``retf`` (so
reads are guarded by mapping only what is legal), ``int`` does not go through the vector table (the
interrupt hook does it), and segment limits are not enforced.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

from unicorn import (
    UC_ARCH_X86,
    UC_HOOK_BLOCK,
    UC_HOOK_CODE,
    UC_HOOK_INSN,
    UC_HOOK_INTR,
    UC_HOOK_MEM_UNMAPPED,
    UC_HOOK_MEM_WRITE,
    UC_HOOK_MEM_WRITE_PROT,
    UC_MODE_16,
    UC_PROT_ALL,
    UC_PROT_EXEC,
    UC_PROT_READ,
    Uc,
    UcError,
)
from unicorn import x86_const as x86

from bench.contract import REGISTERS, SEGMENTS, Contract
from bench.coverage import Coverage
from bench.ports import Ports
from bench.program import Program

ROM_SEGMENT = 0xC800
DATA_SEGMENT = 0x7000
UNDI_CODE_SEGMENT = 0x9000
UNDI_DATA_SEGMENT = 0x9200
OVERLAY_SEGMENT = 0x1000
CALLER_STACK = 0x6000  # linear base of the BIOS stack, one page below to three above
SENTINEL = (0xF000, 0xFFF0)  # where a call returns to
PAGE = 0x1000
STACK_RESERVE = 1024  # bytes that interrupts, INT 10h and another vendor's UNDI may need
HEAP, HEAP_END = 0x20000, 0x60000  # where buffers are
FLAG_CF, FLAG_ZF, FLAG_IF, FLAG_DF = 0x0001, 0x0040, 0x0200, 0x0400

_REG = {
    name.lower(): getattr(x86, f"UC_X86_REG_{name}")
    for name in (
        *REGISTERS,
        "ESP",
        "AX",
        "BX",
        "CX",
        "DX",
        "SI",
        "DI",
        "BP",
        "SP",
        "AL",
        "AH",
        "BL",
        "BH",
        "CL",
        "CH",
        "DL",
        "DH",
        "CS",
        "DS",
        "ES",
        "FS",
        "GS",
        "SS",
        "IP",
        "EFLAGS",
        "CR0",
    )
}


class BenchError(AssertionError):
    """The routine broke a rule of the bench: a stray write, a register, a hang."""


@dataclass
class Result:
    """What came back: ``regs`` by lower-case name, ``cf``/``zf``, stack use in bytes, instructions
    (only where ``count=True``)."""

    regs: dict[str, int]
    flags: int
    stack_used: int
    instructions: int = 0

    def __getattr__(self, name: str) -> int:
        try:
            return self.regs[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def cf(self) -> bool:
        return bool(self.flags & FLAG_CF)

    @property
    def zf(self) -> bool:
        return bool(self.flags & FLAG_ZF)


class Machine:
    """One adapter's instance: ROM at ROM_SEGMENT, its data segment, optionally the UNDI."""

    def __init__(
        self,
        rom: Program,
        contracts: dict[str, Contract],
        undi: Program | None = None,
        coverage: Coverage | None = None,
        stack_size: int = 0x800,
    ) -> None:
        self.rom, self.undi, self.contracts = rom, undi, contracts
        self.coverage = coverage
        self.uc = Uc(UC_ARCH_X86, UC_MODE_16)
        self.uc.ctl_set_cpu_model(x86.UC_CPU_X86_HASWELL)  # has the crc32 instruction
        self.ports = Ports()
        self.console = ""
        self.interrupts: dict[int, Callable[[Machine], None]] = {0x10: Machine._int10}
        self._allowed: list[tuple[int, int, str]] = []
        self._patched: dict[int, Callable[[Machine], None]] = {}
        self._mapped: set[int] = set()
        self._heap = HEAP
        self._failure: str | None = None
        self._exception: BaseException | None = None
        self._stack_low = self._own_low = 0
        self._stack_range = (0, 0)
        self._spaces: list[tuple[int, int, Program]] = []
        self.deepest: dict[str, int] = {}
        self.new_blocks: set[tuple[int, int]] = set()  # that ran; the fuzzer clears it
        self.map(0, PAGE)  # vectors, BIOS data area
        self.allow(13 * 4, 4, "vector of exception 13")  # undi/mmio.asm borrows it
        self.map(CALLER_STACK, 4 * PAGE)
        self._allowed.append((0x400, 0x100, "BIOS data area"))
        self._place(rom, ROM_SEGMENT * 16)
        self.data = DATA_SEGMENT * 16
        size = rom.symbols.get("data_segment_size", 0) or rom.data_size + stack_size
        self.stack_top = rom.symbols.get("stack_top", size)
        size = max(size, self.stack_top + rom.symbols.get("ev_text_room", 0))
        self.map(self.data, size)
        self._allowed.append((self.data, size, "data segment"))
        bottom = rom.symbols.get("stack_bottom", rom.data_size)
        self._stack_range = (self.data + bottom, self.data + self.stack_top)
        for name in ("boot_code", "boot_rom"):  # as bcv_open does
            if name in rom.symbols:
                self.set(name, ROM_SEGMENT)
        if "error_paragraphs" in rom.symbols:  # where error_print unpacks its texts
            texts = (OVERLAY_SEGMENT + rom.symbols["overlay_work"]) * 16
            self.allow(texts, rom.symbols["error_paragraphs"] * 16, "errors' texts")
        if "undi_window_frames" in rom.symbols:  # as undi_open does
            self.set("undi_window", rom.symbols["undi_window_frames"], 4)
        if undi is not None:
            self._place(undi, UNDI_CODE_SEGMENT * 16, writable=True)
            self.map(UNDI_DATA_SEGMENT * 16, undi.data_size)
            self._allowed.append((UNDI_DATA_SEGMENT * 16, undi.data_size, "UNDI data"))
        self.map(0xFF000, PAGE)  # BIOS: the sentinel and IRET at F000:FF53
        self.uc.mem_write(0xFFFF0, b"\xf4")
        self.uc.mem_write(0xFFF53, b"\xcf")
        for vector in range(256):
            self.uc.mem_write(vector * 4, struct.pack("<HH", 0xFF53, 0xF000))
        self.write(0x413, struct.pack("<H", 639))
        self.write(0x40E, struct.pack("<H", 0x9FC0))
        self._hook()

    # --- memory ---------------------------------------------------------------------------------

    def map(self, linear: int, size: int, prot: int = UC_PROT_ALL) -> None:
        """Maps whole pages over [linear, linear+size); pages that are there already stay."""
        for page in range(linear & ~(PAGE - 1), linear + size, PAGE):
            if page not in self._mapped:
                self.uc.mem_map(page, PAGE, prot)
                self._mapped.add(page)

    def _place(self, program: Program, linear: int, writable: bool = False) -> None:
        self.map(linear, len(program.code))
        self.uc.mem_write(linear, program.code)
        self._spaces.append((linear, linear + len(program.code), program))
        if writable:
            self._allowed.append((linear, len(program.code), program.name))

    def rom_writable(self, yes: bool = True) -> None:
        """As during init and BCV (yes) or after POST (no, the default: writes are findings)."""
        entry = (ROM_SEGMENT * 16, len(self.rom.code), "ROM")
        if yes and entry not in self._allowed:
            self._allowed.append(entry)
        elif not yes and entry in self._allowed:
            self._allowed.remove(entry)

    def allow(self, linear: int, size: int, what: str = "buffer") -> None:
        """Lets the code write to [linear, linear+size)."""
        self.map(linear, size)
        self._allowed.append((linear, size, what))

    def shorten(self, what: str, by: int) -> None:
        """The last bytes of the area called so are nobody's."""
        ((at, size, _),) = (entry for entry in self._allowed if entry[2] == what)
        self._allowed.remove((at, size, what))
        self._allowed.append((at, size - by, what))

    def buffer(self, size: int, content: bytes = b"", writable: bool = True) -> int:
        """Linear address of a new buffer: it ends with a page, the next one is not mapped."""
        pages = (size + PAGE - 1) // PAGE
        base = self._heap
        self._heap += (pages + 1) * PAGE
        if self._heap > HEAP_END:
            raise BenchError("no room for another buffer: release_buffers() gives it back")
        self.map(base, pages * PAGE)
        linear = base + pages * PAGE - size
        self.write(linear, content)
        if writable:
            self._allowed.append((linear, size, "buffer"))
        return linear

    def writable(self) -> list[tuple[int, int]]:
        """(linear, size) of everything the code may write to."""
        return [(start, size) for start, size, _ in self._allowed]

    def write(self, linear: int, content: bytes) -> None:
        self.uc.mem_write(linear, bytes(content))

    def read(self, linear: int, size: int) -> bytes:
        return bytes(self.uc.mem_read(linear, size))

    def address(self, name: str) -> int:
        """Offset of a symbol in its segment."""
        try:
            return self.rom.symbols[name]
        except KeyError:
            raise BenchError(f"the ROM has no symbol {name!r}") from None

    def set(self, name: str, value: int | bytes, size: int = 2) -> None:
        """Writes a variable of the data segment (int: little endian, ``size`` bytes)."""
        raw = value if isinstance(value, bytes) else value.to_bytes(size, "little")
        self.write(self.data + self.address(name), raw)

    def get(self, name: str, size: int = 2) -> int:
        return int.from_bytes(self.bytes_of(name, size), "little")

    def bytes_of(self, name: str, size: int) -> bytes:
        return self.read(self.data + self.address(name), size)

    def string_of(self, name: str) -> str:
        return self.bytes_of(name, 512).split(b"\0")[0].decode("latin-1")

    def release_buffers(self) -> None:
        """Takes back all buffers: for tests that make many of them on one machine."""
        for page in range(HEAP, self._heap, PAGE):
            if page in self._mapped:
                self.uc.mem_unmap(page, PAGE)
                self._mapped.remove(page)
        self._allowed = [entry for entry in self._allowed if not HEAP <= entry[0] < HEAP_END]
        self._heap = HEAP

    @staticmethod
    def far(linear: int) -> tuple[int, int]:
        """(segment, offset) with the smallest offset."""
        return linear >> 4, linear & 15

    # --- registers ------------------------------------------------------------------------------

    def reg(self, name: str) -> int:
        return int(self.uc.reg_read(_REG[name]))

    def set_reg(self, name: str, value: int) -> None:
        self.uc.reg_write(_REG[name], value)

    def set_cf(self, carry: bool) -> None:
        flags = self.reg("eflags")
        self.set_reg("eflags", flags | FLAG_CF if carry else flags & ~FLAG_CF)

    def push(self, word: int) -> None:
        sp = (self.reg("sp") - 2) & 0xFFFF
        self.set_reg("sp", sp)
        self.write(self.reg("ss") * 16 + sp, struct.pack("<H", word & 0xFFFF))

    def pop(self) -> int:
        sp = self.reg("sp")
        word = struct.unpack("<H", self.read(self.reg("ss") * 16 + sp, 2))[0]
        self.set_reg("sp", (sp + 2) & 0xFFFF)
        return int(word)

    # --- hooks ----------------------------------------------------------------------------------

    def _hook(self) -> None:
        self.uc.hook_add(UC_HOOK_MEM_WRITE, self._on_write)
        self.uc.hook_add(UC_HOOK_MEM_UNMAPPED, self._on_unmapped)
        self.uc.hook_add(UC_HOOK_MEM_WRITE_PROT, self._on_unmapped)
        self.uc.hook_add(UC_HOOK_INTR, self._on_interrupt)
        self.uc.hook_add(UC_HOOK_INSN, self._on_in, None, 1, 0, x86.UC_X86_INS_IN)
        self.uc.hook_add(UC_HOOK_INSN, self._on_out, None, 1, 0, x86.UC_X86_INS_OUT)
        if self.coverage is not None:
            for _, _, program in self._spaces:
                self.coverage.blocks.setdefault(program.name, set())
                self.coverage.programs.setdefault(program.name, program)
        self.uc.hook_add(UC_HOOK_BLOCK, self._on_block)

    def where(self) -> str:
        """file:line (routine) of the instruction that runs now."""
        linear = self.reg("cs") * 16 + self.reg("ip")
        for start, end, program in self._spaces:
            if start <= linear < end:
                line = program.line_at(linear - start)
                place = f"{line[0]}:{line[1]}" if line else f"{program.name}+{linear - start:#x}"
                return f"{place} ({program.routine_at(linear - start)})"
        return f"{self.reg('cs'):04X}:{self.reg('ip'):04X}"

    def fail(self, text: str) -> None:
        """Ends the run; the call raises BenchError with the place."""
        if self._failure is None:
            self._failure = f"{self.where()}: {text}"
        self.uc.emu_stop()

    def _on_write(self, uc: Uc, access: int, linear: int, size: int, value: int, _: object) -> None:
        low, high = self._stack_range
        if low <= linear < high:
            self._stack_low = min(self._stack_low, linear)
            self._own_low = min(self._own_low, linear)
            return
        for start, length, _what in self._allowed:
            if start <= linear and linear + size <= start + length:
                return
        ss = self.reg("ss") * 16
        if ss + self.reg("sp") - 64 <= linear and CALLER_STACK <= linear < CALLER_STACK + 4 * PAGE:
            self._stack_low = min(self._stack_low, linear)
            return
        self.fail(
            f"writes {size} bytes at {linear:#x} ({self._name_of(linear)}), outside what it may"
        )

    def _name_of(self, linear: int) -> str:
        if self.data <= linear < self.data + 0x10000:
            return "data " + self.rom.variable_at(linear - self.data)
        for start, length, what in self._allowed:
            if start <= linear < start + length + 64:
                return f"{what}+{linear - start:#x}"
        return "no one's memory"

    def _on_unmapped(
        self, uc: Uc, access: int, linear: int, size: int, value: int, _: object
    ) -> bool:
        kind = {19: "reads", 20: "writes", 21: "runs"}.get(access, "touches")
        self.fail(f"{kind} {size} bytes at {linear:#x}, where nothing is ({self._name_of(linear)})")
        return False

    def _on_block(self, uc: Uc, linear: int, size: int, _: object) -> None:
        if (linear, size) in self.new_blocks:
            return
        self.new_blocks.add((linear, size))
        if self.coverage is None:
            return
        for start, end, program in self._spaces:
            if start <= linear < end:
                self.coverage.blocks[program.name].add((linear - start, size))
                return

    def _guard(self, call: Callable[[], object]) -> object:
        try:
            return call()
        except BaseException as error:
            self._exception = self._exception or error
            self.uc.emu_stop()
            return None

    def _on_in(self, uc: Uc, port: int, size: int, _: object) -> int:
        value = self._guard(lambda: self.ports.read(port, size))
        return value if isinstance(value, int) else 0

    def _on_out(self, uc: Uc, port: int, size: int, value: int, _: object) -> None:
        self._guard(lambda: self.ports.write(port, size, value))

    def _on_interrupt(self, uc: Uc, number: int, _: object) -> None:
        linear = self.reg("cs") * 16 + self.reg("ip") - 2
        if number == 0xF1 and linear in self._patched:
            self._guard(lambda: self._run_patch(linear))
            return
        handler = self.interrupts.get(number)
        if handler is not None:
            self._guard(lambda: handler(self))
            return
        offset, segment = struct.unpack("<HH", self.read(number * 4, 4))
        if (segment, offset) == (0xF000, 0xFF53):
            self.fail(f"INT {number:02X}h AX={self.reg('ax'):04X}: the bench has no such BIOS call")
            return
        self.interrupt(number)

    def interrupt(self, number: int) -> None:
        """Goes through the vector table, as the processor does."""
        offset, segment = struct.unpack("<HH", self.read(number * 4, 4))
        flags = self.reg("eflags")
        for word in (flags, self.reg("cs"), self.reg("ip")):
            self.push(word)
        self.set_reg("eflags", flags & ~FLAG_IF)
        self.set_reg("cs", segment)
        self.set_reg("ip", offset)

    def _int10(self) -> None:
        if self.reg("ah") == 0x0E:
            self.console += chr(self.reg("al"))

    # --- replacing routines ---------------------------------------------------------------------

    def replace(self, name: str, stand_in: Callable[[Machine], None]) -> None:
        """Runs ``stand_in(machine)`` in place of a near routine, then returns to its caller."""
        linear = ROM_SEGMENT * 16 + self.address(name)
        self.write(linear, b"\xcd\xf1")
        self.uc.ctl_remove_cache(linear, linear + 2)
        self._patched[linear] = stand_in

    def _run_patch(self, linear: int) -> None:
        self._patched[linear](self)
        self.set_reg("ip", self.pop())

    # --- calls ----------------------------------------------------------------------------------

    def call(
        self,
        name: str,
        *,
        check: bool = True,
        limit: int = 20_000_000,
        count: bool = False,
        seed: int = 1,
        carry: bool = False,
        **regs: int,
    ) -> Result:
        """Calls a near routine of the ROM with DS = SS = the data segment.

        Registers that are not given hold noise, the same for the same ``seed``.  With ``check`` the
        banner's contract is checked: clobbers, segments, SP, DF.  ``limit``: of instructions.
        """
        self.set_reg("ss", DATA_SEGMENT)
        self.set_reg("sp", self.stack_top & 0xFFFE)
        self.set_reg("ds", DATA_SEGMENT)
        return self._enter(
            name, ROM_SEGMENT, self.address(name), "near", check, limit, count, seed, carry, regs
        )

    def call_far(
        self,
        name: str,
        *,
        check: bool = True,
        limit: int = 50_000_000,
        count: bool = False,
        seed: int = 1,
        segment: int = ROM_SEGMENT,
        **regs: int,
    ) -> Result:
        """Calls a [far] entry on the BIOS's stack, as the BIOS does.

        segment: of another copy of the ROM, which the test has put there
        """
        self._caller_stack()
        return self._enter(
            name, segment, self.address(name), "far", check, limit, count, seed, False, regs
        )

    def call_interrupt(
        self,
        number: int,
        *,
        limit: int = 50_000_000,
        count: bool = False,
        seed: int = 1,
        flags: int = FLAG_IF,
        name: str = "",
        **regs: int,
    ) -> Result:
        """Executes INT ``number`` through the vector table on the caller's stack.

        All registers are compared by the test itself; ``Result.flags`` is what the caller sees.
        """
        self._caller_stack()
        offset, segment = struct.unpack("<HH", self.read(number * 4, 4))
        return self._enter(
            name, segment, offset, "interrupt", False, limit, count, seed, False, regs, flags
        )

    def _caller_stack(self) -> None:
        self.set_reg("ss", 0)
        self.set_reg("sp", CALLER_STACK + 4 * PAGE - 0x100)

    def _noise(self, seed: int, regs: dict[str, int]) -> None:
        source = random.Random(seed)
        for register in REGISTERS:
            self.set_reg(register.lower(), source.getrandbits(32))
        for segment in SEGMENTS:
            self.set_reg(segment.lower(), source.randrange(0x1000, 0x6000))
        for key, value in regs.items():
            self.set_reg(key, value & (0xFFFFFFFF if len(key) == 3 else 0xFFFF))

    def _enter(
        self,
        name: str,
        segment: int,
        offset: int,
        kind: str,
        check: bool,
        limit: int,
        count: bool,
        seed: int,
        carry: bool,
        regs: dict[str, int],
        flags: int = FLAG_IF,
    ) -> Result:
        self._noise(seed, regs)
        self.set_reg("eflags", flags | 2 | (FLAG_CF if carry else 0))
        before = {
            r: self.reg(r) for r in (*map(str.lower, REGISTERS), "es", "fs", "gs", "ds", "ss")
        }
        top = self.reg("ss") * 16 + self.reg("sp")
        sp_before = self.reg("sp")
        if kind == "interrupt":
            self.push(self.reg("eflags"))
        if kind in ("far", "interrupt"):
            self.push(SENTINEL[0])
            until = SENTINEL[0] * 16 + SENTINEL[1]
            self.push(SENTINEL[1])
            if kind == "interrupt":
                self.set_reg("eflags", self.reg("eflags") & ~FLAG_IF)
        else:
            until = ROM_SEGMENT * 16 + 0xFFF0
            self.push(0xFFF0)
        self.set_reg("cs", segment)
        self._failure = self._exception = None
        self._stack_low = self.reg("ss") * 16 + self.reg("sp")
        self._own_low = self._stack_range[1]
        counter = [0]
        hook = None
        if count:

            def tick(*_: object) -> None:
                counter[0] += 1

            hook = self.uc.hook_add(UC_HOOK_CODE, tick)
        try:
            self.uc.emu_start(segment * 16 + offset, until, count=0 if count else limit)
        except UcError as error:
            if self._failure is None and self._exception is None:
                self._failure = f"{self.where()}: {error}"
        finally:
            if hook is not None:
                self.uc.hook_del(hook)
        if self._exception is not None:
            raise self._exception
        if self._failure is not None:
            raise BenchError(self._failure)
        if self.reg("cs") * 16 + self.reg("ip") != until:
            raise BenchError(
                f"{name} did not return within {limit} instructions; it is at {self.where()}"
            )
        after = {r: self.reg(r) for r in _REG}
        used = top - self._stack_low
        self._check_stack(name)
        if check:
            self._check(name, before, sp_before, flags | 2 | (FLAG_CF if carry else 0))
        return Result(after, self.reg("eflags"), used, counter[0])

    def _check_stack(self, name: str) -> None:
        """The ROM's own stack: the deepest use of an entry, against the layout's budget."""
        low, high = self._stack_range
        used = high - self._own_low
        entry = name or "interrupt"
        self.deepest[entry] = max(self.deepest.get(entry, 0), used)
        if self.coverage is not None:
            self.coverage.stack[entry] = max(self.coverage.stack.get(entry, 0), used)
            self.coverage.stack_budget = high - low
        if used > high - low - STACK_RESERVE:
            raise BenchError(
                f"{entry} uses {used} bytes of stack; of {high - low} bytes {STACK_RESERVE} "
                "belong to interrupts and the BIOS"
            )

    def _check(self, name: str, before: dict[str, int], sp: int, flags: int) -> None:
        contract = self.contracts.get(name)
        if contract is None:
            raise BenchError(f"{name} has no banner, so there is no contract to check")
        place = f"{contract.file}:{contract.line}: {name}"
        for register in REGISTERS:
            low = register.lower()
            change = before[low] ^ self.reg(low)
            if (change and contract.keeps(register)) or (
                change >> 16 and contract.keeps_upper(register)
            ):
                raise BenchError(
                    f"{place} changed {register} ({before[low]:08X} -> "
                    f"{self.reg(low):08X}), which its banner keeps"
                )
        for segment in ("DS", "SS", *SEGMENTS):
            low = segment.lower()
            if before[low] != self.reg(low) and (
                segment in ("DS", "SS") or contract.keeps(segment)
            ):
                raise BenchError(f"{place} changed {segment}, which its banner keeps")
        if self.reg("sp") != sp:
            raise BenchError(f"{place} left SP off by {self.reg('sp') - sp}")
        if self.reg("eflags") & FLAG_DF:
            raise BenchError(f"{place} left DF set")
        if contract.keeps("flags") and (self.reg("eflags") ^ flags) & 0xCD5:
            raise BenchError(f"{place} changed the flags, which its banner keeps")


__all__ = ["UC_PROT_EXEC", "UC_PROT_READ", "BenchError", "Machine", "Result"]
