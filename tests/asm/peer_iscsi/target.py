"""A target that answers a command with bytes of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from construct import Container

from romgen.formats import iscsi
from romgen.target.pdu import Pdu, build, encode
from romgen.target.server import NONE, Connection, DropError, Target

Answer = Callable[["RawConnection", Pdu, Container[Any]], Iterable[bytes | None] | None]
LoginAnswer = Callable[["RawLogin", Pdu, Container[Any], int], Iterable[bytes] | None]


class RawConnection(Connection):
    """Logs in as the scripted target does; then ``answer`` gives the raw PDUs for each command
    (None as an element: close the connection). Where it gives None, the scripted target answers."""

    def __init__(self, target: Target, answer: Answer) -> None:
        super().__init__(target, None, None)  # type: ignore[arg-type]
        self.answer = answer

    async def _command(self, pdu: Pdu) -> None:
        out = self.answer(self, pdu, pdu.parse(iscsi.bhs_command))
        if out is None:
            await super()._command(pdu)
            return
        for piece in out:
            if piece is None:
                self.silent = True
                self.writer.ended = True  # type: ignore[attr-defined]
            else:
                self.writer.write(piece)


def reply(connection: Connection, head: Container[Any], data: bytes = b"", **fields: Any) -> bytes:
    """A target PDU with right numbers and tag, but for what ``fields`` say; counts StatSN."""
    values: dict[str, Any] = {
        "opcode": 0x21,
        "flags": 0x80,
        "itt": head.itt,
        "ttt": NONE,
        "stat_sn": connection.stat_sn,
        "exp_cmd_sn": connection.exp_cmd_sn,
        "max_cmd_sn": connection.exp_cmd_sn + 31 & NONE,
    }
    values.update(fields)
    if values["opcode"] in (0x21, 0x3F) or (values["opcode"] == 0x25 and values["flags"] & 1):
        connection.stat_sn += 1
    return encode(Pdu(build(iscsi.bhs_target, **values), data), False, False)


class RawLogin(Connection):
    """Answers each Login Request with what ``answer(connection, request, head, number)`` gives:
    raw PDUs; an empty list: nothing; None: as the scripted target would from here on."""

    def __init__(self, target: Target, answer: LoginAnswer) -> None:
        super().__init__(target, None, None)  # type: ignore[arg-type]
        self.answer = answer

    async def login(self) -> None:
        number = 0
        while True:
            pdu = await self.receive()
            out = self.answer(self, pdu, pdu.parse(iscsi.bhs_login), number)
            if out is None:
                raise DropError
            for piece in out:
                self.writer.write(piece)
            number += 1


def login_reply(
    connection: Connection, head: Container[Any], text: bytes = b"", **fields: Any
) -> bytes:
    """A Login Response with right numbers and tag, final to full feature, but for ``fields``."""
    values: dict[str, Any] = {
        "opcode": 0x23,
        "flags": 0x87,
        "isid": head.isid,
        "tsih": 1,
        "itt": head.itt,
        "stat_sn": connection.stat_sn,
        "exp_cmd_sn": head.cmd_sn,
        "max_cmd_sn": head.cmd_sn + 31,
    }
    values.update(fields)
    connection.stat_sn += 1
    return encode(Pdu(build(iscsi.bhs_login_response, **values), text), False, False)
