"""CHAP, one way and mutual, and everything that a false target might try."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.machine import Machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peer_iscsi.bench import ERRORS, Bench, make

from romgen.target.login import Login, LoginRefusedError
from romgen.target.pdu import parse_text
from romgen.target.script import Account

NONE, CHAP, MUTUAL = 0, 1, 2
SECRET, OTHER = b"a secret of 12+", bytes(range(1, 17))


@pytest.fixture
def bench(machine: Machine, tmp_path: Path) -> Iterator[Bench]:
    bench = make(machine, tmp_path / "disk")
    bench.script.auth = "CHAP"
    bench.script.user = Account("me", SECRET)
    bench.script.mutual = Account("you", OTHER)
    yield bench
    bench.link.close()


def setup(
    bench: Bench,
    method: int,
    secret: bytes = SECRET,
    other: bytes = OTHER,
    algorithms: bytes = bytes([7, 6, 5]),
) -> None:
    bench.ev(auth_method=method, chap_username="me", chap_algorithms=algorithms.ljust(4, b"\0"))
    bench.ev(chap_secret=secret, chapm_secret=other)
    bench.machine.set("ev_chap_secret_len", len(secret), 2)
    bench.machine.set("ev_chapm_secret_len", len(other), 2)


@pytest.mark.parametrize("algorithms, passes", [(b"\7\6\5", True), (b"\7", False), (b"\7\5", True)])
def test_target_that_takes_7_for_sha1(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, algorithms: bytes, passes: bool
) -> None:
    setup(bench, CHAP, algorithms=algorithms)
    real = Login._verify

    def verify(self: Login, keys: dict[str, str]) -> list[tuple[str, str]]:
        if self._algorithm == 7:
            raise LoginRefusedError(2, 0, "too long for SHA-1")
        return real(self, keys)

    monkeypatch.setattr(Login, "_verify", verify)
    result = bench.open()
    assert result.cf is not passes
    offers = [keys["CHAP_A"] for _, keys in requests(bench) if "CHAP_A" in keys]
    assert offers == (
        [",".join(map(str, algorithms))] + [",".join(map(str, algorithms[1:]))] * passes
    )


def requests(bench: Bench) -> list[tuple[int, dict[str, str]]]:
    """Flags and keys of the login requests."""
    return [(pdu.flags, dict(parse_text(pdu.data))) for pdu in bench.target.log if pdu.opcode == 3]


@pytest.mark.parametrize("number", [5, 6, 7])
@pytest.mark.parametrize("method", [CHAP, MUTUAL])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_login(bench: Bench, number: int, method: int, encoding: str) -> None:
    setup(bench, method)
    bench.script.chap_algorithms = (number,)
    bench.script.chap_base64 = encoding == "base64"
    bench.opened()


@pytest.mark.parametrize("algorithms", [b"\5", b"\7", b"\6\5", b"\5\6\7"])
def test_offer_and_order(bench: Bench, algorithms: bytes) -> None:
    setup(bench, MUTUAL, algorithms=algorithms)
    bench.opened()
    first, second, third, last = requests(bench)
    assert first[1]["AuthMethod"] == "CHAP" and first[0] == 0
    assert second == (0, {"CHAP_A": ",".join(map(str, algorithms))})
    assert third[0] == 0x81 and set(third[1]) == {"CHAP_N", "CHAP_R", "CHAP_I", "CHAP_C"}
    assert last[0] == 0x87 and "CHAP_N" not in last[1]


@pytest.mark.parametrize("auth, passes", [("CHAP,None", True), ("None", True), ("CHAP", True)])
def test_plain_chap_lets_the_target_choose(bench: Bench, auth: str, passes: bool) -> None:
    setup(bench, CHAP)
    bench.script.auth = auth
    bench.opened()
    assert requests(bench)[0][1]["AuthMethod"] == "CHAP,None"


def test_mutual_never_goes_on_without(bench: Bench) -> None:
    setup(bench, MUTUAL)
    bench.script.auth = "None"
    result = bench.open()
    assert result.cf and result.ax in (ERRORS["LOGIN_AUTH_WANTED"], ERRORS["LOGIN_AUTHENTICATION"])


@pytest.mark.parametrize("fault", ["skip_mutual", "wrong_mutual"])
def test_target_without_proof_is_refused(bench: Bench, fault: str) -> None:
    setup(bench, MUTUAL)
    setattr(bench.script, fault, True)
    result = bench.open()
    assert result.cf and result.ax == ERRORS["CHAP_PROOF"]
    assert bench.machine.get("iscsi_phase", 1) == 0
    assert not any(pdu.opcode == 1 for pdu in bench.target.log)


@pytest.mark.parametrize(
    "name, passes", [("you", True), ("", True), ("yo", False), ("youu", False)]
)
def test_name_of_the_target(bench: Bench, name: str, passes: bool) -> None:
    setup(bench, MUTUAL)
    bench.ev(chapm_username=name)
    result = bench.open()
    assert result.cf is not passes
    assert passes or result.ax == ERRORS["CHAP_PROOF"]
    assert bench.machine.string_of("chap_peer_name") == "you"


def test_wrong_secret(bench: Bench) -> None:
    setup(bench, CHAP, secret=b"not this one")
    result = bench.open()
    assert result.cf and result.ax == ERRORS["LOGIN_AUTHENTICATION"]
    assert bench.detail() == 0x0201
    assert len(bench.link.dialled) == 1


def test_no_algorithm_in_common(bench: Bench) -> None:
    setup(bench, CHAP, algorithms=b"\5")
    bench.script.chap_algorithms = (6, 7)
    result = bench.open()
    assert result.cf and result.ax == ERRORS["LOGIN_AUTHENTICATION"]


def test_target_that_wants_chap_and_we_do_not(bench: Bench) -> None:
    setup(bench, NONE)
    result = bench.open()
    assert result.cf and result.ax == ERRORS["LOGIN_AUTHENTICATION"]


@pytest.mark.parametrize("length", [1, 16, 255])
def test_secret_of_any_length(bench: Bench, length: int) -> None:
    secret = bytes(255 - i for i in range(length))
    bench.script.user = Account("me", secret)
    setup(bench, CHAP, secret=secret)
    bench.opened()


def keys_of(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> None:
    """The target's CHAP keys, changed: None leaves one out."""
    real = Login.security

    def security(self: Login, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        out = dict(real(self, pairs))
        for key, value in changes.items():
            if key in out and value is None:
                del out[key]
            elif key in out and value is not None:
                out[key] = value
        return list(out.items())

    monkeypatch.setattr(Login, "security", security)


@pytest.mark.parametrize(
    "key, value, error",
    [
        ("CHAP_A", "8", "CHAP_ALGORITHM"),
        ("CHAP_A", "", "CHAP_ALGORITHM"),
        ("CHAP_A", "Reject", "CHAP_ALGORITHM"),
        ("CHAP_A", "0", "CHAP_ALGORITHM"),
        ("CHAP_A", "263", "CHAP_ALGORITHM"),
        ("CHAP_A", None, "CHAP_ANSWER"),
        ("CHAP_I", "256", "CHAP_ANSWER"),
        ("CHAP_I", "x", "CHAP_ANSWER"),
        ("CHAP_I", None, "CHAP_ANSWER"),
        ("CHAP_C", "", "CHAP_ANSWER"),
        ("CHAP_C", "0x", "CHAP_ANSWER"),
        ("CHAP_C", "0xg0", "CHAP_ANSWER"),
        ("CHAP_C", "1234", "CHAP_ANSWER"),
        ("CHAP_C", "0b", "CHAP_ANSWER"),
        ("CHAP_C", "0b=", "CHAP_ANSWER"),
        ("CHAP_C", "0b!!!!", "CHAP_ANSWER"),
        ("CHAP_C", "0x" + "ab" * 1025, "LOGIN_KEY"),
        ("CHAP_C", None, "CHAP_ANSWER"),
        ("AuthMethod", "Reject", "LOGIN_AUTH_WANTED"),
        ("AuthMethod", "SRP", "LOGIN_KEY"),
        ("AuthMethod", None, "LOGIN_AUTH_WANTED"),
    ],
)
def test_bad_keys(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, key: str, value: str | None, error: str
) -> None:
    setup(bench, CHAP)
    keys_of(monkeypatch, **{key: value})
    result = bench.open()
    assert result.cf and result.ax == ERRORS[error]


@pytest.mark.parametrize("length", [1, 1024])
def test_longest_challenge_and_order_of_keys(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    setup(bench, MUTUAL)
    real = Login.security

    def security(self: Login, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        out = real(self, pairs)
        if any(key == "CHAP_C" for key, _ in out):
            self._challenge = bytes(i * 7 & 255 for i in range(length))
            out = [(k, self._binary(self._challenge) if k == "CHAP_C" else v) for k, v in out]
            out.reverse()
        return out

    monkeypatch.setattr(Login, "security", security)
    bench.opened()


def test_our_challenge_is_fresh(bench: Bench) -> None:
    setup(bench, MUTUAL)
    seen = set()
    for _ in range(3):
        bench.target.log.clear()
        bench.opened()
        seen.add(requests(bench)[2][1]["CHAP_C"])
        bench.machine.call("iscsi_close", limit=10_000_000)
    assert len(seen) == 3 and all(len(value) == 2 + 32 for value in seen)


def test_reflected_challenge_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    setup(bench, MUTUAL)
    bench.opened()
    bench.machine.call("iscsi_close", limit=10_000_000)
    keys_of(monkeypatch, CHAP_C=requests(bench)[2][1]["CHAP_C"])
    bench.target.log.clear()
    result = bench.open()
    assert result.cf and result.ax == ERRORS["CHAP_REFLECTED"]
    assert not any("CHAP_R" in keys for _, keys in requests(bench))


def test_proof_out_of_turn(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    setup(bench, CHAP)
    real = Login.security

    def security(self: Login, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        out = real(self, pairs)
        return [*out, ("CHAP_R", "0x" + "00" * 32)] if "CHAP_R" in dict(pairs) else out

    monkeypatch.setattr(Login, "security", security)
    result = bench.open()
    assert result.cf and result.ax == ERRORS["CHAP_ANSWER"]


def decode(machine: Machine, text: str) -> bytes | None:
    """text_binary of the ROM."""
    machine.set("text_value", text.encode() + b"\0")
    machine.set("text_value_length", len(text), 2)
    result = machine.call("text_binary")
    return None if result.cf else machine.bytes_of("text_value", result.cx)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(min_size=1, max_size=200))
def test_binary_values(machine: Machine, value: bytes) -> None:
    encoded = base64.b64encode(value).decode()
    assert decode(machine, "0x" + value.hex()) == value
    assert decode(machine, "0X" + value.hex().upper()) == value
    assert decode(machine, "0b" + encoded) == value
    assert decode(machine, "0B" + encoded) == value
    if value[0] < 16:
        assert decode(machine, "0x" + value.hex()[1:]) == value


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=40))
def test_any_text_as_binary(machine: Machine, text: str) -> None:
    found = decode(machine, text)
    if text[:2] in ("0x", "0X") and len(text) > 2:
        digits = text[2:]
        good = all(c in "0123456789abcdefABCDEF" for c in digits)
        wanted = bytes.fromhex("0" * (len(digits) % 2) + digits) if good else None
        assert found == wanted
    elif text[:2] not in ("0b", "0B"):
        assert found is None


def test_hash_is_the_one_of_rfc_1994(machine: Machine) -> None:
    machine.set("chap_algorithm", 5, 1)
    machine.set("ev_chap_secret", b"secret")
    machine.set("chap_own_challenge", b"0123456789abcdef")
    place = machine.address("ev_chap_secret"), machine.address("chap_own_challenge")
    machine.call("chap_hash", eax=0x27, esi=place[0], ecx=6, edx=place[1], ebx=16)
    expected = hashlib.md5(b"\x27secret0123456789abcdef", usedforsecurity=False).digest()
    assert machine.bytes_of("hash_digest", 16) == expected
