"""A target that answers a command with bytes of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from construct import Container

from romgen.formats import iscsi
from romgen.target.pdu import Pdu, build, encode
from romgen.target.server import NONE, Connection, Target

Answer = Callable[["RawConnection", Pdu, Container[Any]], Iterable[bytes | None] | None]


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
    """A target PDU with right numbers and tag, but for what ``fields`` say."""
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
    return encode(Pdu(build(iscsi.bhs_target, **values), data), False, False)
