"""The test bench for the assembly: calls a routine of the linked ROM by its name, in Unicorn.

``bench.Machine`` loads a layout's ELF as the BIOS would place it, checks every write, and compares
what a routine changed with the contract in the banner above it.  See docs/testing.md.
"""

from bench.machine import BenchError, Machine, Result
from bench.program import Program

__all__ = ["BenchError", "Machine", "Program", "Result"]
