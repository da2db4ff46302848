"""INT 08h, the timer tick: the network is polled while the booted program calls nothing."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from bench.machine import DATA_SEGMENT, FLAG_IF, ROM_SEGMENT, Machine
from peer_disk import CALLER_STACK_TOP, KEPT, Caller, PeerDisk, installed

TICK_TRAP = 0xF3
TICK_HANDLER = (0xF000, 0xFF70)
OLD_VECTOR = struct.pack("<HH", TICK_HANDLER[1], TICK_HANDLER[0])
VECTOR_08 = 0x08 * 4


class Ticks:
    """A BIOS's tick handler and a stand-in for net_poll; ``log`` is the order of their calls."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.log: list[str] = []
        self.in_poll: Callable[[Machine], None] = lambda m: None
        machine.interrupts[TICK_TRAP] = lambda m: self.log.append("bios")
        machine.write(TICK_HANDLER[0] * 16 + TICK_HANDLER[1], bytes([0xCD, TICK_TRAP, 0xCF]))
        machine.write(VECTOR_08, OLD_VECTOR)
        machine.allow(VECTOR_08, 4, "vector 08h")
        machine.replace("net_poll", self._poll)

    def _poll(self, m: Machine) -> None:
        self.log.append("poll")
        assert m.reg("ds") == m.reg("ss") == DATA_SEGMENT
        assert not m.reg("eflags") & FLAG_IF
        assert m.get("time_held", 1) == 1
        self.in_poll(m)
        for register in ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp"):
            m.set_reg(register, 0xDEADBEEF)
        m.set_reg("es", 0x1111)

    def tick(self, flags: int = FLAG_IF) -> None:
        """An interrupt between two instructions of a program: nothing may change."""
        given = {name: 0x11111111 * i for i, name in enumerate(KEPT[:7], 1)}
        given |= {"ds": 0x1234, "es": 0x2345, "fs": 0x3456, "gs": 0x4567}
        result = self.machine.call_interrupt(0x08, flags=flags, **given)  # type: ignore[arg-type]
        assert {name: result.regs[name] for name in given} == given
        assert result.flags == flags | 2
        assert self.machine.get("time_held", 1) == 0


@pytest.fixture
def ticks(machine: Machine) -> Ticks:
    result = Ticks(machine)
    installed(machine)
    return result


def test_no_round_trip_is_measured_over_a_tick(ticks: Ticks) -> None:
    """The clock loses what passed between its last look at the chip and the first tick."""
    found = []
    ticks.in_poll = lambda m: found.append(m.get("tcp_rtt_on", 1))
    ticks.machine.set("tcp_rtt_on", 1, 1)
    ticks.tick()
    assert found == [0]


@pytest.mark.parametrize("flags", [0, FLAG_IF, 0x0AD5, 0x0400])
def test_bios_first_then_the_network(ticks: Ticks, flags: int) -> None:
    ticks.tick(flags)
    ticks.tick(flags)
    assert ticks.log == ["bios", "poll", "bios", "poll"]
    assert ticks.machine.get("int13_busy") == 0


def test_no_poll_in_the_middle_of_int_13h(ticks: Ticks) -> None:
    ticks.machine.set("int13_busy", 1)
    ticks.tick()
    assert ticks.log == ["bios"] and ticks.machine.get("int13_busy") == 1


def test_tick_while_a_disk_call_waits(ticks: Ticks) -> None:
    """The caller has interrupts on: the tick comes on our own stack."""
    machine = ticks.machine
    code = ROM_SEGMENT * 16 + machine.address("disk_check")
    machine.write(code, bytes([0xCD, 0x08, 0xF8, 0xC3]))  # int 08h; clc; ret
    machine.uc.ctl_remove_cache(code, code + 4)
    call = Caller(machine)
    call(0x00)
    assert ticks.log == ["bios"]


def test_disk_call_of_an_interrupt_in_the_poll_is_refused(ticks: Ticks) -> None:
    machine = ticks.machine
    machine.set("int13_busy", 1)
    result = machine.call_interrupt(0x13, eax=0x0201, edx=0x80)
    assert result.cf and result.ax >> 8 == 0xAA


def test_not_before_the_boot_connection_vector_is_done(machine: Machine) -> None:
    ticks = Ticks(machine)
    PeerDisk(machine, 1000)
    for vector in (0x13, 0x41, 0x46):
        machine.allow(vector * 4, 4)
    assert not machine.call("int13_install").cf
    assert machine.get("int13_busy") == 1
    ticks.tick()
    assert ticks.log == ["bios"]


def test_remove(ticks: Ticks) -> None:
    machine = ticks.machine
    assert not machine.call("int13_remove").cf
    assert machine.read(VECTOR_08, 4) == OLD_VECTOR


def test_remove_below_another_hook_of_the_tick(ticks: Ticks) -> None:
    machine = ticks.machine
    ours = machine.read(VECTOR_08, 4)
    machine.write(VECTOR_08, b"\1\2\3\4")
    assert machine.call("int13_remove").cf
    assert machine.read(VECTOR_08, 4) == b"\1\2\3\4"
    machine.write(VECTOR_08, ours)
    ticks.tick()
    assert ticks.log == ["bios"]


def test_clock_goes_on_in_ticks_and_never_ahead(ticks: Ticks) -> None:
    machine, pit = ticks.machine, ticks.machine.ports.pit
    start = machine.call("time_init").eax
    pit.advance_ms(20)
    start = machine.call("time_now").eax
    clock = pit.clocks
    reads = len(machine.ports.log)
    for _ in range(40):
        pit.clocks = (pit.clocks // 65536 + 1) * 65536 + 900  # just behind the next tick
        ticks.tick()
    assert len(machine.ports.log) == reads  # the chip is left alone
    passed = (pit.clocks - clock) / 1193.182
    now = machine.call("time_now").eax - start
    assert passed - 110 <= now <= passed


def test_a_quiet_peer_is_asked_now_and_then(ticks: Ticks) -> None:
    """Every 30 s: routers keep the connection, a target that has forgotten it says so."""
    machine = ticks.machine
    machine.replace("tcp_probe", lambda m: ticks.log.append("probe"))
    machine.set("tcp_heard", 0xFFFFF000, 4)  # the clock wraps meanwhile
    asked = []
    for ms in range(0, 100_000, 55):
        machine.set("net_now", (0xFFFFF000 + ms) & 0xFFFFFFFF, 4)
        ticks.tick()
        if "probe" in ticks.log:
            asked.append(ms)
        ticks.log.clear()
    assert len(asked) == 3
    for number, ms in enumerate(asked, 1):
        assert 0 <= ms - number * 30_000 < number * 60


def test_stack_of_the_interrupted_is_hardly_used(ticks: Ticks) -> None:
    machine = ticks.machine
    pattern = b"\xa5" * 200
    machine.write(CALLER_STACK_TOP - 200, pattern)
    ticks.tick()
    left = machine.read(CALLER_STACK_TOP - 200, 200)
    assert left[:180] == pattern[:180]  # the interrupt's 6 bytes, and 14 more
