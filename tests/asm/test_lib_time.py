"""`asm/lib/time.asm`: the clock by the timer chip."""

from __future__ import annotations

import random

import pytest
from bench.machine import Machine


def start(machine: Machine, mode: int = 2, reload: int = 0x10000) -> None:
    """Starts the clock; then only the test moves time."""
    machine.ports.pit.mode = mode
    machine.ports.pit.reload = reload
    machine.ports.pit.step_us = 0
    assert machine.call("time_init").eax == 0


def now(machine: Machine) -> int:
    return int(machine.call("time_now").eax)


@pytest.mark.parametrize("mode", [2, 3])
def test_counts_milliseconds_without_drift(machine: Machine, mode: int) -> None:
    start(machine, mode)
    pit = machine.ports.pit
    first, before = now(machine), pit.clocks
    for _ in range(4000):
        pit.clocks += 311  # a quarter of a millisecond, not a divisor of anything
        now(machine)
    real = (pit.clocks - before) * 1000 / 1193182
    # each new period may lose what passed between two calls
    assert real * 0.99 - 2 <= now(machine) - first <= real + 1


@pytest.mark.parametrize("mode", [2, 3])
def test_sparse_calls_lose_at_most_one_interval_per_period(machine: Machine, mode: int) -> None:
    start(machine, mode)
    first = now(machine)
    for _ in range(100):
        machine.ports.pit.advance_ms(20)
        now(machine)
    assert 1000 <= now(machine) - first <= 2000


def test_never_runs_backwards_or_ahead_whatever_a_guest_sets(machine: Machine) -> None:
    source = random.Random(2)
    start(machine)
    pit = machine.ports.pit
    last = now(machine)
    for _ in range(60):
        pit.reload = source.choice([0x10000, 1193, 11932, 0x8000, 60000]) & ~1
        pit.mode = source.choice([2, 3])
        for _ in range(40):
            pit.clocks += source.randrange(1, 800)
            value = now(machine)
            # one change of the period can be taken for the rest of the old one
            assert 0 <= value - last <= 56
            last = value


def test_a_fast_timer_of_a_guest_does_not_speed_the_clock_up(machine: Machine) -> None:
    start(machine, reload=1193)
    now(machine)
    machine.ports.pit.advance_ms(2)
    first, before = now(machine), machine.ports.pit.clocks
    for _ in range(3000):
        machine.ports.pit.clocks += 119
        now(machine)
    real = (machine.ports.pit.clocks - before) * 1000 / 1193182
    assert real * 0.85 <= now(machine) - first <= real + 1


def test_a_count_that_is_not_loaded_is_not_used(machine: Machine) -> None:
    start(machine)
    before = now(machine)
    values = iter([0xFF, 0, 0])  # status with the null count bit, then garbage
    machine.ports.readers[0x40] = lambda size: next(values)
    assert now(machine) == before


def test_what_is_measured_over_a_period_is_marked(machine: Machine) -> None:
    """There the clock may lose a piece, and tcp_rtt_sample must know."""
    start(machine)
    now(machine)
    for on in (0, 1):
        machine.ports.pit.clocks += 0x10000 - machine.ports.pit.clocks % 0x10000 + 100
        now(machine)
        machine.set("tcp_rtt_on", on, 1)
        for _ in range(10):
            machine.ports.pit.advance_ms(5)
            now(machine)
            assert machine.get("tcp_rtt_on", 1) == on
        machine.ports.pit.advance_ms(5)
        now(machine)
        assert machine.get("tcp_rtt_on", 1) == 2 * on
