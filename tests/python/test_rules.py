"""Each rule finds its fault at its place, and nothing in a good ROM; any bytes get findings."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rom_kit import PCIR, PNP, REAL, UNDI, balance, fill, make_efi, make_image, stored

from romgen.cli import main
from romgen.ev.block import pack
from romgen.formats.option_rom import version_info
from romgen.image import parse
from romgen.rules import SEVERITIES, catalog, findings


def put(data: bytes, offset: int, value: bytes) -> bytes:
    return data[:offset] + value + data[offset + len(value) :]


def with_version(**values: int | bytes) -> bytes:
    rom = bytearray(make_image(header={"version": 0x200}))
    given = {
        "signature": b"$RGV", "length": 64, "major": 1, "minor": 2, "text": 0x232,
        "label": b"1.2.0".ljust(14, b"\0"), **values,
    }  # fmt: skip
    rom[0x200:0x240] = version_info.build(fill(version_info, **given))
    if "checksum" not in values:
        balance(rom, 0x200, 64, 0x205)
    return bytes(rom)


def with_ev(text: bytes, flip: int = 0) -> bytes:
    block = bytearray(pack(text, 0))
    block[-1] ^= flip
    return put(make_image(), 0x200, bytes(block))


PE = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(300)
GOOD = make_image()
FAULTS: list[tuple[str, int, bytes]] = [
    ("ROM001", 0, b"MZ" + GOOD),
    ("ROM001", 0, b""),
    ("ROM002", PCIR + 0x10, make_image(data={"image_length": 0}, last=False)),
    ("ROM003", PCIR + 0x10, GOOD[:1000]),
    ("ROM003", 2, make_image(header={"pcir": 0})[:700]),
    ("ROM004", PCIR + 0x15, make_image(last=False)),
    ("ROM004", PCIR + 0x15, make_image(last=False) + bytes(512)),
    ("ROM005", 1024, GOOD + b"hidden"),
    ("ROM006", 1024, make_image(last=False) + GOOD),
    ("ROM007", 0, make_efi()),
    ("ROM010", 2, make_image(header={"size": 0})),
    ("ROM011", 0, put(GOOD, 900, b"x")),
    ("ROM012", 2, make_image(header={"size": 1})),
    ("ROM013", 3, make_image(header={"entry": b"\xe9\xff\x7f"})),
    ("ROM013", 3, make_image(header={"entry": b"\xeb\x80\0"})),
    ("ROM013", 3, make_image(header={"entry": bytes(3)})),
    ("ROM014", 0x18, make_image(header={"pcir": 0x200})),
    ("ROM014", 0x18, make_image(header={"pcir": 0xFFFF})),
    ("ROM015", 0x18, make_image(header={"pcir": 0})),
    ("ROM016", 0x202, put(make_image(header={"pcir": 0x202}), 0x202, GOOD[PCIR:PNP])),
    ("ROM017", 0x1A, make_image(header={"pnp": 0x200})),
    ("ROM017", 0x1A, make_image(header={"pnp": 0xFFFF})),
    ("ROM018", 0x16, make_image(header={"undi_rom_id": 0x200})),
    ("ROM019", 2, make_image(header={"size": 255})),
    ("ROM020", PCIR + 0xC, make_image(data={"revision": 3, "length": 0x18})),
    ("ROM020", PCIR + 0xC, make_image(data={"revision": 0})),
    ("ROM021", PCIR + 4, make_image(data={"vendor": 0xFFFF})),
    ("ROM022", PCIR + 8, make_image(data={"device_list": 0x400})),
    ("ROM022", 0x3FC, put(make_image(data={"device_list": 0x3E0}), 0x3FC, b"\1\1\1\1")),
    ("ROM023", PCIR + 0x14, make_image(data={"code_type": 9})),
    ("ROM024", PCIR + 0x16, make_image(data={"max_runtime_length": 3})),
    ("ROM024", PCIR + 0x16, make_image(data={"max_runtime_length": 0})),
    ("ROM025", PCIR + 0x1A, make_image(data={"clp_entry": 0x400})),
    ("ROM026", PCIR + 0x15, make_image(data={"indicator": 0x81})),
    ("ROM027", PCIR + 8, GOOD),
    ("ROM028", PCIR + 8, make_efi(vpd=0x30)),
    ("ROM029", PCIR, make_image(data={"length": 0x400})),
    ("ROM030", PNP + 5, make_image(pnps=[{"length": 1}])),
    ("ROM031", PNP + 6, make_image(pnps=[{"next": PNP}])),
    ("ROM032", PNP + 9, make_image(pnps=[{"checksum": 1}])),
    ("ROM033", PNP + 0x16, make_image(pnps=[{"bev": 0x100}])),
    ("ROM034", PNP + 0x1A, make_image(pnps=[{"bcv": 0, "next": 0xC0}, {}])),
    ("ROM035", PNP + 0x18, make_image(pnps=[{"dv": 0x400}])),
    ("ROM036", PNP + 0x10, make_image(pnps=[{"product": 0x4000}])),
    ("ROM036", 0x3FF, put(make_image(pnps=[{"product": 0x3FF}]), 0x3FF, b"x")),
    ("ROM036", 0x80, put(GOOD, 0x80, b"\x07")),
    ("ROM036", 0x200, put(make_image(pnps=[{"product": 0x200}]), 0x200, b"x" * 65)),
    ("ROM037", 0x204, put(make_image(header={"pnp": 0x204}), 0x204, GOOD[PNP:UNDI])),
    ("ROM038", PNP + 6, make_image(pnps=[{"next": 0x300}])),
    ("ROM039", PNP, make_image(pnps=[{"bcv": 0}])),
    ("ROM040", UNDI + 4, make_image(undi={"length": 4})),
    ("ROM040", UNDI + 5, make_image(undi={"checksum": 3})),
    ("ROM041", UNDI + 0xA, make_image(undi={"loader": 0x400})),
    ("ROM042", UNDI + 0xA, make_image(undi={"loader": 0})),
    ("ROM043", UNDI + 0x12, make_image(undi={"bus_type": b"PNPR"})),
    ("ROM050", 4, make_efi(header={"efi_signature": 1})),
    ("ROM051", 0x16, make_efi()),
    ("ROM052", 0xA, make_efi(header={"machine": 0x1234})),
    ("ROM053", 0x16, make_efi(2, PE)),
    ("ROM054", 2, make_efi(header={"size": 3})),
    ("ROM055", 0x40, make_efi(2, b"\xff" * 100, {"compression": 1})),
    ("ROM055", 0x16, make_efi(2, b"", {"compression": 1, "pe": 0x400})),
    ("ROM051", 0x16, make_efi(2, stored(b"no PE image"), {"compression": 1})),
    ("ROM060", 0x200, with_ev(b"TargetIP=10.0.0.1\n", 1)),
    ("ROM061", 0x200, with_ev(b"TargetIP=10.0.0.1.2\n")),
    ("ROM062", 0x200, with_ev(b"CHAPSecret=a very secret word\n")),
    ("ROM063", 0x204, with_version(length=32)),
    ("ROM063", 0x205, with_version(checksum=1)),
    ("ROM064", 0x206, with_version(minor=3)),
    ("ROM064", PCIR + 0x12, with_version(minor=3, label=b"1.3.0".ljust(14, b"\0"))),
    ("ROM065", 0x228, with_version(build_id=b"12345678")),
    ("ROM066", 0x20A, with_version(flags=1)),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "offset", "data"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_rule_finds_its_fault(rule: str, offset: int, data: bytes) -> None:
    found = [(one.rule.id, one.offset) for one in findings(parse(data))]
    assert (rule, offset) in found


def test_every_rule_has_a_fault() -> None:
    assert {fault[0] for fault in FAULTS} == set(catalog())


def test_good_image_has_only_the_note() -> None:
    assert [one.rule.id for one in findings(parse(GOOD))] == ["ROM027"]
    assert findings(parse(GOOD), ("specification",)) == []
    assert findings(parse(with_version())) == findings(parse(with_version()), ("seabios",))


def test_every_rule_is_documented() -> None:
    for rule in catalog().values():
        assert re.fullmatch(r"ROM\d{3}", rule.id)
        assert len(rule.text) > 60 and rule.spec and rule.severities
        assert set(rule.severities.values()) <= set(SEVERITIES)


def test_severity_is_the_consumers() -> None:
    data = put(make_image(header={"pcir": 0x202}), 0x202, GOOD[PCIR:PNP])
    for consumer, severity in (("seabios", "warning"), ("specification", "error")):
        [found] = [f for f in findings(parse(data), (consumer,)) if f.rule.id == "ROM016"]
        assert (found.severity, found.image) == (severity, 0)


def valid(data: bytes) -> None:
    """What holds for any bytes: an offset inside the file (or at its end), never an exception."""
    found = findings(parse(data))
    assert all(0 <= one.offset <= len(data) for one in found)
    assert found or data[:2] == b"\x55\xaa"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=700))
def test_any_bytes(data: bytes) -> None:
    valid(data)
    valid(b"\x55\xaa" + data)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 0x120), st.integers(0, 255)), max_size=6),
    st.integers(0, 2600),
)
def test_any_field_any_cut(changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(make_image(last=False) + make_efi(2, PE) + bytes(600))
    for offset, value in changes:
        data[offset + (1024 if value & 1 else 0)] = value
    valid(bytes(data[:length]))


def broken(data: bytes) -> list[bytes]:
    """A real ROM cut, extended, and with every length and every pointer wrong."""
    made = [data[:size] for size in (0, 1, 2, 3, 27, 28, 64, 511, 512, 513, len(data) - 1)]
    made += [data + bytes(512), data + data, data + b"x"]
    rng = random.Random(len(data))
    for image in parse(data).images:
        places = [image.header.at(name) for name in ("size", "pcir")]
        if not image.is_efi:
            places += [image.header.at(name) for name in ("pnp", "undi_rom_id")]
        if image.pcir:
            names = ("length", "image_length", "device_list", "vpd", "max_runtime_length")
            places += [f.offset for name in names if (f := image.pcir.field(name))]
        for entry in image.pnp:
            wanted = ("length", "next", "manufacturer", "product", "bcv", "bev")
            places += [entry.header.at(name) for name in wanted]
        places += [image.undi.at("length")] if image.undi else []
        for place in places:
            values = (b"\0\0", b"\1\0", b"\xff\xff", rng.randbytes(2))
            made += [put(data, place, value) for value in values]
    return made


@pytest.mark.skipif(not REAL, reason="install ipxe-qemu and seabios for other people's ROMs")
@pytest.mark.parametrize("name", ["efi-ne2k_pci.rom", "pxe-vmxnet3.rom", "vgabios-stdvga.bin"])
def test_real_roms_broken(name: str) -> None:
    data = next(path for path in REAL if path.name == name).read_bytes()
    good = {one.rule.id for one in findings(parse(data))}
    worse = [bool({one.rule.id for one in findings(parse(bad))} - good) for bad in broken(data)]
    # A length of the same value and zeros behind the end are the only changes that do no harm.
    assert sum(worse) > len(worse) * 3 // 4
    for bad in broken(data):
        valid(bad)


@pytest.mark.skipif(not REAL, reason="install ipxe-qemu and seabios for other people's ROMs")
@pytest.mark.parametrize("path", REAL, ids=lambda path: str(path.name))
def test_real_roms(path: Path) -> None:
    known = {"ne2k_pci.rom": {"ROM021"}, "isavga.bin": {"ROM015"}, "ramfb.bin": {"ROM015"}}
    found = {one.rule.id for one in findings(parse(path.read_bytes()))}
    assert found == known.get(path.name.partition("-")[2], set())


def written(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "a.rom"
    path.write_bytes(data)
    return str(path)


def test_check_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = written(tmp_path, put(GOOD, 900, b"\x01"))
    assert main(["check", name]) == 1
    lines = capsys.readouterr().out.splitlines()
    text = "+0x0: error ROM011: byte sum is not 0: 1024 bytes sum to 0x01, not 0"
    assert lines[0].endswith(text)
    assert lines[-1].endswith("a.rom: 1 error, 0 warnings, 1 note")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ([], 0),
        (["--fail-on", "note"], 1),
        (["--fail-on", "note", "--consumer", "specification"], 0),
        (["--fail-on", "nothing"], 2),
        (["--consumer", "nobody"], 2),
        (["--format", "xml"], 2),
    ],
)
def test_check_status(arguments: list[str], status: int, tmp_path: Path) -> None:
    assert main(["check", written(tmp_path, GOOD), *arguments]) == status


def test_check_no_file(tmp_path: Path) -> None:
    assert main(["check", str(tmp_path / "none")]) == 2


def test_check_json_and_sarif(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = written(tmp_path, put(GOOD, 900, b"\x01"))
    assert main(["check", "--json", name]) == 1
    [file] = json.loads(capsys.readouterr().out)["files"]
    assert [(f["rule"], f["offset"], f["image"]) for f in file["findings"]] == [
        ("ROM011", 0, 0),
        ("ROM027", PCIR + 8, 0),
    ]
    assert main(["check", "--format", "sarif", name]) == 1
    sarif = json.loads(capsys.readouterr().out)
    [run] = sarif["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert (sarif["version"], len(rules)) == ("2.1.0", len(catalog()))
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        region = result["locations"][0]["physicalLocation"]["region"]
        assert region["byteOffset"] in (0, PCIR + 8)


def test_check_junit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from xml.etree import ElementTree

    assert main(["check", "--format", "junit", written(tmp_path, put(GOOD, 900, b"\x01"))]) == 1
    [suite] = ElementTree.fromstring(capsys.readouterr().out.encode())
    assert (suite.get("tests"), suite.get("failures")) == (str(len(catalog())), "1")
    failed = [case.get("name", "") for case in suite if case.find("failure") is not None]
    assert failed == ["ROM011 byte sum is not 0"]
    assert suite.find("testcase/system-out") is not None


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "rom014"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("ROM014: PCIR pointer leads nowhere\n") and "5.1.1" in text
    assert main(["explain", "ROM014", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["consumers"]["seabios"] == "error"


def test_explain_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "ROM14"]) == 2
    assert "there is no rule ROM14, did you mean ROM014?" in capsys.readouterr().err
    assert main(["explain", "x"]) == 2
