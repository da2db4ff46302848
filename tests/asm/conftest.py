"""Fixtures of the assembly tests: the linked ROM in a bench, and the record of what ran."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench.contract import Contract, parse_tree  # noqa: E402
from bench.coverage import Coverage, write_lines, write_stack  # noqa: E402
from bench.machine import Machine  # noqa: E402
from bench.program import Program  # noqa: E402
from models.e1000 import E1000  # noqa: E402
from models.io_rig import MODELS, Make, Rig  # noqa: E402
from models.undi_client import Client  # noqa: E402

from romgen.build import Built, build  # noqa: E402
from romgen.project import Project  # noqa: E402

LAYOUT = "iscsi-e1000"


@pytest.fixture(scope="session")
def contracts() -> dict[str, Contract]:
    """The banners of asm/ and undi/, by routine."""
    return parse_tree(ROOT)[0]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The layout, built into a folder of this session's own."""
    return build(Project(ROOT, tmp_path_factory.mktemp("build")), LAYOUT)


@pytest.fixture(scope="session")
def rom_program(built: Built) -> Program:
    return Program.load(built.elf)


@pytest.fixture(scope="session")
def undi_program(built: Built) -> Program:
    return Program.load(built.undi_elf)


@pytest.fixture(scope="session")
def asm_coverage() -> Iterator[Coverage]:
    """Blocks that ran in this session; written for `make coverage` where it asks for them."""
    coverage = Coverage()
    yield coverage
    folder = os.environ.get("ROMGEN_ASM_COVERAGE")
    if folder:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        write_lines(coverage.lines(), Path(folder) / f"lines-{worker}.json")
        write_stack(coverage, Path(folder) / f"stack-{worker}.json")


@pytest.fixture
def machine(
    rom_program: Program, contracts: dict[str, Contract], asm_coverage: Coverage
) -> Machine:
    """A fresh machine with the ROM; no UNDI."""
    return Machine(rom_program, contracts, coverage=asm_coverage)


@pytest.fixture
def machine_with_undi(
    rom_program: Program,
    undi_program: Program,
    contracts: dict[str, Contract],
    asm_coverage: Coverage,
) -> Machine:
    """A fresh machine with the ROM and the UNDI loaded at its segments."""
    return Machine(rom_program, contracts, undi_program, coverage=asm_coverage)


@pytest.fixture(scope="session")
def pxe_programs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Program]:
    """A network boot ROM and its UNDI, built into a folder of this session's own."""
    built = build(Project(ROOT, tmp_path_factory.mktemp("build-pxe")), "pxe-e1000")
    return Program.load(built.elf), Program.load(built.undi_elf)


@pytest.fixture
def pxe_machine(
    pxe_programs: tuple[Program, Program],
    contracts: dict[str, Contract],
    asm_coverage: Coverage,
) -> Machine:
    """A fresh machine with a network boot ROM, its UNDI loaded at its segments."""
    rom, undi = pxe_programs
    return Machine(rom, contracts, undi, coverage=asm_coverage)


def rom_of(layout: str, folders: pytest.TempPathFactory) -> Program:
    """The ROM of a layout, built into a folder of this session's own."""
    return Program.load(build(Project(ROOT, folders.mktemp(f"build-{layout}")), layout).elf)


@pytest.fixture(scope="session")
def dual_program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A ROM with both kinds of boot."""
    return rom_of("dual-e1000", tmp_path_factory)


@pytest.fixture
def dual_machine(
    dual_program: Program, contracts: dict[str, Contract], asm_coverage: Coverage
) -> Machine:
    """A fresh machine with a ROM that has both kinds of boot; no UNDI."""
    return Machine(dual_program, contracts, coverage=asm_coverage)


@pytest.fixture(scope="session")
def io_programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Program, Program]]:
    project = Project(ROOT, tmp_path_factory.mktemp("build-io"))
    found = {name: build(project, f"iscsi-{name}") for name in MODELS}
    return {
        name: (Program.load(built.elf), Program.load(built.undi_elf))
        for name, built in found.items()
    }


@pytest.fixture(scope="session")
def virtio_program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The virtio device's ROM."""
    return rom_of("iscsi-virtio", tmp_path_factory)


@pytest.fixture
def virtio_machine(
    virtio_program: Program,
    contracts: dict[str, Contract],
    asm_coverage: Coverage,
) -> Machine:
    """A fresh machine with the virtio device's ROM; no UNDI."""
    return Machine(virtio_program, contracts, coverage=asm_coverage)


@pytest.fixture
def make_io(
    io_programs: dict[str, tuple[Program, Program]],
    contracts: dict[str, Contract],
    asm_coverage: Coverage,
) -> Make:
    """Adapter with I/O ports by name, with the model's options."""

    def made(name: str, **options: object) -> Rig:
        rom, undi = io_programs[name]
        machine = Machine(rom, contracts, undi, coverage=asm_coverage)
        nic = MODELS[name](machine, **options)  # type: ignore[arg-type]
        client = Client(machine, cast(E1000, nic), undi)
        machine.set("undi_bdf", nic.bdf)
        assert not machine.call("undi_load").cf
        return Rig(name, client, nic)

    return made
