"""Layouts: what an image contains, from the files of `layouts/` (`romgen.layout_file`).

A layout is the only place that says which adapter, sizes, names and limits an image has;
the generated `layout.inc`, the linker scripts and the image's headers follow from it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from romgen.catalog import WINDOWS, Nic
from romgen.layout_file import NAMED, Layers, LayoutFolder, filled, unknown_placeholder
from romgen.layout_rules import NO_RULES, Rules, read_rules
from romgen.toml_file import Key

BLOCK = 512
"""Unit of an option ROM's length (PCI Firmware Specification 3.0, 5.1.2)."""
IMAGE_MAX = 255 * BLOCK
"""The size byte of the ROM header counts blocks."""
EV_TEXT_MAX = 4096

FRAME_BUFFER = 1536
"""Bytes of one buffer of our UNDI: a frame (undi/include/driver.inc)."""
UNIVERSAL = "universal"
"""Name for `nic` in a layout with several drivers, listed in `nics`."""

_STRING = r"[ -~]+"
_TEXT_MAX = 63
_PRINTABLE = Key(str, required=True, low=1, high=_TEXT_MAX, pattern=_STRING, form="printable ASCII")

KEYS = {
    "kind": Key(
        str,
        required=True,
        choices=("iscsi", "pxe", "dual"),
        doc="what the image boots from: an iSCSI disk, the network (DHCP, TFTP), or what the EV "
        "`BootProtocol` says of the two",
    ),
    "default": Key(bool, default=False, doc="true: built by `make rom` without `LAYOUT=`"),
    "nic": Key(
        str,
        required=True,
        doc="name in `romgen/tables/nics.toml`: driver and PCI ids; `universal`: those of `nics`; "
        "in a `[[variant]]` also `*`: an image for each adapter of the table that no other variant "
        "of the file names",
    ),
    "nics": Key(
        list,
        default=[],
        item=str,
        doc='with nic = "universal": the adapters, in the order in which the ROM looks for them',
    ),
    "undi": Key(
        str,
        default="own",
        pattern=r"own|blob:[ -~]+",
        form="own, or blob:PATH",
        doc="whose UNDI: our driver (own), or that of a vendor's ROM in a file (`blob:PATH`, from "
        "the tree's root), which then stands behind ours; `romgen undi extract` shows such files",
    ),
    "boot": Key(
        str,
        default="BCV",
        choices=("BCV", "BEV"),
        doc="vector of the $PnP header: BCV (a disk) or BEV (a boot program); of kind `pxe` BEV, "
        "of kind `dual` BCV, and the network boot has a header of its own",
    ),
    "product": replace(
        _PRINTABLE, doc="shown in the BIOS's boot menu; `{nic}` and `{kind}` are filled in"
    ),
    "manufacturer": replace(_PRINTABLE, doc="in the $PnP header"),
    "size_max": Key(
        int,
        default=IMAGE_MAX,
        low=BLOCK,
        high=IMAGE_MAX,
        doc="bytes, a multiple of 512; a larger image fails the build",
    ),
    "memory": Key(dict, default={}, doc="run-time memory of one instance"),
    "ev": Key(dict, default={}, doc="the boot variables' block in the image"),
    "ibft": Key(dict, default={}, doc="the table for the operating system"),
    "budget": Key(dict, default={}, doc="most bytes of a section; more fails the build"),
    "place": Key(list, default=[], item=dict, doc="where a section of the sources goes"),
    "assert": Key(list, default=[], item=dict, doc="what has to hold of the linked image"),
}
MEMORY_KEYS = {
    "rx_frames": Key(
        int,
        default=0,
        low=4,
        high=32,
        doc="receive buffers; 0: as the adapter's row in `romgen/tables/nics.toml` has it",
    ),
    "ooo_slots": Key(int, default=6, low=0, high=16, doc="segments kept out of order"),
    "stack": Key(int, default=3072, low=1024, high=16384, doc="bytes"),
    "place": Key(
        str,
        default="auto",
        choices=("auto", "pmm", "base"),
        doc="auto: PMM where the BIOS has it, else base memory; pmm; base",
    ),
}
IBFT_KEYS = {
    "gateway": Key(
        str,
        default="needed",
        choices=("needed", "always"),
        doc="when the iBFT names it: needed (the target is on another net), always",
    )
}
EV_KEYS = {
    "capacity": Key(
        int, default=1024, low=0, high=EV_TEXT_MAX, doc="room for the EV text, bytes"
    )
}


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

    name: `<kind>-<nic>`, perhaps with `-...` behind it
    kind: what it boots from: `iscsi`, `pxe`, or `dual`: the EV BootProtocol chooses
    nic: the adapter; of several `universal`, with the ids of them all
    nics: what the image has drivers for; the ROM looks for them in this order
    boot: which vector of the $PnP header is used, BCV or BEV (of kind `dual`: iSCSI's)
    product, manufacturer: strings of the $PnP header
    size_max: the image's budget in bytes; size_max_where: `file:line` that says so
    ev_capacity: room for the EV text in the image, bytes
    undi_blob: file with another vendor's UNDI, relative to the tree; "" = our own
    ibft_gateway: when the iBFT names the gateway: `needed` (the target is on another net), `always`
    rules: places of sections, assertions, budgets
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
    undi_blob: str = ""
    nics: tuple[Nic, ...] = ()
    rules: Rules = NO_RULES

    @property
    def rx_less(self) -> int:
        """Receive buffers fewer in base memory; a network boot program needs them all."""
        if self.with_pxe or not self.nic.base_frames:
            return 0
        return max(0, self.memory.rx_frames - self.nic.base_frames)

    @property
    def base_less(self) -> int:
        """Bytes that base memory does not give of the UNDI's data."""
        return self.rx_less * FRAME_BUFFER

    @property
    def with_iscsi(self) -> bool:
        """The image can boot from an iSCSI disk."""
        return self.kind != "pxe"

    @property
    def with_pxe(self) -> bool:
        """The image can boot from the network."""
        return self.kind != "iscsi"

    @property
    def errors(self) -> tuple[int, ...]:
        """The thousands of the error numbers that the image has texts for."""
        return (1, 2, 3) + (4, 5, 6) * self.with_iscsi + (7,) * self.with_pxe

    @property
    def drivers(self) -> tuple[str, ...]:
        """The drivers in the image, each once."""
        return tuple(dict.fromkeys(nic.driver for nic in self.nics))


def names(folder: Path, nics: Mapping[str, Nic], base: Path | None = None) -> list[str]:
    """The names of all layouts, sorted."""
    return sorted(LayoutFolder(folder, KEYS, nics, base).layouts)


def load_layouts(folder: Path, nics: Mapping[str, Nic], base: Path | None = None) -> list[Layout]:
    """All layouts of `folder`, by name. Errors: as `load_layout`."""
    found = LayoutFolder(folder, KEYS, nics, base).layouts
    return [read_layout(found[name], nics) for name in sorted(found)]


def load_layout(
    folder: Path, name: str, nics: Mapping[str, Nic], base: Path | None = None
) -> Layout:
    """The layout `name` of `folder`. Errors: there is none, `LayoutFolder`'s, `read_layout`'s."""
    return read_layout(LayoutFolder(folder, KEYS, nics, base).find(name), nics)


def read_layout(layers: Layers, nics: Mapping[str, Nic]) -> Layout:
    """Check one layout. Errors: see `TomlFile.take`; an unknown adapter, a name that misleads."""
    values = layers.take(KEYS)
    memory = layers.take(MEMORY_KEYS, "memory")
    ev = layers.take(EV_KEYS, "ev")
    ibft = layers.take(IBFT_KEYS, "ibft")
    wanted = _nics(layers, values, nics)
    memory["rx_frames"] = memory["rx_frames"] or min(nic.rx_frames for nic in wanted)
    if values["size_max"] % BLOCK:
        raise layers.error(
            "toml-range",
            ("size_max",),
            f"'size_max' is {values['size_max']}",
            f"give a multiple of {BLOCK}",
        )
    if (values["boot"] == "BEV") != (values["kind"] == "pxe") and values["kind"] != "iscsi":
        raise layers.error(
            "layout-boot",
            ("boot",),
            f"'boot' is {values['boot']} in a layout of kind '{values['kind']}'",
            "pxe is a boot program: BEV; dual has a disk, BCV, and a boot program beside it",
        )
    expected = f"{values['kind']}-{values['nic']}"
    if layers.name != expected and not layers.name.startswith(f"{expected}-"):
        raise layers.error(
            "layout-name",
            ("nic",),
            f"this layout is named '{layers.name}'",
            f"name it '{expected}', or that and '-...'",
        )
    return Layout(
        name=layers.name,
        size_max_where=layers.where("size_max"),
        kind=values["kind"],
        default=values["default"],
        nic=wanted[0] if values["nic"] != UNIVERSAL else _universal(wanted),
        boot=values["boot"],
        product=_text(layers, values, "product"),
        manufacturer=_text(layers, values, "manufacturer"),
        size_max=values["size_max"],
        memory=Memory(**memory),
        ev_capacity=ev["capacity"],
        ibft_gateway=ibft["gateway"],
        undi_blob=values["undi"].partition("blob:")[2],
        nics=wanted,
        rules=read_rules(layers),
    )


def _text(layers: Layers, values: Mapping[str, Any], key: str) -> str:
    """A string of the $PnP header, its placeholders filled. Errors: unknown one, too long."""
    known = {name: str(values[name]) for name in NAMED}
    wrong = unknown_placeholder(values[key], known)
    if wrong:
        raise layers.error("toml-form", (key,), *wrong)
    text = filled(values[key], known)
    if len(text) > _TEXT_MAX:
        raise layers.error(
            "toml-range", (key,), f"length of '{key}' is {len(text)}", f"at most {_TEXT_MAX}"
        )
    return text


def _nics(
    layers: Layers, values: Mapping[str, Any], nics: Mapping[str, Nic]
) -> tuple[Nic, ...]:
    """The adapters of a layout. Errors: an unknown one, `nics` without nic = "universal"."""
    several = values["nic"] == UNIVERSAL
    if several != bool(values["nics"]):
        raise layers.error(
            "layout-nic",
            ("nic",),
            f"'nics' lists the adapters of a layout with nic = \"{UNIVERSAL}\", and of no other",
        )
    for name in values["nics"] if several else [values["nic"]]:
        if name not in nics:
            near = difflib.get_close_matches(name, nics, 1, 0.5)
            raise layers.error(
                "layout-nic",
                ("nics",) if several else ("nic",),
                f"unknown adapter '{name}'",
                f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(nics)}",
            )
    return tuple(nics[name] for name in (values["nics"] if several else [values["nic"]]))


def _universal(nics: tuple[Nic, ...]) -> Nic:
    """Several adapters as one: the first one's id stands in the PCIR structure."""
    return Nic(
        UNIVERSAL,
        driver="",
        title=", ".join(nic.name for nic in nics),
        ids=tuple(pci for nic in nics for pci in nic.ids),
        qemu="",
        tx_frames=min(nic.tx_frames for nic in nics),
        window=min((nic.window for nic in nics), key=WINDOWS.index),
    )
