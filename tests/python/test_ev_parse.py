"""The tools' parser of the boot variables: values, findings, and how it says them."""

from __future__ import annotations

from dataclasses import fields, replace
from ipaddress import IPv4Address

import pytest

from romgen.ev.model import ERROR, WARNING, Finding, Values
from romgen.ev.parse import LINE_MAX, TEXT_MAX, parse
from romgen.ev.render import finding_line, report_json, value_lines
from romgen.ev.table import Table, Variable, numbers, table

BASE = """InitiatorName=iqn.2003-05.com.example:client
TargetName=iqn.2003-05.com.example:disk
TargetIP=10.10.10.13
InitiatorIP=10.10.10.2
InitiatorNetmask=255.255.255.0
"""


def found(more: str, base: str = BASE) -> list[Finding]:
    return parse((base + more).encode("latin-1")).findings


def only(more: str, base: str = BASE) -> Finding:
    (finding,) = found(more, base)
    return finding


def test_values_have_the_tables_fields() -> None:
    assert [field.name for field in fields(Values)] == [row.field for row in table()]


@pytest.mark.parametrize("row", table().variables, ids=lambda row: row.name)
def test_defaults_of_the_table_are_those_of_the_values(row: Variable) -> None:
    if not row.default:
        return
    other = parse(f"{row.name}={row.default}".encode()).values
    assert getattr(other, row.field) == getattr(Values(), row.field)


def test_base_is_right() -> None:
    parsed = parse(BASE.encode())
    assert parsed.findings == []
    assert parsed.values.target_ip == IPv4Address("10.10.10.13")
    assert parsed.values.target_name2 == parsed.values.target_name
    assert parsed.lines["TargetIP"] == 3


def test_line_ends_marks_blanks_and_comments() -> None:
    text = BASE.replace("\n", "\r\n").replace("=", " =\t") + "\r\n \t# LUN=5\r\n  LUN = 6"
    parsed = parse(b"\xef\xbb\xbf" + text.encode())
    assert parsed.findings == []
    assert parsed.values.lun[1] == 6


@pytest.mark.parametrize(
    ("value", "lun"),
    [("0", "0000"), ("255", "00ff"), ("256", "4100"), ("16383", "7fff"),
     ("0x0102030405060708", "0102030405060708")],
)  # fmt: skip
def test_lun(value: str, lun: str) -> None:
    assert parse(f"LUN={value}".encode()).values.lun == bytes.fromhex(lun.ljust(16, "0"))


@pytest.mark.parametrize(
    ("text", "octet"), [("10.10.10.02", 2), ("10.10.10.010", 10), ("10.10.10.08", 8)]
)
def test_leading_zeros_are_decimal(text: str, octet: int) -> None:
    parsed = parse(BASE.replace("10.10.10.2", text).encode())
    assert parsed.values.initiator_ip == IPv4Address(f"10.10.10.{octet}")
    assert [x.code for x in parsed.findings] == ["ev-leading-zero"]


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("VLAN=Enabled", "ev-vlan", "Disabled, or 1 to 4094"),
        ("VLAN=disabled", "ev-vlan", "write Disabled"),
        ("VLAN=4095", "ev-vlan", "4094"),
        ("forceboot=True", "ev-unknown", "did you mean ForceBoot?"),
        ("Forceboot=", "ev-unknown", "did you mean ForceBoot?"),
        ("TargetPrt=3260", "ev-unknown", "did you mean TargetPort?"),
        ("AuthMethod=chap", "ev-choice", "write CHAP"),
        ("AuthMethod=Mutual", "ev-choice", "None, CHAP, MutualCHAP"),
        ("HeaderDigest=true", "ev-choice", "write True"),
        ("InitiatorRoute=0.0.0.0", "ev-ip", "leave the line out"),
        ("InitiatorRoute=router", "ev-ip", "no DNS"),
        ("InitiatorRoute=10.10.11.1", "ev-route", "this machine is 10.10.10.2"),
        ("InitiatorRoute=10.10.10.2", "ev-route", "this machine itself"),
        ("LAA=02-AB-00-00-12-34", "ev-mac", "without separators"),
        ("LAA=03AB00001234", "ev-mac", "even"),
        ("LUN=16384", "ev-lun", "0 to 16383"),
        ("LUN=0x12", "ev-lun", "16 hex digits"),
        ("TargetPort=0", "ev-number", "1 to 65535"),
        ("MTU=575", "ev-number", "576 to 9000"),
        ("BootMode=Attach=1", "ev-choice", "Boot, Attach, AttachOnce"),
        ("CHAPAlgorithms=MD5, SHA1", "ev-algorithms", "no blanks"),
        ("LUN=\u00e9", "ev-byte", "0xe9"),
        ("LUN=5\x00", "ev-byte", "0x00"),
        ("LUN=5\rLUN=6", "ev-byte", "LF or CR LF"),
        ("=5", "ev-line", "no name"),
        ("#" + "x" * LINE_MAX, "ev-line-long", "513 bytes"),
        ("IAA=000000000000\nLAA=000000000000", "ev-repeated", "line 6"),
    ],
)
def test_errors_name_the_way_out(line: str, code: str, told: str) -> None:
    finding = only(line)
    assert (finding.severity, finding.code) == (ERROR, code)
    assert told in f"{finding.message} {finding.hint}"
    assert finding.line == 6 + line.count("\n")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ForceBoot=Yes", "ev-not-true"),
        ("ForceBoot=tRUE", "ev-not-true"),
        ("ForceBoot=", "ev-not-true"),
        ("TargetPort=03260", "ev-leading-zero"),
        ("LUN2=3", "ev-no-target2"),
        ("CHAPSecret=short", "ev-secret-length"),
        ("CHAPSecret=0xabc", "ev-secret-hex"),
        ("CHAPUsername=", "ev-username"),
    ],
)
def test_warnings(line: str, code: str) -> None:
    finding = only(line)
    assert (finding.severity, finding.code, finding.line) == (WARNING, code, 6)


@pytest.mark.parametrize("word", ["True", "TRUE", "true", "1"])
def test_yes(word: str) -> None:
    parsed = parse((BASE + f"ForceBoot={word}").encode())
    assert parsed.values.force_boot
    assert not parsed.findings


@pytest.mark.parametrize("word", ["False", "FALSE", "false", "0"])
def test_no_without_a_warning(word: str) -> None:
    parsed = parse((BASE + f"ForceBoot={word}").encode())
    assert not parsed.values.force_boot
    assert not parsed.findings


def test_text_that_is_too_long() -> None:
    text = BASE.encode() + b"#\n" * TEXT_MAX
    parsed = parse(text)
    assert parsed.verdict == (numbers()["EV_TEXT_LONG"], 0)


@pytest.mark.parametrize("gone", range(5))
def test_required_ones(gone: int) -> None:
    lines = BASE.splitlines(keepends=True)
    name = lines.pop(gone).split("=")[0]
    finding = only("", "".join(lines))
    assert (finding.code, finding.variable, finding.line) == ("ev-missing", name, 0)


@pytest.mark.parametrize("protocol", ["PXE", "None"])
def test_nothing_is_required_without_iscsi(protocol: str) -> None:
    assert parse(f"BootProtocol={protocol}".encode()).findings == []


def test_target_on_another_net_needs_a_gateway() -> None:
    base = BASE.replace("10.10.10.13", "10.10.12.13")
    assert only("", base).code == "ev-no-route"
    assert found("InitiatorRoute=10.10.10.1", base) == []


def chap(method: str, *more: str) -> list[str]:
    """Codes of what is found in a text with authentication."""
    text = BASE + "\n".join([f"AuthMethod={method}", *more])
    return [x.code for x in parse(text.encode()).findings]


def test_chap_needs_user_name_and_secret() -> None:
    assert chap("CHAP") == ["ev-chap-missing"] * 2
    assert chap("CHAP", "CHAPUsername=me", "CHAPSecret=Some12day123") == []


def test_mutual_chap_needs_two_secrets() -> None:
    one = ["CHAPUsername=me", "CHAPSecret=Some12day123"]
    assert chap("MutualCHAP", *one) == ["ev-chap-missing"]
    assert chap("MutualCHAP", *one, "CHAPMSecret=BetterThanThat") == []
    hexed = "0x" + b"Some12day123".hex()
    assert chap("MutualCHAP", *one, f"CHAPMSecret={hexed}") == ["ev-secret-same"]


def test_form_of_secrets_counts_with_chap() -> None:
    parsed = parse((BASE + "CHAPSecret=short\nAuthMethod=CHAP\nCHAPUsername=me").encode())
    assert parsed.verdict == (numbers()["EV_SECRET_LENGTH"], 6)


@pytest.mark.parametrize(
    "text",
    [
        "CHAPSecret=TOPSECRET", "CHAPSecret=0xTOPSECRET", "CHAPSecret=TOPSECRET12345",
        "CHAPSecret=abc\nTOPSECRET", "CHAPSecret=abc\nTOPSECRET=x", "ChapSecret=TOPSECRET",
        "ChapSecret=x\nTOPSECRET=x", "CHAPSecret:TOPSECRET=x", "CHAPSecret TOPSECRET",
        "CHAPSecret=TOPSECRET12345\nCHAPSecret=TOPSECRET12345",
        "AuthMethod=MutualCHAP\nCHAPSecret=TOPSECRET12345\nCHAPMSecret=TOPSECRET12345",
    ],
)  # fmt: skip
def test_secrets_are_never_shown(text: str) -> None:
    parsed = parse((BASE + text).encode())
    shown = "\n".join(finding_line("f", x) for x in parsed.findings)
    shown += "\n".join(value_lines(table(), parsed)) + str(report_json("f", table(), parsed))
    shown += repr(parsed)
    assert "TOPSECRET" not in shown


@pytest.mark.parametrize(
    ("line", "fine"),
    [("VLAN=5", "VLAN=Disabled"), ("LAA=02AB00001234", "LAA=000000000000"),
     ("HeaderDigest=Prefer", "HeaderDigest=False"), ("TargetIP2=10.10.10.9", "# none")],
)  # fmt: skip
def test_what_a_rom_cannot_do_is_refused(line: str, fine: str) -> None:
    name = line.split("=")[0]
    rows = Table(tuple(replace(row, refused=row.name == name) for row in table()))
    assert parse((BASE + fine).encode(), rows=rows).findings == []
    assert parse((BASE + line).encode(), rows=rows).verdict == (numbers()["EV_REFUSED"], 6)
    assert parse((BASE + line).encode()).findings == []


@pytest.mark.parametrize("over", [0, 1])
def test_what_the_ibft_cannot_hold_is_refused(over: int) -> None:
    """1,024 bytes for strings, each with its NUL; the secrets count as bytes, not as hex digits."""
    long = "iqn.2003-05.com.example:" + "n" * 199  # 223 characters
    base = BASE.replace("iqn.2003-05.com.example:client", long)
    base = base.replace("iqn.2003-05.com.example:disk", long)
    user = "u" * (1024 - 2 * 224 - 2 * 201 - 1 + over)
    more = f"AuthMethod=MutualCHAP\nCHAPUsername={user}\nCHAPSecret=0x{'5a' * 200}\n"
    more += f"CHAPMSecret=0x{'5b' * 200}\n"
    if not over:
        assert found(more, base) == []
        return
    fault = only(more, base)
    assert (fault.severity, fault.number, fault.variable) == (ERROR, 1012, "CHAPUsername")
    assert parse((base + more).encode(), unknown=WARNING).findings == []  # the ROM boots


def test_accounts_that_are_not_used_need_no_room_in_the_ibft() -> None:
    long = "iqn.2003-05.com.example:" + "n" * 199
    base = BASE.replace("iqn.2003-05.com.example:client", long)
    assert found(f"CHAPUsername={'u' * 255}\nCHAPSecret=0x{'5a' * 240}\n", base) == []
