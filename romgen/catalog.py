"""The tables of `romgen/tables/`: adapters and error numbers, read and checked.

Each fact has its one home there; includes, documentation and messages are made from these objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from romgen.errors import RomgenError
from romgen.toml_file import Key, TomlFile

NAME = r"[a-z][a-z0-9_-]*"

DETAIL_KINDS = ("none", "ip", "dec", "hex", "line", "status")
"""What `error_detail` holds; the index is the kind's number in the ROM (ERRD_...)."""

WINDOWS = ("ring", "far", "wide")
"""What TCP may ask for while somebody waits for data: what the receive buffers hold (ring); all of
it from a peer that is far (far), or from every peer (wide). The index is TCP_WIDE in the ROM."""

_NIC_KEYS = {
    "name": Key(str, required=True, pattern=NAME, form="a short name in small letters"),
    "driver": Key(str, required=True, pattern=NAME, form="the name of a file in undi/nic/"),
    "title": Key(str, required=True, low=1),
    "ids": Key(list, required=True, item=str),
    "qemu": Key(str, default=""),
    "variants": Key(dict, default={}),
    "rx_frames": Key(int, default=16, low=4, high=32),
    "base_frames": Key(int, default=0, low=4, high=32),
    "tx_frames": Key(int, default=2, low=2, high=8),
    "window": Key(str, default=WINDOWS[1], choices=WINDOWS),
    "modules": Key(list, required=True, item=str),
    "ipxe": Key(str, default=""),
}

_PRINTABLE = r"[ -~]*"

_ERROR_KEYS = {
    "number": Key(int, required=True, low=1000, high=7999),
    "name": Key(
        str, required=True, pattern=r"[A-Z][A-Z0-9_]*", form="a name in capitals (ERR_<name>)"
    ),
    "text": Key(
        str, required=True, low=1, high=60, pattern=_PRINTABLE, form="printable ASCII"
    ),
    "check": Key(
        str, required=True, low=1, high=60, pattern=_PRINTABLE, form="printable ASCII"
    ),
    "detail": Key(str, default="none", choices=DETAIL_KINDS),
    "page": Key(str, required=True, low=1),
}


@dataclass(frozen=True, slots=True)
class PciId:
    """One PCI vendor and device number."""

    vendor: int
    device: int

    def __str__(self) -> str:
        return f"{self.vendor:04x}:{self.device:04x}"


@dataclass(frozen=True, slots=True)
class Nic:
    """One adapter: its short name, the driver's file, the ids that it goes by.

    qemu: QEMU's device, "" where it has none; it goes by the first id
    variants: QEMU's other devices that the driver is for, and the id that each goes by
    rx_frames: receive buffers, where the layout does not say
    base_frames: receive buffers where there is only base memory, 0: as many
    tx_frames: transmit buffers
    window: one of WINDOWS
    modules: Linux's drivers for it, the first has the PCI ids
    ipxe: Debian's ROM of iPXE for it, a file of the package ipxe-qemu
    """

    name: str
    driver: str
    title: str
    ids: tuple[PciId, ...]
    qemu: str
    variants: tuple[tuple[str, PciId], ...] = ()
    rx_frames: int = 16
    base_frames: int = 0
    tx_frames: int = 2
    window: str = WINDOWS[1]
    modules: tuple[str, ...] = ()
    ipxe: str = ""

    @property
    def pci(self) -> PciId:
        """The id that stands in the ROM's PCIR structure."""
        return self.ids[0]

    @property
    def listed(self) -> tuple[PciId, ...]:
        """The ids that the PCIR's device list can name: those of the same vendor."""
        return tuple(pci for pci in self.ids if pci.vendor == self.pci.vendor)


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """One error number: what failed, what to check, what the detail is, where it stands."""

    number: int
    name: str
    text: str
    check: str
    detail: str
    page: str
    where: str

    @property
    def kind(self) -> int:
        """Number of the detail's kind in the ROM."""
        return DETAIL_KINDS.index(self.detail)


def load_nics(path: Path, base: Path | None = None) -> dict[str, Nic]:
    """The adapters of `nics.toml` by short name."""
    file = TomlFile(path, base)
    nics: dict[str, Nic] = {}
    owners: dict[PciId, str] = {}
    top = file.take(file.data, {"nic": Key(list, default=[], item=dict)})
    for index, row in enumerate(top["nic"]):
        here = ("nic", index)
        values = file.take(row, _NIC_KEYS, here)
        ids: list[PciId] = []
        for text in values["ids"]:
            pci = _pci_id(file, (*here, "ids"), text)
            if pci in owners:
                raise file.error(
                    "nic-id", (*here, "ids"), f"{pci} is already an id of '{owners[pci]}'"
                )
            owners[pci] = values["name"]
            ids.append(pci)
        if not ids:
            raise file.error("nic-id", (*here, "ids"), "'ids' is empty", "give at least one")
        if values["name"] in nics:
            raise file.error(
                "nic-name", (*here, "name"), f"adapter '{values['name']}' is already there"
            )
        variants = tuple(
            (device, _pci_id(file, (*here, "variants"), text))
            for device, text in values["variants"].items()
        )
        for device, pci in variants:
            if pci not in ids:
                raise file.error(
                    "nic-id", (*here, "variants"), f"{pci} of '{device}' is not in 'ids'"
                )
        values |= {"ids": tuple(ids), "variants": variants, "modules": tuple(values["modules"])}
        nics[values["name"]] = Nic(**values)
    return nics


def _pci_id(file: TomlFile, where: tuple[str | int, ...], text: object) -> PciId:
    """A PCI id of the table. Error: it is none."""
    vendor, _, device = str(text).partition(":")
    try:
        if len(vendor) != 4 or len(device) != 4:
            raise ValueError
        return PciId(int(vendor, 16), int(device, 16))
    except ValueError:
        raise file.error("nic-id", where, f"'{text}' is no PCI id", "give 8086:100e") from None


def load_errors(folder: Path, base: Path | None = None) -> list[ErrorEntry]:
    """The error numbers of all `*.toml` in `folder`, by number."""
    entries: list[ErrorEntry] = []
    for path in sorted(folder.glob("*.toml")):
        file = TomlFile(path, base)
        top = file.take(file.data, {"error": Key(list, default=[], item=dict)})
        for index, row in enumerate(top["error"]):
            here = ("error", index)
            values = file.take(row, _ERROR_KEYS, here)
            entries.append(ErrorEntry(**values, where=file.where((*here, "number"))))
    _refuse_doubles(entries)
    return sorted(entries, key=lambda entry: entry.number)


def _refuse_doubles(entries: Sequence[ErrorEntry]) -> None:
    """Raise where two entries share a number or a name."""
    for attribute in ("number", "name"):
        seen: dict[object, str] = {}
        for entry in entries:
            value = getattr(entry, attribute)
            if value in seen:
                raise RomgenError(
                    "error-table",
                    entry.where,
                    f"{attribute} {value} is already used",
                    f"see {seen[value]}",
                )
            seen[value] = entry.where
