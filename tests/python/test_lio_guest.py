"""The guest with the kernel's target: the order of its modules, its targets as it reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from romgen.errors import RomgenError
from romgen.systems.lio import LioTarget, in_order


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    modules = tmp_path / "lib/modules/6.1"
    (modules / "kernel/net").mkdir(parents=True)
    for name, needs in (("top", "mid-dle,base"), ("mid-dle", "base,inside"), ("base", "")):
        content = b"\x7fELF\0license=GPL\0depends=" + needs.encode() + b"\0retpoline=Y\0"
        (modules / "kernel/net" / f"{name}.ko").write_bytes(content)
    (modules / "modules.builtin").write_text("kernel/lib/inside.ko\n")
    return tmp_path


def test_what_a_module_needs_comes_before_it(kernel: Path) -> None:
    assert list(in_order(kernel, ["top", "inside"])) == ["base", "mid_dle", "top"]


def test_a_module_that_is_nowhere(kernel: Path) -> None:
    with pytest.raises(RomgenError) as error:
        in_order(kernel, ["gone"])
    assert error.value.where == "gone"


def test_a_target_is_one_line() -> None:
    target = LioTarget("iqn.x:y", Path("d"), auth="CHAP", data="CRC32C", user="u", secret="s")
    assert target.line("vdb") == "vdb iqn.x:y CHAP None CRC32C u s - -\n"
