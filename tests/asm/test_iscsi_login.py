"""Login: stages, text in pieces, negotiation, refusals, redirections, targets that break rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.machine import Machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peer_iscsi import RawLogin, login_reply
from peer_iscsi.bench import ERRORS, IP, IP2, PORT, Bench, make

from romgen.target.pdu import parse_text

KEYS = b"MaxRecvDataSegmentLength=8192\0InitialR2T=No\0ImmediateData=Yes\0"


@pytest.fixture
def bench(machine: Machine, tmp_path: Path) -> Iterator[Bench]:
    bench = make(machine, tmp_path / "disk")
    yield bench
    bench.link.close()


def sent_keys(bench: Bench) -> list[dict[str, str]]:
    return [dict(parse_text(pdu.data)) for pdu in bench.target.log if pdu.opcode == 3]


def raw(bench: Bench, *answers: dict[str, Any] | bytes, io: int = 1) -> None:
    """Each login is answered by these: texts, or fields of the response."""

    def answer(connection: RawLogin, pdu: Any, head: Any, number: int) -> list[bytes] | None:
        if number >= len(answers):
            return None
        item = answers[number]
        fields = {"text": item} if isinstance(item, bytes) else dict(item)
        return [login_reply(connection, head, **fields)]

    bench.link.targets[IP, PORT] = lambda link: RawLogin(bench.target, answer)


def login(bench: Bench) -> Any:
    """One attempt, without the disk behind it: (CF, AX)."""
    machine = bench.machine
    machine.replace("scsi_open", lambda m: m.set_cf(False))
    bench.ev(connect_retries=0)
    result = bench.open()
    return result.cf, result.ax if result.cf else 0


def parameters(bench: Bench) -> dict[str, int]:
    names = ("segment_max", "burst", "first_burst", "initial_r2t", "immediate")
    return {name: bench.machine.get("login_" + name, 4) for name in names}


def test_first_request(bench: Bench) -> None:
    bench.opened()
    (keys,) = sent_keys(bench)
    assert keys["InitiatorName"] == "iqn.2026-01.test.romgen:initiator"
    assert keys["TargetName"] == bench.script.name
    assert (keys["InitialR2T"], keys["ImmediateData"]) == ("No", "Yes")
    assert int(keys["MaxRecvDataSegmentLength"]) >= 65536
    assert keys["ErrorRecoveryLevel"] == "0" and "AuthMethod" not in keys


@pytest.mark.parametrize("size", [1, 7, 40, 200])
@pytest.mark.parametrize("piece", [1, 1460])
def test_text_in_pieces(bench: Bench, size: int, piece: int) -> None:
    bench.script.text_split = size
    bench.link.piece = piece
    bench.ev(connect_timeout=200)
    if size == 1:  # more exchanges than we go along with
        result = bench.open()
        assert result.cf and result.ax == ERRORS["LOGIN_ENDLESS"]
    else:
        bench.opened()
        assert parameters(bench)["segment_max"] == bench.script.max_recv


@pytest.mark.parametrize(
    "offered, answer",
    [
        ("X-com.example.thing=1", "NotUnderstood"),
        ("Zombie=Yes", "NotUnderstood"),
        ("IFMarker=Yes", "No"),
        ("OFMarker=Yes", "No"),
        ("IFMarkInt=2048", "Reject"),
        ("OFMarkInt=2048", "Reject"),
        ("TaskReporting=ResponseFence,RFC3720", "RFC3720"),
        ("iSCSIProtocolLevel=2", "1"),
        ("TargetAlias=the disk", None),
        ("TargetPortalGroupTag=1", None),
        ("X-com.example.thing=NotUnderstood", None),
        ("X-com.example.thing=Reject", None),
    ],
)
def test_keys_that_the_target_offers(bench: Bench, offered: str, answer: str | None) -> None:
    raw(bench, {"flags": 0x04, "text": KEYS + offered.encode() + b"\0"}, b"")
    assert login(bench) == (False, 0)
    key = offered.partition("=")[0]
    assert sent_keys(bench)[1] == ({} if answer is None else {key: answer})


@pytest.mark.parametrize(
    "text, found",
    [
        (b"", {"initial_r2t": 1, "immediate": 0, "segment_max": 8192, "first_burst": 65536}),
        (b"InitialR2T=No\0ImmediateData=Yes\0", {"initial_r2t": 0, "immediate": 1}),
        (b"InitialR2T=Yes\0ImmediateData=No\0", {"initial_r2t": 1, "immediate": 0}),
        (b"InitialR2T=Reject\0ImmediateData=Irrelevant\0", {"initial_r2t": 1, "immediate": 0}),
        (b"MaxRecvDataSegmentLength=512\0", {"segment_max": 512}),
        (b"MaxRecvDataSegmentLength=16777215\0", {"segment_max": 16777215}),
        (b"MaxRecvDataSegmentLength=0xffFFff\0", {"segment_max": 16777215}),
        (b"MaxBurstLength=512\0FirstBurstLength=65536\0", {"burst": 512, "first_burst": 512}),
        (b"FirstBurstLength=0x1000\0", {"first_burst": 4096}),
        (b"TargetAlias=\0", {}),
        (b"\0\0TargetAlias=x\0\0\0", {}),  # padding in the data segment
        (b"ImmediateData=Yes", {"immediate": 1}),  # a last pair without its NUL
        (b"TargetAlias=" + b"a" * 5000 + b"\0InitialR2T=No\0", {"initial_r2t": 0}),
        (b"TargetAlias=x\0" * 500 + b"InitialR2T=No\0", {"initial_r2t": 0}),
    ],
)
def test_results(bench: Bench, text: bytes, found: dict[str, int]) -> None:
    raw(bench, text)
    assert login(bench) == (False, 0)
    assert found.items() <= parameters(bench).items()


@pytest.mark.parametrize(
    "text, error",
    [
        (b"no equals sign\0", "LOGIN_TEXT"),
        (b"no equals sign", "LOGIN_TEXT"),
        (b"=value\0", "LOGIN_TEXT"),
        (b"k" * 64 + b"=1\0", "LOGIN_TEXT"),
        (b"MaxRecvDataSegmentLength=511\0", "LOGIN_KEY"),
        (b"MaxRecvDataSegmentLength=16777216\0", "LOGIN_KEY"),
        (b"MaxRecvDataSegmentLength=4294967296\0", "LOGIN_KEY"),
        (b"MaxRecvDataSegmentLength=99999999999999999999\0", "LOGIN_KEY"),
        (b"MaxRecvDataSegmentLength=\0", "LOGIN_KEY"),
        (b"MaxRecvDataSegmentLength=-1\0", "LOGIN_KEY"),
        (b"MaxRecvDataSegmentLength=8192 \0", "LOGIN_KEY"),
        (b"MaxRecvDataSegmentLength=0x\0", "LOGIN_KEY"),
        (b"MaxRecvDataSegmentLength=12a\0", "LOGIN_KEY"),
        (b"MaxRecvDataSegmentLength=" + b"9" * 5000 + b"\0", "LOGIN_KEY"),
        (b"MaxBurstLength=262145\0", "LOGIN_KEY"),
        (b"FirstBurstLength=511\0", "LOGIN_KEY"),
        (b"MaxOutstandingR2T=5\0", "LOGIN_KEY"),
        (b"MaxConnections=2\0", "LOGIN_KEY"),
        (b"ErrorRecoveryLevel=1\0", "LOGIN_KEY"),
        (b"DataPDUInOrder=No\0", "LOGIN_KEY"),
        (b"DataSequenceInOrder=No\0", "LOGIN_KEY"),
        (b"HeaderDigest=CRC32C\0", "LOGIN_DIGEST"),
        (b"HeaderDigest=MD5\0", "LOGIN_KEY"),
        (b"InitialR2T=no\0", "LOGIN_KEY"),
        (b"InitialR2T=No\0InitialR2T=No\0", "LOGIN_KEY"),
        (b"CHAP_A=5\0", "CHAP_ANSWER"),
    ],
)
def test_bad_text(bench: Bench, text: bytes, error: str) -> None:
    raw(bench, text)
    assert login(bench) == (True, ERRORS[error])


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"flags": 0x83}, "LOGIN_STAGE"),  # another stage
        ({"flags": 0x8F}, "LOGIN_STAGE"),
        ({"flags": 0x85}, "LOGIN_STAGE"),  # goes to where it is
        ({"flags": 0x84}, "LOGIN_STAGE"),  # goes back
        ({"flags": 0xC7}, "LOGIN_STAGE"),  # T and C
        ({"itt": 77}, "ISCSI_TAG"),
        ({"opcode": 0x21}, "ISCSI_OPCODE"),
        ({"opcode": 0x25}, "ISCSI_OPCODE"),
        ({"opcode": 0x20}, "ISCSI_OPCODE"),
        ({"opcode": 0x3F}, "ISCSI_REJECT"),
        ({"text": b"a=b\0" * 2049}, "ISCSI_PDU_LENGTH"),
        ({}, "LOGIN_TEXT_ROOM"),
        ({"status_class": 4}, "LOGIN_OTHER"),
        ({"status_class": 255, "status_detail": 255}, "LOGIN_OTHER"),
    ],
)
def test_bad_response(bench: Bench, fields: dict[str, Any], error: str) -> None:
    raw(bench, fields)
    if error == "LOGIN_TEXT_ROOM":
        raw(bench, {"flags": 0x04, "text": b"a=b\0" * 300}, b"")
    assert login(bench) == (True, ERRORS[error])


def test_transition_that_nobody_asked_for(bench: Bench) -> None:
    bench.ev(auth_method=1)
    raw(bench, {"flags": 0x81, "text": b"AuthMethod=None\0"})
    assert login(bench) == (True, ERRORS["LOGIN_STAGE"])


def test_second_answer_to_one_request(bench: Bench) -> None:
    def answer(connection: RawLogin, pdu: Any, head: Any, number: int) -> list[bytes]:
        return [login_reply(connection, head, KEYS, flags=0x04)] * 2

    bench.link.targets[IP, PORT] = lambda link: RawLogin(bench.target, answer)
    assert login(bench) == (True, ERRORS["ISCSI_TAG"])


def test_gap_in_stat_sn(bench: Bench) -> None:
    raw(bench, {"flags": 0x04, "text": KEYS}, {"stat_sn": 9})
    assert login(bench) == (True, ERRORS["ISCSI_STAT_SN"])


def test_target_that_takes_its_time(bench: Bench) -> None:
    raw(bench, *[{"flags": 0x04}] * 20, KEYS)
    assert login(bench) == (False, 0)


def test_target_that_never_ends(bench: Bench) -> None:
    raw(bench, *[{"flags": 0x04}] * 100)
    assert login(bench) == (True, ERRORS["LOGIN_ENDLESS"])


@pytest.mark.parametrize("status", [0x0200, 0x0201, 0x020B])
def test_target_that_insists_on_the_security_stage(bench: Bench, status: int) -> None:
    def answer(connection: RawLogin, pdu: Any, head: Any, number: int) -> list[bytes]:
        stage = head.flags >> 2 & 3
        if number == 0 and stage == 1:
            kind, detail = divmod(status, 256)
            return [login_reply(connection, head, flags=0, status_class=kind, status_detail=detail)]
        if stage == 0:
            return [login_reply(connection, head, b"AuthMethod=None\0", flags=0x81)]
        return [login_reply(connection, head, KEYS)]

    bench.link.targets[IP, PORT] = lambda link: RawLogin(bench.target, answer)
    assert login(bench) == (False, 0)
    assert [len(keys) > 5 for keys in sent_keys(bench)] == [True, False, True]
    assert len(bench.link.dialled) == 2


def test_target_that_hangs_up_on_the_second_login(bench: Bench) -> None:
    """LIO, where it wants CHAP: the first login was told why, the second is cut off."""

    def answer(connection: RawLogin, pdu: Any, head: Any, number: int) -> list[bytes] | None:
        if head.flags >> 2 & 3 == 1:
            return [login_reply(connection, head, flags=0, status_class=2, status_detail=1)]
        return None

    bench.link.targets[IP, PORT] = lambda link: RawLogin(bench.target, answer)
    assert login(bench) == (True, ERRORS["LOGIN_AUTHENTICATION"])
    assert bench.detail() == 0x0201
    assert len(bench.link.dialled) == 2  # and no further round: it would change nothing


NAMED = {
    **{0x0200 + i: 4100 + i for i in range(12)},
    **{0x0300 + i: 4030 + i for i in range(3)},
    0x020C: 4112,
    0x02FF: 4112,
    0x0303: 4033,
    0x03FF: 4033,
}


@pytest.mark.parametrize("status", NAMED)
def test_meaning_of_a_refusal(bench: Bench, status: int) -> None:
    bench.script.login_status = (status >> 8, status & 255)
    assert login(bench) == (True, NAMED[status])
    assert bench.detail() == status


@pytest.mark.parametrize("status, attempts", [((2, 3), 1), ((3, 1), 3)])
def test_only_what_may_pass_is_tried_again(
    bench: Bench, status: tuple[int, int], attempts: int
) -> None:
    bench.script.login_status = status
    assert bench.open().cf
    assert len(bench.link.dialled) == attempts


def test_busy_target_is_tried_again(bench: Bench) -> None:
    bench.script.login_status, bench.script.login_status_times = (3, 1), 2
    bench.opened()
    assert len(bench.link.dialled) == 3


@pytest.mark.parametrize("permanent", [False, True])
@pytest.mark.parametrize(
    "address, port",
    [(f"{IP2}:4000", 4000), (IP2, 3260), (f"{IP2}:65535,1", 65535), (f"{IP2},7", 3260)],
)
def test_redirection(bench: Bench, address: str, port: int, permanent: bool) -> None:
    bench.script.redirect, bench.script.redirect_permanent = address, permanent
    bench.link.targets[IP2, port] = bench.target
    bench.opened()
    assert bench.link.dialled == [(IP, PORT), (IP2, port)]


@pytest.mark.parametrize(
    "address",
    ["", "[2001:db8::1]:3260", "disk.example.com:3260", "10.0.0.256:1", "10.0.0", "10.0.0.3.4",
     "10.0.0.3:", "10.0.0.3:0", "10.0.0.3:65536", "10.0.0.3:3260x", "10..0.3", "0.0.0.0:3260",
     "10.0.0.99999999999"],
)  # fmt: skip
def test_redirection_to_nowhere(bench: Bench, address: str) -> None:
    raw(bench, {"status_class": 1, "status_detail": 1, "flags": 0,
                "text": f"TargetAddress={address}\0".encode()})  # fmt: skip
    assert login(bench) == (True, ERRORS["LOGIN_REDIRECT_ADDRESS"])
    assert bench.link.dialled == [(IP, PORT)]


def test_redirection_without_address(bench: Bench) -> None:
    raw(bench, {"status_class": 1, "status_detail": 2, "flags": 0})
    assert login(bench) == (True, ERRORS["LOGIN_REDIRECT_ADDRESS"])


def test_redirections_in_a_circle(bench: Bench) -> None:
    bench.script.redirect, bench.script.redirect_logins = f"{IP}:{PORT}", 0
    assert login(bench) == (True, ERRORS["LOGIN_REDIRECT"])
    assert len(bench.link.dialled) == 5


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300), st.integers(0, 3))
def test_any_text(machine: Machine, text: bytes, stage: int) -> None:
    """The parser takes anything: it ends in a result or an error, within its memory."""
    machine.call("text_reset")
    for byte in text:
        result = machine.call("text_byte", eax=byte)
        if result.cf:
            assert result.ax in ERRORS.values()
            return
    result = machine.call("text_end")
    assert not result.cf or result.ax in ERRORS.values()


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.integers(0, 2**33).map(str), st.integers(0, 2**33).map(hex),
                 st.text("0123456789abcdefxX", max_size=12)))  # fmt: skip
def test_any_number(machine: Machine, text: str) -> None:
    machine.set("text_value", text.encode() + b"\0")
    result = machine.call("text_number")
    digits, base = (text[2:], 16) if text[:2] in ("0x", "0X") else (text, 10)
    good = bool(digits) and all(c in "0123456789abcdef"[:base] for c in digits.lower())
    value = int(digits, base) if good else -1
    if 0 <= value < 0xFFFFFFFF:
        assert not result.cf and result.eax == value
    else:
        assert result.cf
