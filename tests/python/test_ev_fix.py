"""Mending of boot variables: what has one sure remedy is mended, anything else is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from romgen.ev.fix import fix
from romgen.ev.parse import parse

# The three faults of the guide's printed sample, in a text of our own.
PRINTED = b"""# target
TargetName=TargetName=iqn.2003-05.com.example:storage-
3.disk01
TargetIP=10.10.10.13
InitiatorName=iqn.2003-05.com.example:client
InitiatorIP=10.10.10.02
InitiatorNetmask=255.255.255.0
## Replaces the disk
C: (if present).
ForceBoot=True
"""
MENDED = b"""# target
TargetName=iqn.2003-05.com.example:storage-3.disk01
TargetIP=10.10.10.13
InitiatorName=iqn.2003-05.com.example:client
InitiatorIP=10.10.10.2
InitiatorNetmask=255.255.255.0
## Replaces the disk
# C: (if present).
ForceBoot=True
"""


def test_faults_of_the_printed_sample_are_told_with_their_lines() -> None:
    errors = parse(PRINTED).errors
    assert [(x.line, x.code) for x in errors] == [(2, "ev-name"), (3, "ev-line"), (9, "ev-line")]
    told = [f"{x.message} {x.hint}" for x in errors]
    assert "stands twice" in told[0]
    assert "rest of line 2" in told[1]
    assert "comment that has lost its `#`" in told[2]


def test_faults_of_the_printed_sample_are_mended() -> None:
    fixed = fix(PRINTED)
    assert fixed.text == MENDED
    assert [change.line for change in fixed.changes] == [2, 3, 6, 9]
    assert parse(fixed.text).findings == []


def test_line_ends_and_mark_stay() -> None:
    before = b"\xef\xbb\xbf" + PRINTED.replace(b"\n", b"\r\n")
    assert fix(before).text == b"\xef\xbb\xbf" + MENDED.replace(b"\n", b"\r\n")
    assert fix(PRINTED.removesuffix(b"\n")).text == MENDED.removesuffix(b"\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("forceboot=True", "ForceBoot=True"),
        ("iaa=000000000000", "LAA=000000000000"),
        ("VLAN=disabled", "VLAN=Disabled"),
        ("AuthMethod=mutualchap", "AuthMethod=MutualCHAP"),
        ("HeaderDigest = TRUE", "HeaderDigest=True"),
        ("TargetIP=010.001.000.013", "TargetIP=10.1.0.13"),
        ("TargetIP=TargetIP=010.1.1.1", "TargetIP=10.1.1.1"),
        ("TargetPort=03260", "TargetPort=3260"),
        ("LUN=007", "LUN=7"),
        ("TargetIP=10.10.\n10.13", "TargetIP=10.10.10.13"),
        ("TargetName=iqn.2003-05.com\n.example\n:disk", "TargetName=iqn.2003-05.com.example:disk"),
        ("#a\nb\nc\nLUN=1", "#a\n# b\n# c\nLUN=1"),
        ("CHAPSecret=Some12\nday123", "CHAPSecret=Some12day123"),
    ],
)
def test_mended(before: str, after: str) -> None:
    fixed = fix(before.encode())
    assert fixed.text.decode() == after
    assert fixed.changes


@pytest.mark.parametrize(
    "text",
    [
        "LUN=0x0001000000000000",
        "LUN=1\n2",  # 12, or 1 and rubbish?
        "TargetIP=10.10.10.1\n3",
        "CHAPSecret=Some12day123\nrubbish",
        "CHAPSecret=CHAPSecret=Some12day123",
        "CHAPUsername=forceboot",
        "ForceBoot=True\nforceboot=False",
        "TargetName=iqn.2003-05.com.example\n(if present)",
        "VLAN=Enabled",
        "rubbish",
        "\n\nrubbish",
        "ForceBoot=Yes",
        "caf\u00e9=1",
        "LUN=5\rLUN=6\n",
        "",
    ],
)
def test_left_alone(text: str) -> None:
    fixed = fix(text.encode("latin-1"))
    assert fixed.text == text.encode("latin-1")
    assert fixed.changes == ()


@given(st.one_of(st.binary(max_size=120), st.sampled_from(PRINTED.splitlines(True)).map(bytes)))
def test_any_text_is_mended_once_and_for_all(text: bytes) -> None:
    once = fix(text)
    assert fix(once.text).text == once.text
    assert bool(once.changes) == (once.text != text)
    assert len(parse(once.text).errors) <= len(parse(text).errors)
