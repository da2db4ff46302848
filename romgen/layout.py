"""Layouts: what an image contains, from `layouts/<name>.toml`.

A layout is the only place that says which adapter, sizes, names and limits an image has;
the generated `layout.inc`, the linker scripts and the image's headers follow from it.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from romgen.catalog import Nic
from romgen.errors import RomgenError, shown
from romgen.toml_file import Key, TomlFile

BLOCK = 512
"""Unit of an option ROM's length (PCI Firmware Specification 3.0, 5.1.2)."""
IMAGE_MAX = 255 * BLOCK
"""The size byte of the ROM header counts blocks."""
EV_TEXT_MAX = 4096

UNIVERSAL = "universal"
"""Name for `nic` in a layout with several drivers, listed in `nics`."""

_STRING = r"[ -~]+"

KEYS = {
    "kind": Key(str, required=True, choices=("iscsi",)),
    "default": Key(bool, default=False),
    "nic": Key(str, required=True),
    "nics": Key(list, default=[], item=str),
    "boot": Key(str, default="BCV", choices=("BCV", "BEV")),
    "product": Key(
        str, required=True, low=1, high=63, pattern=_STRING, form="printable ASCII"
    ),
    "manufacturer": Key(
        str, required=True, low=1, high=63, pattern=_STRING, form="printable ASCII"
    ),
    "size_max": Key(int, default=IMAGE_MAX, low=BLOCK, high=IMAGE_MAX),
    "memory": Key(dict, default={}),
    "ev": Key(dict, default={}),
    "ibft": Key(dict, default={}),
}
MEMORY_KEYS = {
    "rx_frames": Key(int, default=16, low=4, high=32),
    "ooo_slots": Key(int, default=6, low=0, high=16),
    "stack": Key(int, default=3072, low=1024, high=16384),
    "place": Key(str, default="auto", choices=("auto", "pmm", "base")),
}
IBFT_KEYS = {"gateway": Key(str, default="needed", choices=("needed", "always"))}
EV_KEYS = {"capacity": Key(int, default=1024, low=0, high=EV_TEXT_MAX)}


@dataclass(frozen=True, slots=True)
class Memory:
    """Run-time memory of one instance.

    rx_frames: receive buffers of the adapter
    ooo_slots: segments that TCP keeps out of order, one frame each
    stack: bytes
    place: where it comes from: auto (PMM, else base memory), pmm, base
    """

    rx_frames: int
    ooo_slots: int
    stack: int
    place: str


@dataclass(frozen=True, slots=True)
class Layout:
    """One image to build.

    name: of the file, `iscsi-<nic>`
    nic: the adapter; of several `universal`, with the ids of them all
    nics: what the image has drivers for; the ROM looks for them in this order
    boot: which vector of the $PnP header is used, BCV or BEV
    product, manufacturer: strings of the $PnP header
    size_max: the image's budget in bytes; size_max_where: `file:line` that says so
    ev_capacity: room for the EV text in the image, bytes
    ibft_gateway: when the iBFT names the gateway: `needed` (the target is on another net), `always`
    """

    name: str
    size_max_where: str
    kind: str
    default: bool
    nic: Nic
    boot: str
    product: str
    manufacturer: str
    size_max: int
    memory: Memory
    ev_capacity: int
    ibft_gateway: str = "needed"
    nics: tuple[Nic, ...] = ()

    @property
    def drivers(self) -> tuple[str, ...]:
        """The drivers in the image, each once."""
        return tuple(dict.fromkeys(nic.driver for nic in self.nics))


def names(folder: Path) -> list[str]:
    """The names of all layouts."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def load_layout(path: Path, nics: dict[str, Nic], base: Path | None = None) -> Layout:
    """Read and check one layout. Errors: see `TomlFile.take`, and an unknown adapter."""
    file = TomlFile(path, base)
    values = file.take(file.data, KEYS)
    memory = file.take(values["memory"], MEMORY_KEYS, ("memory",))
    ev = file.take(values["ev"], EV_KEYS, ("ev",))
    ibft = file.take(values["ibft"], IBFT_KEYS, ("ibft",))
    wanted = _nics(file, values, nics)
    if values["size_max"] % BLOCK:
        raise file.error(
            "toml-range",
            ("size_max",),
            f"'size_max' is {values['size_max']}",
            f"give a multiple of {BLOCK}",
        )
    expected = f"{values['kind']}-{values['nic']}"
    if path.stem != expected:
        raise file.error(
            "layout-name", ("nic",), f"this layout is named '{path.stem}'", f"name it '{expected}'"
        )
    return Layout(
        name=path.stem,
        size_max_where=file.where(("size_max",)),
        kind=values["kind"],
        default=values["default"],
        nic=wanted[0] if values["nic"] != UNIVERSAL else _universal(wanted),
        boot=values["boot"],
        product=values["product"],
        manufacturer=values["manufacturer"],
        size_max=values["size_max"],
        memory=Memory(**memory),
        ev_capacity=ev["capacity"],
        ibft_gateway=ibft["gateway"],
        nics=wanted,
    )


def _nics(file: TomlFile, values: dict[str, Any], nics: dict[str, Nic]) -> tuple[Nic, ...]:
    """The adapters of a layout. Errors: an unknown one, `nics` without nic = "universal"."""
    several = values["nic"] == UNIVERSAL
    if several != bool(values["nics"]):
        raise file.error(
            "layout-nic",
            ("nic",),
            f"'nics' lists the adapters of a layout with nic = \"{UNIVERSAL}\", and of no other",
        )
    for name in values["nics"] if several else [values["nic"]]:
        if name not in nics:
            near = difflib.get_close_matches(name, nics, 1, 0.5)
            raise file.error(
                "layout-nic",
                ("nics",) if several else ("nic",),
                f"unknown adapter '{name}'",
                f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(nics)}",
            )
    return tuple(nics[name] for name in (values["nics"] if several else [values["nic"]]))


def _universal(nics: tuple[Nic, ...]) -> Nic:
    """Several adapters as one: the first one's id stands in the PCIR structure."""
    title = ", ".join(nic.name for nic in nics)
    return Nic(UNIVERSAL, "", title, tuple(pci for nic in nics for pci in nic.ids), "")


def find_layout(folder: Path, name: str, base: Path | None = None) -> Path:
    """The file of the layout `name`. Error: there is none, with the nearest name."""
    known = names(folder)
    if name in known:
        return folder / f"{name}.toml"
    near = difflib.get_close_matches(name, known, 1, 0.5)
    raise RomgenError(
        "layout-unknown",
        shown(folder, base),
        f"no layout '{name}'",
        f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known) or 'none'}",
    )
