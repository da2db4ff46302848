"""MD5, SHA-1, SHA-256 against hashlib, CRC32C against crcmod; contracts on every call."""

from __future__ import annotations

import hashlib
import random

import crcmod.predefined
import pytest
from bench.machine import Machine
from bench.program import Program
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from romgen.build import build
from romgen.project import ROOT, Project

HASHES = {5: hashlib.md5, 6: hashlib.sha1, 7: hashlib.sha256}
crc32c = crcmod.predefined.mkPredefinedCrcFun("crc-32c")
once = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
RFC_7143_VECTORS = [
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
]

ROUTINES = ("hash_init", "hash_update", "hash_final", "crc32c_add", "crc32c_detect")


@pytest.fixture(scope="module")
def rom_program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A ROM that holds these routines, also while none of its own calls them."""
    project = Project(ROOT, tmp_path_factory.mktemp("crypto"))
    return Program.load(build(project, "iscsi-e1000", keep=ROUTINES).elf)


def digest(machine: Machine, number: int, pieces: list[bytes]) -> bytes:
    start = machine.call("hash_init", eax=number)
    assert not start.cf
    machine.release_buffers()
    for piece in pieces:
        segment, offset = machine.far(machine.buffer(max(1, len(piece)), piece))
        machine.call("hash_update", es=segment, esi=offset, ecx=len(piece))
    length = machine.call("hash_final").cx
    assert length == start.cx
    return machine.bytes_of("hash_digest", length)


@pytest.mark.parametrize("number", HASHES)
@pytest.mark.parametrize("length", [0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 128, 300])
def test_lengths_around_the_block(machine: Machine, number: int, length: int) -> None:
    content = random.Random(length).randbytes(length)
    assert digest(machine, number, [content]) == HASHES[number](content).digest()


@pytest.mark.parametrize("number", HASHES)
@once
@given(pieces=st.lists(st.binary(max_size=90), max_size=5))
def test_pieces_of_any_length(machine: Machine, number: int, pieces: list[bytes]) -> None:
    assert digest(machine, number, pieces) == HASHES[number](b"".join(pieces)).digest()


@pytest.mark.parametrize("number", [0, 4, 8, 255])
def test_unknown_hash_is_refused(machine: Machine, number: int) -> None:
    assert machine.call("hash_init", eax=number).cf


def crc(machine: Machine, content: bytes, start: int = 0xFFFFFFFF) -> int:
    machine.release_buffers()
    segment, offset = machine.far(machine.buffer(max(1, len(content)), content))
    return machine.call("crc32c_add", eax=start, es=segment, esi=offset, ecx=len(content)).eax


@pytest.mark.parametrize("sse", [0, 1])
@pytest.mark.parametrize("content, expected", RFC_7143_VECTORS)
def test_vectors_of_the_rfc(machine: Machine, sse: int, content: bytes, expected: int) -> None:
    machine.set("crc32c_sse", sse, 1)
    assert crc(machine, content) ^ 0xFFFFFFFF == expected


@pytest.mark.parametrize("sse", [0, 1])
@once
@given(content=st.binary(max_size=300), cut=st.integers(0, 300))
def test_crc_of_any_bytes_in_two_pieces(
    machine: Machine, sse: int, content: bytes, cut: int
) -> None:
    machine.set("crc32c_sse", sse, 1)
    value = crc(machine, content[cut:], crc(machine, content[:cut]))
    assert value ^ 0xFFFFFFFF == crc32c(content)


def test_the_processor_is_asked(machine: Machine) -> None:
    machine.call("crc32c_detect")
    assert machine.get("crc32c_sse", 1) in (0, 1)
