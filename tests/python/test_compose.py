"""The finished image is read back; whatever is wrong in it has its offset."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from romgen.catalog import Nic, PciId
from romgen.compose import compose, pack_init, pnp_headers, verify
from romgen.errors import RomgenError
from romgen.formats.option_rom import CONSTANTS, pcir, pnp, rom_header, undi_rom_id
from romgen.init_pack import unpack
from romgen.layout import Layout, Memory

PCIR, PNP, UNDI, STRINGS = 0x1C, 0x40, 0x60, 0x80

LAYOUT = Layout(
    name="iscsi-e1000",
    size_max_where="layouts/iscsi-e1000.toml:6",
    kind="iscsi",
    default=True,
    nic=Nic("e1000", "e1000", "", (PciId(0x8086, 0x100E),), ""),
    boot="BCV",
    product="product",
    manufacturer="manufacturer",
    size_max=32768,
    memory=Memory(16, 6, 3072, "auto"),
    ev_capacity=1024,
)


def flat(size: int = 1000, **pointers: int) -> bytearray:
    """Linked bytes before lengths and checksums are filled in; random where nothing stands."""
    image = bytearray(random.Random(1).randbytes(size))
    header = {
        "signature": 0xAA55, "size": 0, "entry": b"\xe9\0\0", "checksum": 0,
        "reserved": bytes(2), "packed_users": 0, "packed_far": 0, "packed": 0,
        "version": 0, "owner": 0, "instance": 0,
        "undi_rom_id": UNDI, "pcir": PCIR, "pnp": PNP,
    }  # fmt: skip
    image[: rom_header.sizeof()] = rom_header.build(header | pointers)
    data = pcir.build(
        {
            "signature": b"PCIR", "vendor": 0x8086, "device": 0x100E, "device_list": 0,
            "length": pcir.sizeof(), "revision": 3, "class_code": 0x20000, "image_length": 0,
            "code_revision": 1, "code_type": 0, "indicator": 0x80, "max_runtime_length": 0,
            "config_utility": 0, "clp_entry": 0,
        }
    )  # fmt: skip
    image[PCIR : PCIR + len(data)] = data
    image[PNP : PNP + pnp.sizeof()] = header_pnp()
    undi = undi_rom_id.build(
        {
            "signature": b"UNDI", "length": undi_rom_id.sizeof(), "checksum": 0,
            "structure_revision": 0, "undi_revision": b"\0\1\2", "loader": 0x100,
            "stack_size": 256, "data_size": 100, "code_size": 100, "bus_type": b"PCIR",
        }
    )  # fmt: skip
    image[UNDI : UNDI + len(undi)] = undi
    image[STRINGS : STRINGS + 16] = b"maker\0product\0\0\0"
    return image


def header_pnp(following: int = 0) -> bytes:
    return bytes(
        pnp.build(
            {
                "signature": b"$PnP", "revision": 1, "length": 2, "next": following,
                "reserved": 0, "checksum": 0, "device_id": 0, "manufacturer": STRINGS,
                "product": STRINGS + 6, "device_type": b"\0\0\2", "indicators": 0xF4,
                "bcv": 0x100, "dv": 0, "bev": 0, "reserved2": 0, "resource_vector": 0,
            }
        )
    )  # fmt: skip


def test_good_image() -> None:
    image = compose(flat(), LAYOUT)
    verify(image, LAYOUT)
    assert len(image) == 1024
    assert rom_header.parse(image).size == pcir.parse(image[PCIR:]).image_length == 2
    assert sum(image) % 256 == sum(image[PNP : PNP + 32]) % 256 == 0
    assert sum(image[UNDI : UNDI + undi_rom_id.sizeof()]) % 256 == 0


def test_nothing_else_is_touched() -> None:
    before, after = flat(), compose(flat(), LAYOUT)
    changed = {at for at in range(len(before)) if before[at] != after[at]}
    assert changed <= {2, 6, *(PCIR + at for at in (0x10, 0x11, 0x16, 0x17)), PNP + 9, UNDI + 5}


def test_second_pnp_header_is_summed_too() -> None:
    before = flat()
    before[PNP : PNP + 32] = header_pnp(following=0x200)
    before[0x200:0x220] = header_pnp()
    image = compose(before, LAYOUT)
    assert [offset for offset, _ in pnp_headers(image)] == [PNP, 0x200]
    assert sum(image[0x200:0x220]) % 256 == 0


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (flat(signature=0), r"image\+0x0: no ROM header"),
        (flat(pcir=0), r"image\+0x0: no PCIR structure"),
        (flat(pcir=0x3F0), r"image\+0x3f0: PCIR structure goes beyond the image's 1024 bytes"),
        (flat(pnp=0x200), r"image\+0x200: no \$PnP header here"),
        (flat(pnp=0xFFFF), r"image\+0xffff: \$PnP header goes beyond"),
        (flat(undi_rom_id=0x200), r"image\+0x200: no UNDI ROM ID"),
        (bytearray(10), r"image\+0x0: no ROM header"),
    ],
)
def test_cannot_be_composed(image: bytearray, message: str) -> None:
    with pytest.raises(RomgenError, match=message):
        compose(image, LAYOUT)


def test_circle_of_pnp_headers() -> None:
    image = flat()
    image[PNP : PNP + 32] = header_pnp(following=PNP)
    with pytest.raises(RomgenError, match=r"image\+0x40: the chain of \$PnP headers runs in a c"):
        compose(image, LAYOUT)


def test_largest_image() -> None:
    verify(compose(flat(255 * 512), LAYOUT), LAYOUT)
    with pytest.raises(RomgenError, match=r"toml:6: the image has 130561 bytes, the ROM header"):
        compose(flat(255 * 512 + 1), LAYOUT)


def change(offset: int, value: bytes) -> Callable[[bytearray], None]:
    def apply(image: bytearray) -> None:
        image[offset : offset + len(value)] = value

    return apply


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (change(PCIR + 4, b"\x34\x12"), "PCIR has 1234:100e, not 8086:100e"),
        (change(PCIR + 0xA, b"\x18"), "PCIR lengths 24 and 2"),
        (change(PNP + 5, b"\1"), "wrong length"),
        (change(PNP + 0x16, b"\0\0"), "no BCV"),
        (change(PNP + 0x16, b"\0\x40"), "bcv 0x4000 is outside"),
        (change(PNP + 0x10, b"\xff\x3f"), "product string at 0x3fff has no end"),
        (change(0x1A, b"\0\0"), r"no \$PnP header"),
        (change(UNDI + 4, b"\1"), "UNDI ROM ID: wrong length"),
    ],
)
def test_wrong_in_the_source(edit: Callable[[bytearray], None], message: str) -> None:
    image = flat()
    edit(image)
    with pytest.raises(RomgenError, match=message):
        verify(compose(image, LAYOUT), LAYOUT)


def test_pcir_on_a_dword() -> None:
    image = flat(pcir=0x206)
    image[0x206 : 0x206 + 28] = image[PCIR : PCIR + 28]
    with pytest.raises(RomgenError, match=r"image\+0x206: .*dword"):
        verify(compose(image, LAYOUT), LAYOUT)


def test_layout_with_a_bev() -> None:
    with pytest.raises(RomgenError, match="no BEV"):
        verify(compose(flat(), LAYOUT), replace(LAYOUT, boot="BEV"))


@given(st.integers(0, 1023), st.integers(1, 255))
def test_any_changed_byte_is_found(offset: int, difference: int) -> None:
    image = bytearray(compose(flat(), LAYOUT))
    image[offset] = (image[offset] + difference) & 0xFF
    with pytest.raises(RomgenError):
        verify(bytes(image), LAYOUT)


@settings(max_examples=200)
@given(st.binary(max_size=2048))
def test_any_bytes_end_in_a_message(data: bytes) -> None:
    with pytest.raises(RomgenError):
        verify(data, LAYOUT)
    with pytest.raises(RomgenError):
        compose(b"\x00" + data, LAYOUT)


def test_what_would_be_too_large_is_packed_with_more_pains() -> None:
    start, undi = 0x200, 300
    words = [random.Random(number).randbytes(2 + number % 5) for number in range(40)]
    text = b"".join(random.Random(3).choices(words, k=800)).replace(b"\xe8", b"\xe9")
    rom = flat(start, owner=CONSTANTS["ROM_OWNER"]) + text + bytes(2)
    quick = pack_init(rom, start, undi, 1 << 16)
    small = pack_init(rom, start, undi, len(quick) - 1)
    assert len(small) < len(quick)
    for image in (quick, small):
        assert rom_header.parse(image).packed == start
        packed, plain = bytes(image[start:]), bytes(rom[start:])
        assert unpack(packed, len(plain)) == plain
        assert unpack(packed, undi) == plain[:undi]
    other = flat()
    assert pack_init(other, start, undi, 0) is other
