"""Debian's ROMs through info, check, extract, merge and fix, against what is known of them."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rom_kit import REAL

from romgen.catalog import load_nics
from romgen.cli import main
from romgen.image import parse
from romgen.image.mend import difference, mend
from romgen.image.merge import merge
from romgen.image.model import Image
from romgen.project import Project
from romgen.rules import findings

ROMS = {path.name: path for path in REAL}
NETWORK, VGA = 0x020000, 0x030000
# iPXE is built for the ids of QEMU's adapters, but for these: ne2k_pci is a family's ROM without an
# id, virtio is that of the newer form of the device, eepro100 that of the family's first chip.
OWN_IDS = {"ne2k_pci": (0, 0), "virtio": (0x1AF4, 0x1041), "eepro100": (0x8086, 0x1229)}
NAMES = {"ne2k_pci": "ne2k"}
# SeaBIOS, vgasrc/Kconfig: CONFIG_VGA_VID, CONFIG_VGA_DID; None: built without a PCI header.
VGABIOS = {
    "ati": (0x1002, 0x5159),
    "bochs-display": (0x1234, 0x1111),
    "cirrus": (0x1013, 0x00B8),
    "isavga": None,
    "qxl": (0x1B36, 0x0100),
    "ramfb": None,
    "stdvga": (0x1234, 0x1111),
    "virtio": (0x1AF4, 0x1050),
    "vmware": (0x15AD, 0x0405),
}
IPXE = [name for name in ROMS if name.endswith(".rom")]
EFI = [name for name in IPXE if name.startswith("efi-")]


def read(name: str) -> bytes:
    return ROMS[name].read_bytes()


def info(name: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["info", "--json", str(ROMS[name])]) == 0
    images: list[dict[str, object]] = json.loads(capsys.readouterr().out)["images"]
    return images


def ids(image: Image) -> tuple[int, int] | None:
    pcir = image.pcir
    return None if pcir is None else (pcir.number("vendor"), pcir.number("device"))


def test_all_are_there() -> None:
    adapters = ("e1000", "e1000e", "eepro100", "ne2k_pci", "pcnet", "rtl8139", "virtio", "vmxnet3")
    wanted = {f"{kind}-{name}.rom" for kind in ("pxe", "efi") for name in adapters}
    wanted |= {f"vgabios-{name}.bin" for name in VGABIOS}
    assert wanted <= set(ROMS)


@pytest.mark.parametrize("name", IPXE)
def test_ipxe(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    project = Project()
    nics = load_nics(project.tables / "nics.toml", project.root)
    adapter = name.partition("-")[2].removesuffix(".rom")
    pci = nics[NAMES.get(adapter, adapter)].pci
    first, *others = parse(read(name)).images
    assert ids(first) == OWN_IDS.get(adapter, (pci.vendor, pci.device))
    assert first.pcir is not None and first.pcir.number("class_code") == NETWORK
    [entry] = first.pnp
    assert entry.product is not None and entry.manufacturer is not None
    assert (entry.product.value, entry.header.number("bcv")) == ("iPXE", 0)
    assert entry.header.number("bev") and entry.header.number("indicators") == 0xF4
    assert first.undi is not None and first.undi.raw("undi_revision") == b"\0\1\2"  # PXE 2.1
    assert first.sum is not None and first.sum.right and first.is_last is not bool(others)
    assert len(others) == name.startswith("efi-")
    # The words that we use for ourselves are iPXE's own there: no version of ours is seen.
    assert first.version is None and first.ev is None
    [image, *_] = info(name, capsys)
    assert image["version"] is None


@pytest.mark.parametrize("name", EFI)
def test_efi(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    first, second = parse(read(name)).images
    # The x86 part is the file of the same adapter without EFI, but for the bit "last image".
    alone = mend(first.data)
    assert bytes(alone.data) == read(name.replace("efi-", "pxe-"))
    assert [change.what.split(":")[0] for change in alone.changes][:1] == ["indicator"]
    assert merge([("x86", bytes(alone.data)), ("efi", second.data)]) == read(name)
    assert main(["extract", str(ROMS[name]), "--all", str(tmp_path)]) == 0
    parts = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(parts) == {"0.rom", "1.rom", "1-pe.efi"}
    assert parts["0.rom"] + parts["1.rom"] == read(name)
    # The PE header, read without lief.
    pe = parts["1-pe.efi"]
    (at,) = struct.unpack_from("<I", pe, 0x3C)
    assert pe[:2] == b"MZ" and pe[at : at + 4] == b"PE\0\0"
    machine, sections = struct.unpack_from("<HH", pe, at + 4)
    (entry,) = struct.unpack_from("<I", pe, at + 24 + 16)
    (subsystem,) = struct.unpack_from("<H", pe, at + 24 + 68)
    image = info(name, capsys)[1]
    found = image["pe"]
    assert isinstance(found, dict)
    said = (found["machine"], len(found["sections"]), found["entry"], found["subsystem"])
    assert said == (machine, sections, entry, subsystem)
    assert (machine, subsystem) == (0x8664, 11)


@pytest.mark.parametrize("name", VGABIOS)
def test_vgabios(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    [image] = parse(read(f"vgabios-{name}.bin")).images
    assert ids(image) == VGABIOS[name]
    assert image.pcir is None or image.pcir.number("class_code") == VGA
    assert image.sum is not None and image.sum.right and not image.pnp and image.undi is None
    [data] = info(f"vgabios-{name}.bin", capsys)
    assert data["length"] == len(read(f"vgabios-{name}.bin"))


@pytest.mark.parametrize("name", ROMS)
def test_check_and_fix(name: str, tmp_path: Path) -> None:
    data = read(name)
    errors = {one.rule.id for one in findings(parse(data)) if one.severity == "error"}
    assert errors == ({"ROM021"} if "ne2k" in name else set())
    assert mend(data).changes == []
    # A byte changed in code: the sum is found and mended, with one byte.
    bad = bytearray(data)
    bad[0x2000] ^= 0x5A
    assert "ROM011" in {one.rule.id for one in findings(parse(bytes(bad)))}
    path = tmp_path / name
    path.write_bytes(bytes(bad))
    assert main(["fix", "--check", str(path)]) == 1
    assert path.read_bytes() == bytes(bad)
    assert main(["fix", str(path)]) == (1 if errors else 0)  # what cannot be mended stays
    assert len(difference(bytes(bad), path.read_bytes())) == 1
    assert "ROM011" not in {one.rule.id for one in findings(parse(path.read_bytes()))}


def test_two_roms_for_two_devices() -> None:
    names = ("pxe-e1000.rom", "pxe-rtl8139.rom", "vgabios-cirrus.bin")
    joined = merge([(name, read(name)) for name in names])
    images = parse(joined).images
    assert [ids(image) for image in images] == [(0x8086, 0x100E), (0x10EC, 0x8139), (0x1013, 0xB8)]
    for name, image in zip(names, images, strict=True):
        assert mend(image.data).data == read(name)
    assert not [one for one in findings(parse(joined)) if one.severity == "error"]


FIELDS = ("size", "image_length", "length", "pcir", "pnp", "next", "pe", "device_list")


def places(data: bytes) -> list[tuple[int, int]]:
    """Offset and size of every length and pointer."""
    found = []
    for image in parse(data).images:
        parts = [image.header, image.pcir, image.undi, *(entry.header for entry in image.pnp)]
        for part in parts:
            for field in part.fields if part is not None else ():
                if field.name in FIELDS:
                    found.append((field.offset, field.size))
    return found


PLACES = {name: places(read(name)) for name in ROMS}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(given_data=st.data())
def test_any_length_wrong_and_any_cut(given_data: st.DataObject) -> None:
    name = given_data.draw(st.sampled_from(sorted(ROMS)))
    data = bytearray(read(name))
    for _ in range(given_data.draw(st.integers(0, 3))):
        offset, size = given_data.draw(st.sampled_from(PLACES[name]))
        value = given_data.draw(st.integers(0, 256**size - 1))
        data[offset : offset + size] = value.to_bytes(size, "little")
    length = given_data.draw(st.one_of(st.just(len(data)), st.integers(0, len(data) + 4096)))
    changed = bytes(data[:length].ljust(length, b"\xff"))
    began = time.process_time()
    found = findings(parse(changed))
    assert all(0 <= one.offset <= len(changed) and one.message for one in found)
    mended = bytes(mend(changed).data)
    assert len(mended) == len(changed)
    findings(parse(mended))
    assert time.process_time() - began < 20
