"""The target's side of a login (RFC 7143, sections 6, 11.12, 12, 13): CHAP and key negotiation."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from romgen.target.pdu import ProtocolError
from romgen.target.script import Script

ALGORITHMS: dict[int, Callable[[bytes], bytes]] = {
    5: lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    6: lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    7: lambda data: hashlib.sha256(data).digest(),
}

Pairs = list[tuple[str, str]]


class LoginRefusedError(Exception):
    """Ends the login with a status (class, detail)."""

    def __init__(self, status_class: int, detail: int, why: str) -> None:
        super().__init__(f"{status_class:02X}{detail:02X} {why}")
        self.status = (status_class, detail)


@dataclass
class Parameters:
    """What a session has agreed on.  Lengths in bytes."""

    header_digest: bool = False
    data_digest: bool = False
    initial_r2t: bool = True
    immediate_data: bool = True
    max_send: int = 8192  # the initiator's MaxRecvDataSegmentLength
    max_burst: int = 262144
    first_burst: int = 65536
    max_outstanding_r2t: int = 1


def decode_binary(text: str) -> bytes:
    """0x hex or 0b base64 of RFC 7143, 6.1."""
    if text[:2] in ("0x", "0X"):
        digits = text[2:]
        return bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)
    if text[:2] in ("0b", "0B"):
        return base64.b64decode(text[2:], validate=True)
    raise ProtocolError(f"no binary value: {text[:20]!r}")


@dataclass
class Login:
    """The keys of one login; ``answer`` takes a request's keys and gives the response's."""

    script: Script
    names: dict[str, str] = field(default_factory=dict)
    parameters: Parameters = field(default_factory=Parameters)
    agreed: set[str] = field(default_factory=set)
    authenticated: bool = False
    _step: str = "start"
    _algorithm: int = 0
    _identifier: int = 0
    _challenge: bytes = b""

    def check_names(self, known: Callable[[str], bool]) -> None:
        """After the first request: who is it, and is its target here?"""
        if "InitiatorName" not in self.names:
            raise LoginRefusedError(2, 7, "InitiatorName is missing")
        if self.names.get("SessionType", "Normal") == "Discovery":
            return
        if "TargetName" not in self.names:
            raise LoginRefusedError(2, 7, "TargetName is missing")
        if not known(self.names["TargetName"]):
            raise LoginRefusedError(2, 3, "no such target")

    @property
    def security_done(self) -> bool:
        """True where nothing more has to be proved."""
        return self.authenticated or self.script.auth in ("None", "CHAP,None")

    def security(self, pairs: Pairs) -> Pairs:
        """Keys of the security stage."""
        out: Pairs = []
        keys = dict(pairs)
        if len(keys) != len(pairs):
            raise ProtocolError("a key twice in one request")
        if "AuthMethod" in keys:
            out += self._auth_method(keys["AuthMethod"].split(","))
        if "CHAP_A" in keys:
            out += self._challenge_keys(keys["CHAP_A"])
        if "CHAP_R" in keys:
            out += self._verify(keys)
        elif "CHAP_N" in keys:
            raise LoginRefusedError(2, 0, "CHAP_N without CHAP_R")
        return out

    def _auth_method(self, offered: list[str]) -> Pairs:
        wanted = self.script.auth.split(",")
        for method in offered:
            if method in wanted:
                self._step = "method" if method == "CHAP" else "done"
                self.authenticated = method == "None"
                return [("AuthMethod", method)]
        raise LoginRefusedError(2, 1, f"AuthMethod {offered}")

    def _challenge_keys(self, text: str) -> Pairs:
        if self._step != "method":
            raise LoginRefusedError(2, 0, "CHAP_A out of turn")
        offered = [int(item) for item in text.split(",")]
        for number in offered:
            if number in self.script.chap_algorithms:
                self._algorithm = number
                self._identifier = os.urandom(1)[0]
                self._challenge = os.urandom(16)
                self._step = "challenged"
                return [
                    ("CHAP_A", str(number)),
                    ("CHAP_I", str(self._identifier)),
                    ("CHAP_C", self._binary(self._challenge)),
                ]
        raise LoginRefusedError(2, 1, f"CHAP_A {text}")

    def _binary(self, value: bytes) -> str:
        if self.script.chap_base64:
            return "0b" + base64.b64encode(value).decode("ascii")
        return "0x" + value.hex()

    def _digest(self, identifier: int, secret: bytes, challenge: bytes) -> bytes:
        return ALGORITHMS[self._algorithm](bytes([identifier]) + secret + challenge)

    def _verify(self, keys: dict[str, str]) -> Pairs:
        user = self.script.user
        if self._step != "challenged" or user is None:
            raise LoginRefusedError(2, 0, "CHAP_R out of turn")
        proof = decode_binary(keys["CHAP_R"])
        if keys.get("CHAP_N") != user.name or proof != self._digest(
            self._identifier, user.secret, self._challenge
        ):
            raise LoginRefusedError(2, 1, "wrong CHAP_N or CHAP_R")
        self.authenticated, self._step = True, "done"
        if "CHAP_I" not in keys or "CHAP_C" not in keys:
            return []
        if self.script.skip_mutual:
            return []
        mutual = self.script.mutual
        if mutual is None:
            raise LoginRefusedError(2, 1, "mutual CHAP is not set up")
        challenge = decode_binary(keys["CHAP_C"])
        if challenge == self._challenge:
            raise LoginRefusedError(2, 1, "our own challenge came back")
        secret = b"not the secret!" if self.script.wrong_mutual else mutual.secret
        response = self._digest(int(keys["CHAP_I"], 0), secret, challenge)
        return [("CHAP_N", mutual.name), ("CHAP_R", self._binary(response))]

    def operational(self, pairs: Pairs) -> Pairs:
        """Keys of the operational stage."""
        out: Pairs = []
        for key, value in pairs:
            if key in self.agreed:
                raise LoginRefusedError(2, 0, f"{key} twice")
            self.agreed.add(key)
            answer = self._negotiate(key, value)
            if answer is not None:
                out.append((key, answer))
        return out

    def _negotiate(self, key: str, value: str) -> str | None:
        script, agreed = self.script, self.parameters
        if key in ("HeaderDigest", "DataDigest"):
            supported = script.header_digest if key == "HeaderDigest" else script.data_digest
            chosen = next((item for item in value.split(",") if item in supported), "Reject")
            if key == "HeaderDigest":
                agreed.header_digest = chosen == "CRC32C"
            else:
                agreed.data_digest = chosen == "CRC32C"
            return chosen
        if key == "MaxRecvDataSegmentLength":
            agreed.max_send = self._number(key, value, 512, 16777215)
            return None
        if key == "InitialR2T":
            agreed.initial_r2t = value == "Yes" or script.initial_r2t
            return "Yes" if agreed.initial_r2t else "No"
        if key == "ImmediateData":
            agreed.immediate_data = value == "Yes" and script.immediate_data
            return "Yes" if agreed.immediate_data else "No"
        if key == "MaxBurstLength":
            agreed.max_burst = min(self._number(key, value, 512, 16777215), script.max_burst)
            return str(agreed.max_burst)
        if key == "FirstBurstLength":
            agreed.first_burst = min(
                self._number(key, value, 512, 16777215), script.first_burst, agreed.max_burst
            )
            return str(agreed.first_burst)
        if key == "MaxOutstandingR2T":
            agreed.max_outstanding_r2t = min(
                self._number(key, value, 1, 65535), script.max_outstanding_r2t
            )
            return str(agreed.max_outstanding_r2t)
        fixed = {
            "MaxConnections": "1",
            "ErrorRecoveryLevel": "0",
            "DataPDUInOrder": "Yes",
            "DataSequenceInOrder": "Yes",
            "IFMarker": "No",
            "OFMarker": "No",
            "TaskReporting": "RFC3720",
            "iSCSIProtocolLevel": "1",
        }
        if key in fixed:
            return fixed[key]
        if key == "DefaultTime2Wait":
            return str(max(2, self._number(key, value, 0, 3600)))
        if key == "DefaultTime2Retain":
            return str(min(20, self._number(key, value, 0, 3600)))
        if key in ("InitiatorName", "TargetName", "SessionType", "InitiatorAlias"):
            return None
        return "NotUnderstood"

    @staticmethod
    def _number(key: str, value: str, low: int, high: int) -> int:
        try:
            number = int(value, 0)
        except ValueError:
            raise LoginRefusedError(2, 0, f"{key}={value}") from None
        if not low <= number <= high:
            raise LoginRefusedError(2, 0, f"{key}={value} is out of range")
        return number
