"""A disk behind ``disk_read`` and ``disk_write``, and a caller of INT 13h that checks registers.

Every block of the disk holds its own number in each of its sectors of 512 bytes, so that a sector
that comes from a wrong place is seen.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

from bench.machine import CALLER_STACK, FLAG_CF, FLAG_IF, PAGE, Machine, Result

SECTOR = 512
STATUS_FAILED = 0x20
OLD_HANDLER = (0xF000, 0xFF60)
OLD_TRAP = 0xF2
CALLER_STACK_TOP = CALLER_STACK + 4 * PAGE - 0x100  # as Machine.call_interrupt sets it
KEPT = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "ds", "es", "fs", "gs", "ss", "sp")


def sector(number: int) -> bytes:
    """What the disk holds at first in a sector of 512 bytes."""
    return struct.pack("<Q", number) * (SECTOR // 8)


class PeerDisk:
    """Python in place of the iSCSI side: ``blocks`` of ``block_size`` bytes; remembers calls.

    ``bad`` maps a block's number to the status with which transfers stop in front of it.
    """

    def __init__(self, machine: Machine, blocks: int, block_size: int = SECTOR) -> None:
        self.machine, self.blocks, self.block_size = machine, blocks, block_size
        self.written: dict[int, bytes] = {}
        self.bad: dict[int, int] = {}
        self.healthy = True
        self.log: list[tuple[str, int, int, int]] = []
        self.interrupts_on: list[bool] = []
        machine.set("disk_blocks", blocks, 8)
        machine.set("disk_block_size", block_size, 4)
        machine.replace("disk_read", lambda m: self._move("read"))
        machine.replace("disk_write", lambda m: self._move("write"))
        machine.replace("disk_check", lambda m: self._check())

    def block(self, number: int) -> bytes:
        if number in self.written:
            return self.written[number]
        per_block = self.block_size // SECTOR
        return b"".join(sector(number * per_block + i) for i in range(per_block))

    def sectors(self, first: int, count: int) -> bytes:
        """``count`` sectors of 512 bytes."""
        per_block = self.block_size // SECTOR
        blocks = range(first // per_block, (first + count - 1) // per_block + 1)
        start = first % per_block * SECTOR
        return b"".join(map(self.block, blocks))[start : start + count * SECTOR]

    def boot_sector(self, content: bytes) -> None:
        self.written[0] = content.ljust(SECTOR, b"\0") + self.block(0)[SECTOR:]

    def _scramble(self) -> None:
        """Nothing but DS, SS, SP and GS survives a real transfer for sure."""
        for register in ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp"):
            self.machine.set_reg(register, 0xA5A5A5A5)
        for register in ("es", "fs"):
            self.machine.set_reg(register, 0x5A5A)

    def _finish(self, status: int, error: int = 5999) -> None:
        self._scramble()
        self.machine.set_reg("ax", error)
        self.machine.set("disk_status", status, 1)
        self.machine.set_cf(status != 0)

    def _check(self) -> None:
        self.machine.data = self.machine.reg("ds") * 16  # the adapter that is called
        self.log.append(("check", 0, 0, 0))
        self._finish(0 if self.healthy else STATUS_FAILED)

    def _move(self, kind: str) -> None:
        m = self.machine
        m.data = m.reg("ds") * 16  # the adapter that is called
        lba, count = m.get("disk_lba", 8), m.get("disk_count", 4)
        linear = m.get("disk_buffer", 4)
        assert lba + count <= self.blocks, f"{kind} beyond the disk: {lba} + {count}"
        assert count, f"{kind} of nothing"
        self.log.append((kind, lba, count, linear))
        self.interrupts_on.append(bool(m.reg("eflags") & FLAG_IF))
        status = 0
        for index in range(count):
            status = self.bad.get(lba + index, 0)
            if status:
                break
            place = linear + index * self.block_size
            if kind == "write":
                self.written[lba + index] = m.read(place, self.block_size)
            else:
                ok = any(
                    start <= place and place + self.block_size <= start + size
                    for start, size in m.writable()
                )
                assert ok, f"block {lba + index} would be put at {place:#x}, no one's memory"
                m.write(place, self.block(lba + index))
        m.set("disk_done", index if status else count, 4)
        self._finish(status)


class Caller:
    """Calls INT 13h as a program would, with noise in every register that is not an argument."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.seed = 1
        machine.allow(CALLER_STACK_TOP - 2, 1, "the caller's flags on the stack")

    def __call__(
        self,
        function: int,
        drive: int = 0x80,
        *,
        changes: str = "",
        flags: int = FLAG_IF,
        al: int | None = None,
        **regs: int,
    ) -> Result:
        """``changes``: 32-bit registers whose low half may differ, as ``"ebx ecx"``.

        AX may always: AH is the status. All else, the flags but CF, and the stack must be the same.
        """
        noise = random.Random(self.seed)
        self.seed += 1
        given: dict[str, Any] = {name: noise.getrandbits(32) for name in KEPT[:7]}
        given |= {name: noise.randrange(0x1000, 0x6000) for name in ("ds", "es", "fs", "gs")}
        low = noise.getrandbits(8) if al is None else al
        given["eax"] = given["eax"] & 0xFFFF0000 | function << 8 | low
        given["edx"] = given["edx"] & 0xFFFFFF00 | drive
        for name, value in regs.items():
            if name == "dh":
                given["edx"] = given["edx"] & ~0xFF00 | value << 8
            elif len(name) == 2 and name[1] in "xip":
                given["e" + name] = given["e" + name] & 0xFFFF0000 | value
            else:
                given[name] = value
        busy = self.machine.get("int13_busy")
        result = self.machine.call_interrupt(
            0x13, flags=flags, name=f"int13_{function:02x}", **given
        )
        loose = {"eax", *changes.split()}
        for name, value in given.items():
            mask = 0xFFFF0000 if name in loose else 0xFFFFFFFF
            assert (result.regs[name] ^ value) & mask == 0, (
                f"AH={function:02X}h changed {name}: {value:#x} -> {result.regs[name]:#x}"
            )
        assert (result.flags ^ flags) & ~(FLAG_CF | 2) == 0, (
            f"flags {flags:#x} -> {result.flags:#x}"
        )
        assert self.machine.get("int13_busy") == busy
        return result

    def status(self, function: int, drive: int = 0x80, **regs: Any) -> int:
        """AH of a call where CF and 40:74 must say the same."""
        result = self(function, drive, **regs)
        code = result.ax >> 8
        assert result.cf == (code != 0)
        assert self.machine.read(0x474, 1)[0] == code
        return code


def old_handler(machine: Machine, answer: Callable[[Machine], bool]) -> None:
    """Puts a BIOS handler under INT 13h: ``answer`` sees its registers and gives CF."""

    def trap(m: Machine) -> None:
        flags = m.reg("ss") * 16 + m.reg("sp") + 4
        carry = answer(m)
        word = int.from_bytes(m.read(flags, 2), "little")
        m.write(flags, struct.pack("<H", word & ~FLAG_CF | carry))

    machine.interrupts[OLD_TRAP] = trap
    machine.write(OLD_HANDLER[0] * 16 + OLD_HANDLER[1], bytes([0xCD, OLD_TRAP, 0xCF]))
    machine.write(0x13 * 4, struct.pack("<HH", OLD_HANDLER[1], OLD_HANDLER[0]))


def installed(
    machine: Machine,
    blocks: int = 100_000,
    block_size: int = SECTOR,
    *,
    disks_before: int = 0,
    boot_sector: bytes = b"",
    **ev: int,
) -> tuple[PeerDisk, Caller]:
    """A disk that int13_install has made a drive; ``ev``: ``force_boot`` and the like."""
    disk = PeerDisk(machine, blocks, block_size)
    if boot_sector:
        disk.boot_sector(boot_sector)
    for name, value in ev.items():
        machine.set(f"ev_{name}", value, 1)
    machine.write(0x475, bytes([disks_before]))
    for vector in (0x13, 0x41, 0x46):
        machine.allow(vector * 4, 4, f"vector {vector:02X}h")
    if block_size != SECTOR:  # takes its buffer from the end of base memory
        base = int.from_bytes(machine.read(0x413, 2), "little") * 1024
        machine.allow(base - block_size, block_size, "buffer of one block")
    machine.allow(0x08 * 4, 4, "vector 08h")
    result = machine.call("int13_install")
    assert not result.cf, f"int13_install: RG-{result.ax}"
    machine.set("int13_busy", 0)  # as the boot connection vector does when it leaves our stack
    disk.log.clear()
    return disk, Caller(machine)
