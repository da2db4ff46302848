"""Taking option ROMs apart: good ones, wrong ones, and any bytes at all."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rom_kit import DEVICES, PCIR, PNP, REAL, UNDI, make_efi, make_image

from romgen.ev.block import pack
from romgen.image import Rom, Stop, Structure, parse


def structures(rom: Rom) -> list[Structure]:
    found: list[Structure | None] = []
    for image in rom.images:
        found += [image.header, image.pcir, image.undi, image.version]
        found += [entry.header for entry in image.pnp]
        found.append(image.ev.header if image.ev else None)
    return [one for one in found if one is not None]


def sane(rom: Rom) -> None:
    """What holds for any bytes: everything lies inside, images go forward, sums fit."""
    for one in structures(rom):
        for field in one.fields:
            assert field.offset >= 0 and field.offset + field.size <= rom.size
            raw = rom.data[field.offset : field.offset + field.size]
            value = field.value
            assert value == (raw if isinstance(value, bytes) else int.from_bytes(raw, "little"))
    for before, after in itertools.pairwise(rom.images):
        assert after.offset == before.end > before.offset
    assert rom.used <= rom.size


def test_every_structure_is_found() -> None:
    rom = parse(make_image())
    sane(rom)
    [image] = rom.images
    assert (image.length, image.end, rom.stop) == (1024, 1024, Stop(0, "last"))
    assert image.pcir is not None and image.pcir.offset == PCIR
    assert image.pcir.number("class_code") == 0x020000
    assert image.devices is not None
    assert (image.devices.offset, image.devices.devices) == (DEVICES, (0x100E, 0x100F))
    [entry] = image.pnp
    assert (entry.header.offset, entry.sum.right) == (PNP, True)
    assert entry.manufacturer is not None and entry.manufacturer.value == "maker"
    assert entry.product is not None and entry.product.value == "product 1"
    assert image.undi is not None and image.undi.offset == UNDI
    assert image.sum is not None and image.sum.right
    assert (image.version, image.ev) == (None, None)


def test_chain_of_x86_and_efi() -> None:
    rom = parse(make_image(3, last=False) + make_efi(2))
    assert [(i.offset, i.length, i.code_type) for i in rom.images] == [
        (0, 1536, 0),
        (1536, 1024, 3),
    ]
    assert rom.images[1].is_efi
    assert rom.images[1].pcir is not None and rom.images[1].pcir.kind == "pcir_2"
    assert rom.stop == Stop(1536, "last")


def test_ev_block_with_its_text() -> None:
    image = bytearray(make_image())
    block = pack(b"TargetIP=10.0.0.1\n", 64)
    image[0x200 : 0x200 + len(block)] = block
    found = parse(bytes(image)).images[0].ev
    assert found is not None and (found.header.offset, found.text) == (
        0x200,
        b"TargetIP=10.0.0.1\n",
    )
    image[0x210] ^= 1
    found = parse(bytes(image)).images[0].ev
    assert found is not None and found.text is None and "CRC" in found.problem


@pytest.mark.parametrize(
    ("data", "stop"),
    [
        (b"", Stop(0, "end-of-file")),
        (b"U", Stop(0, "no-signature")),
        (b"\x55\xaa", Stop(0, "no-pcir")),
        (b"\0" * 4096, Stop(0, "no-signature")),
        (make_image(data={"image_length": 0}, last=False), Stop(0, "length-zero")),
        (make_image(data={"image_length": 0}), Stop(0, "last")),
        (make_image(last=False), Stop(1024, "end-of-file")),
        (make_image(last=False) + bytes(512), Stop(1024, "no-signature")),
        (make_image(data={"image_length": 0xFFFF}, last=False), Stop(0xFFFF * 512, "end-of-file")),
        (make_image(header={"pcir": 0xFFFE}), Stop(0, "no-pcir")),
        (make_image(header={"pcir": 0}), Stop(0, "no-pcir")),
        (make_image(1, last=False) * 300, Stop(256 * 512, "too-many")),
    ],
)
def test_where_the_chain_stops(data: bytes, stop: Stop) -> None:
    rom = parse(data)
    assert rom.stop == stop
    sane(rom)


@pytest.mark.parametrize(
    ("pnps", "reason", "count"),
    [
        ([{"next": PNP}], "loop", 1),
        ([{"next": 0xC0}, {"next": PNP}], "loop", 2),
        ([{"next": 0xC0}, {}], "last", 2),
        ([{"next": 0xFFFF}], "outside", 1),
        ([{"next": 0x0200}], "no-signature", 1),
        ([{"signature": b"$PnX"}], "no-signature", 0),
    ],
)
def test_where_the_pnp_chain_stops(pnps: list[dict[str, int]], reason: str, count: int) -> None:
    image = parse(make_image(pnps=pnps)).images[0]
    assert image.pnp_stop is not None
    assert (image.pnp_stop.reason, len(image.pnp)) == (reason, count)


def test_without_a_pnp_pointer() -> None:
    image = parse(make_image(header={"pnp": 0})).images[0]
    assert (image.pnp, image.pnp_stop) == ((), None)


def test_pointers_stay_inside_their_image() -> None:
    # The $PnP pointer leads into the second image, which has one at the same place.
    two = make_image(1, header={"pnp": 512 + PNP}, last=False) + make_image(1)
    first, second = parse(two).images
    assert first.pnp_stop == Stop(512 + PNP, "outside")
    assert len(second.pnp) == 1


def test_text_without_an_end() -> None:
    image = bytearray(make_image(1, pnps=[{"product": 508}]))
    image[508:512] = b"abcd"
    product = parse(bytes(image)).images[0].pnp[0].product
    assert product is not None and (product.value, product.ended) == ("abcd", False)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=1200))
def test_any_bytes(data: bytes) -> None:
    sane(parse(data))
    sane(parse(b"\x55\xaa" + data))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 0x120), st.integers(0, 255)), max_size=8),
    st.integers(0, 3072),
)
def test_any_field_any_cut(changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(make_image(last=False) + make_efi() + bytes(600))
    for offset, value in changes:
        data[offset + (1024 if value & 1 else 0)] = value
    sane(parse(bytes(data[:length])))


@pytest.mark.skipif(not REAL, reason="install ipxe-qemu and seabios for other people's ROMs")
@pytest.mark.parametrize("path", REAL, ids=lambda path: str(path.name))
def test_real_roms(path: Path) -> None:
    rom = parse(path.read_bytes())
    sane(rom)
    assert rom.used == rom.size
    assert [image.code_type for image in rom.images] == [0, 3][: 1 + path.name.startswith("efi-")]
    first = rom.images[0]
    assert first.sum is not None and first.sum.right
    assert (len(first.pnp), first.undi is not None) == (
        (1, True) if path.suffix == ".rom" else (0, False)
    )
    if path.suffix == ".rom":
        product = first.pnp[0].product
        assert product is not None and product.value == "iPXE"
