"""The ROM's parser of the boot variables and romgen's: same verdict, line, warnings and values."""

from __future__ import annotations

import pytest
from bench import Machine
from ev_rom import parse_in_rom
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from romgen.ev.model import WARNING, Parsed
from romgen.ev.parse import TEXT_MAX, parse
from romgen.ev.table import Variable, numbers, table

BASE = {
    "InitiatorName": "iqn.2003-05.com.example:client",
    "TargetName": "iqn.2003-05.com.example:disk",
    "TargetIP": "10.10.10.13",
    "InitiatorIP": "10.10.10.2",
    "InitiatorNetmask": "255.255.255.0",
}
IGNORED = [numbers()[x] for x in ("EV_USERNAME", "EV_SECRET_HEX", "EV_SECRET_LENGTH")]
WORDS = [
    "True", "False", "true", "1", "0", "Yes", "None", "CHAP", "MutualCHAP", "Disabled", "Enabled",
    "Native", "512", "Boot", "Attach", "AttachOnce", "iSCSI", "PXE", "Prefer", "SHA256,SHA1,MD5",
    "MD5", "SHA1,SHA1", "SHA256,", ",", "MD5,SHA256", "0x", "0X00", "", "#", "=", "a b",
    "10.10.10.1", "10.10.11.1", "010.10.10.014", "10.10.10.1.", "255.255.255.0", "255.0.255.0",
    "0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1", "256.1.1.1", "1..2.3", "1.2.3",
    "000000000000", "02AB00001234", "00ab00001234", "01ab00001234", "FFFFFFFFFFFF", "02AB0000123G",
    "iqn.2003-05.com.hp:storage", "iqn.2003-13.com.hp", "iqn.2003-00.c", "iqn.2003-05.", "iqn.",
    "iqn.client01", "iqn.2003-05.Com.a_b", "iqn.2003-05.com/x", "eui.0123456789abcdef",
    "eui.0123456789abcdeg", "naa.0123456789ABCDEF", "naa." + "0" * 32, "naa." + "0" * 24,
    "TargetName=iqn.2003-05.com.hp:x", "0x0001000000000000", "0x000100000000000", "16383", "16384",
    "65535", "65536", "99999999999999999999", "0000000000000000000003260", "00", "256", "255",
    "Some12day123", "BetterThanThat", "Some12day12", "0x" + "ab" * 12, "0x" + "ab" * 11 + "a",
    "0x" + "zz" * 12, "x" * 223, "iqn." + "a" * 219, "iqn." + "a" * 220, "u" * 255, "u" * 256,
]  # fmt: skip
LIMITS = st.sampled_from([0, 1, 59, 60, 61, 99, 100, 300, 301, 575, 576, 600, 601, 4094, 4095, 9000,
                          9001, 65535, 65536]).map(str)  # fmt: skip
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
ADDRESS = st.lists(st.integers(0, 260), min_size=3, max_size=5).map(lambda x: ".".join(map(str, x)))
HEX = st.text("0123456789abcdefABCDEFg", max_size=40)
ANY_VALUE = st.one_of(
    st.sampled_from(WORDS), LIMITS, PRINTABLE, ADDRESS, HEX, HEX.map("0x".__add__)
)


def good_value(row: Variable) -> st.SearchStrategy[str]:
    """Values that the row's type mostly accepts, so that texts get as far as the rules."""
    fitting = {
        "number": st.integers(row.low, row.high).map(str),
        "lun": st.integers(row.low, row.high).map(str),
        "vlan": st.integers(row.low, row.high).map(str),
        "enum": st.sampled_from(row.choices or ("",)),
        "bool": st.sampled_from(row.choices or ("",)),
        "algorithms": st.permutations(row.choices).map(",".join),
        "ip": st.integers(1, 20).map(lambda last: f"10.10.10.{last}"),
        "mask": st.integers(1, 32).map(
            lambda ones: ".".join(map(str, ((1 << 32) - (1 << (32 - ones))).to_bytes(4, "big")))
        ),
        "name": st.sampled_from(["iqn.2003-05.com.example:a", "iqn.2003-05.com.example:b"]),
        "mac": st.sampled_from(["000000000000", "02AB00001234"]),
        "username": st.text("abc XYZ#=", min_size=1).map(str.strip).filter(bool),
        "secret": st.sampled_from(["Some12day123", "BetterThanThat", "0x" + "5a" * 12, "short"]),
    }
    return fitting[row.type]


SPELLINGS = st.sampled_from([(row, name) for row in table() for name in row.spellings])
GOOD_LINE = SPELLINGS.flatmap(lambda p: good_value(p[0]).map(lambda value: f"{p[1]}={value}"))
ODD_NAME = st.one_of(
    SPELLINGS.map(lambda p: p[1]), st.sampled_from(["forceboot", "", "Name", "#x", "Target IP"])
)
BLANK = st.sampled_from(["", " ", "\t", "  "])
ODD_LINE = st.builds(
    lambda a, name, b, c, value, d: f"{a}{name}{b}={c}{value}{d}",
    BLANK, ODD_NAME, BLANK, BLANK, ANY_VALUE, BLANK,
)  # fmt: skip
OTHER_LINE = st.one_of(
    st.sampled_from(["", "  ", "# comment", "## ", "\t#=", "C:\\ (if present).", "2.ea46.target01",
                     "# " + "x" * 510, "# " + "x" * 511, "a\rb", "caf\u00e9", "nul\0"]), PRINTABLE,
)  # fmt: skip


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """A text: usually the required variables, and some more lines that may be wrong."""
    kept = draw(st.sets(st.sampled_from(sorted(BASE)), max_size=1))
    lines = [f"{name}={value}" for name, value in BASE.items() if name not in kept]
    lines += draw(st.lists(GOOD_LINE, max_size=6))
    if draw(st.booleans()):
        lines += draw(st.lists(st.one_of(ODD_LINE, OTHER_LINE), max_size=3))
    lines = draw(st.permutations(lines))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = end.join(lines) + draw(st.sampled_from(["", "\n", "\r\n", "\r"]))
    return draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"])) + text.encode("latin-1")


def heard_in_rom(parsed: Parsed) -> list[tuple[int, int]]:
    """The warnings that the ROM gives: only the first about form where AuthMethod is None."""
    found = [(x.number, x.line) for x in parsed.findings]
    ignored = [x for x in found if x[0] in IGNORED]
    return [x for x in found if x[0] not in IGNORED] + ignored[:1]


def agree(machine: Machine, text: bytes) -> None:
    ours = parse(text, unknown=WARNING)
    rom = parse_in_rom(machine, text)
    assert rom.verdict == ours.verdict
    if ours.verdict is None:
        assert rom.values == ours.values
        assert sorted(rom.warnings) == sorted(heard_in_rom(ours))
    elif ours.errors[0].variable:
        assert rom.variable == table().named(ours.errors[0].variable).index


SAME_MACHINE = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SAME_MACHINE
@given(text=texts())
def test_generated_texts(machine: Machine, text: bytes) -> None:
    agree(machine, text)


@SAME_MACHINE
@given(text=st.binary(max_size=200))
@example(text=b"")
@example(text=b"\xef\xbb\xbf")
@example(text=b"\xef\xbb")
@example(text=b"\r")
@example(text=b"=\n")
@example(text=b"\n\n=x")
@example(text=b"LUN")
def test_any_bytes(machine: Machine, text: bytes) -> None:
    agree(machine, text)


@pytest.mark.parametrize("row", table().variables, ids=lambda row: row.name)
def test_each_value_of_each_variable(machine: Machine, row: Variable) -> None:
    rest = [f"{name}={value}" for name, value in BASE.items() if name != row.name]
    for value in WORDS:
        agree(machine, "\n".join([f"{row.name}={value}", *rest]).encode())


@settings(SAME_MACHINE, max_examples=60)
@given(lines=st.lists(GOOD_LINE, min_size=12, max_size=20, unique_by=lambda x: x.split("=")[0]))
def test_many_good_lines(machine: Machine, lines: list[str]) -> None:
    given_names = {line.split("=")[0] for line in lines}
    lines += [f"{name}={value}" for name, value in BASE.items() if name not in given_names]
    agree(machine, "\n".join(lines).encode())


def test_longest_text(machine: Machine) -> None:
    lines = [f"{name}={value}" for name, value in BASE.items()]
    text = "\n".join(lines).encode() + b"\n"
    agree(machine, text + b"#\n" * ((TEXT_MAX - len(text)) // 2))


@pytest.mark.parametrize(
    "line",
    ["TargetName=iqn.2003-05.com{}x", "TargetName=iqn.200{}-05.com", "TargetName={}", "LUN={}",
     "TargetName=eui.000000000000000{}", "LAA=02ab0000123{}", "LUN=0x000000000000000{}", "VLAN=4{}",
     "MTU=150{}", "TargetIP=10.10.10.{}", "TargetIP=10.10{}10.1", "CHAPAlgorithms=MD5{}SHA1",
     "CHAPSecret=0x0000000000000000000000{}0", "CHAPSecret=Some12day12{}", "{}LUN=1", "LUN{}=1",
     "{}"],
)  # fmt: skip
def test_each_character_in_each_place(machine: Machine, line: str) -> None:
    name = line.split("=")[0]
    rest = [f"{key}={value}" for key, value in BASE.items() if key != name]
    if name == "CHAPSecret":
        rest += ["AuthMethod=CHAP", "CHAPUsername=me"]
    for char in [*b"\0\t\n\r\x1a\x7f\x80\xff", *range(0x20, 0x7F)]:
        agree(machine, "\n".join([line.format(chr(char)), *rest]).encode("latin-1"))


CHAP = ["CHAPUsername=me", "CHAPSecret=Some12day123"]
MUTUAL = [*CHAP, "CHAPMSecret=BetterThanThat"]


@pytest.mark.parametrize(
    "more",
    [
        ["InitiatorRoute=10.10.10.2"], ["InitiatorRoute=10.10.11.1"], ["InitiatorRoute=10.10.10.1"],
        ["AuthMethod=CHAP"], ["AuthMethod=CHAP", CHAP[0]], ["AuthMethod=CHAP", CHAP[1]],
        ["AuthMethod=CHAP", *CHAP], ["AuthMethod=MutualCHAP", *CHAP],
        ["AuthMethod=MutualCHAP", *MUTUAL], ["AuthMethod=MutualCHAP", *MUTUAL[1:]],
        ["AuthMethod=MutualCHAP", *CHAP, "CHAPMSecret=Some12day123"],
        ["AuthMethod=MutualCHAP", *CHAP, "CHAPMSecret=Some12day124"],
        ["AuthMethod=MutualCHAP", *CHAP, "CHAPMSecret=0x536f6d653132646179313233"],
        ["AuthMethod=CHAP", *CHAP, "CHAPMSecret=Some12day123"],
        ["AuthMethod=CHAP", "CHAPSecret=0x1", "CHAPUsername=", "CHAPMSecret=short"],
        ["AuthMethod=CHAP", "CHAPUsername=", "CHAPSecret=0x1"],
        ["CHAPUsername=", "CHAPSecret=0x1", "CHAPMSecret=short"],
        ["CHAPUsername=", "LUN=x"], ["CHAPUsername=", "AuthMethod=x"],
        ["TargetIP2=10.10.11.1"], ["TargetIP2=10.10.11.1", "InitiatorRoute=10.10.10.1"],
        ["TargetIP2=10.10.10.9"], ["LUN2=1", "TargetPort2=5", "TargetName2=iqn.2003-05.com.x:y"],
        ["LUN=3", "TargetPort=9"], ["VLAN=5", "LAA=02ab00001234"], ["HeaderDigest=Prefer"],
        ["DataDigest=True"], ["BootProtocol=None", "AuthMethod=CHAP", "LUN2=1"],
        ["BootProtocol=PXE", "InitiatorRoute=10.10.11.1", "CHAPUsername="],
        ["IAA=000000000000", "LAA=000000000000"], ["LUN=1", "LUN=1"], ["Foo=1", "Foo=1"],
    ],
    ids="; ".join,
)  # fmt: skip
def test_rules_between_variables(machine: Machine, more: list[str]) -> None:
    base = [f"{name}={value}" for name, value in BASE.items()]
    for lines in ([*base, *more], [*more, *base], [*reversed(more), *base]):
        agree(machine, "\n".join(lines).encode())
    for gone in range(len(base)):
        agree(machine, "\n".join([*base[:gone], *base[gone + 1 :], *more]).encode())
