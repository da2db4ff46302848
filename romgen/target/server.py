"""The scripted target's connections: login, full feature phase, faults."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Any

from construct import Container

from romgen.formats import iscsi
from romgen.target.disk import READS, WRITES, Disk, SenseError
from romgen.target.login import Login, LoginRefusedError, Pairs, Parameters
from romgen.target.pdu import Pdu, ProtocolError, build, build_text, encode, parse_text, read_pdu
from romgen.target.script import Act, Fault, Script

NONE = 0xFFFFFFFF
ASYNC_LOGOUT = 1
UNIT_ATTENTION_RESET = (6, 0x29, 0)


class DropError(Exception):
    """Ends the connection: ``hard`` with RST."""

    def __init__(self, hard: bool = False) -> None:
        super().__init__("reset" if hard else "close")
        self.hard = hard


@dataclass
class Connection:
    """One TCP connection, which is one session (ErrorRecoveryLevel 0)."""

    target: Target
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    parameters: Parameters = field(default_factory=Parameters)
    full: bool = False
    stat_sn: int = 1
    exp_cmd_sn: int = 0
    window_shut: bool = False
    attention: bool = False
    silent: bool = False
    ping_open: int = 0
    logout_asked: bool = False

    # --- numbering and sending --------------------------------------------------------------------

    def _numbers(self, advance: bool = True) -> dict[str, int]:
        depth = 0 if self.window_shut else self.target.script.queue_depth
        numbers = {
            "stat_sn": self.stat_sn,
            "exp_cmd_sn": self.exp_cmd_sn,
            "max_cmd_sn": (self.exp_cmd_sn + depth - 1) & NONE,
        }
        if advance:
            self.stat_sn = (self.stat_sn + 1) & NONE
        return numbers

    async def send(self, pdu: Pdu, spoil_header: bool = False, spoil_data: bool = False) -> None:
        """Sends a PDU with the digests that were agreed on."""
        if self.silent:
            return
        digests = (
            (self.parameters.header_digest, self.parameters.data_digest)
            if self.full
            else (False, False)
        )
        self.writer.write(encode(pdu, *digests, spoil_header, spoil_data))
        await self.writer.drain()

    async def receive(self) -> Pdu:
        """The next PDU; its CmdSN is checked."""
        digests = (
            (self.parameters.header_digest, self.parameters.data_digest)
            if self.full
            else (False, False)
        )
        pdu = await read_pdu(self.reader, *digests)
        self.target.log.append(pdu)
        if not pdu.immediate and pdu.opcode not in (0x05, 0x10) and self.full:
            (number,) = struct.unpack(">I", pdu.header[24:28])
            if number != self.exp_cmd_sn:
                raise ProtocolError(f"CmdSN {number}, expected {self.exp_cmd_sn}")
            self.exp_cmd_sn = (number + 1) & NONE
        return pdu

    # --- login ------------------------------------------------------------------------------------

    async def login(self) -> None:
        """The login phase, to its end or to DropError."""
        script, login = self.target.script, Login(self.target.script)
        stage, first, text = -1, True, b""
        while not self.full:
            pdu = await self.receive()
            if script.login_silence:
                await asyncio.sleep(3600)
            if pdu.opcode != iscsi.CONSTANTS["ISCSI_LOGIN"]:
                raise ProtocolError(f"opcode {pdu.opcode:#x} during login")
            head = pdu.parse(iscsi.bhs_login)
            if first:
                self.exp_cmd_sn = head.cmd_sn
            text += pdu.data
            try:
                if head.flags & 0x40:
                    await self._login_response(head, head.flags >> 2 & 3, 0, [])
                    continue
                pairs, text = parse_text(text), b""
                current, wanted = head.flags >> 2 & 3, head.flags & 3
                if current < stage or current > 1:
                    raise LoginRefusedError(2, 11, f"stage {current} after {stage}")
                stage = current
                if first:
                    await self._first_login(head, login, pairs)
                    first = False
                out = self._stage_keys(login, stage, pairs)
                transit = bool(head.flags & 0x80)
                if stage == 0 and not login.security_done:
                    if transit and wanted:
                        transit = False
                elif stage == 1 and not login.security_done:
                    raise LoginRefusedError(2, 1, "authentication was left out")
                await self._login_response(head, stage, wanted if transit else 0, out, transit)
                if transit:
                    stage = wanted
                    self.full = wanted == 3
            except LoginRefusedError as refused:
                self.target.events.append(f"login refused: {refused}")
                await self._login_status(head, *refused.status)
                raise DropError from refused
        self.parameters = login.parameters
        self.attention = script.attention_after_login
        self.target.events.append("login " + login.names["InitiatorName"])

    async def _first_login(self, head: Container[Any], login: Login, pairs: Pairs) -> None:
        script = self.target.script
        names = ("InitiatorName", "TargetName", "SessionType", "InitiatorAlias")
        login.names = {key: value for key, value in pairs if key in names}
        self.target.logins += 1
        if script.redirect and (
            not script.redirect_logins or self.target.logins <= script.redirect_logins
        ):
            status = (1, 2 if script.redirect_permanent else 1)
            await self._login_status(head, *status, [("TargetAddress", script.redirect)])
            raise DropError
        if script.login_status != (0, 0) and (
            not script.login_status_times or self.target.logins <= script.login_status_times
        ):
            raise LoginRefusedError(*script.login_status, "as the script says")
        login.check_names(lambda name: name == script.name)

    def _stage_keys(self, login: Login, stage: int, pairs: Pairs) -> Pairs:
        names = ("InitiatorName", "TargetName", "SessionType", "InitiatorAlias")
        pairs = [pair for pair in pairs if pair[0] not in names]
        out: Pairs = []
        if "TargetPortalGroupTag" not in login.agreed:
            login.agreed.add("TargetPortalGroupTag")
            out.append(("TargetPortalGroupTag", str(self.target.script.portal_group)))
        if stage == 0:
            return out + login.security(pairs)
        out += login.operational(pairs)
        if "declared" not in login.agreed:
            login.agreed.add("declared")
            out.append(("MaxRecvDataSegmentLength", str(self.target.script.max_recv)))
            out += [tuple(key.split("=", 1)) for key in self.target.script.extra_keys]  # type: ignore[misc]
        return out

    async def _login_response(
        self, head: Container[Any], stage: int, wanted: int, pairs: Pairs, transit: bool = False
    ) -> None:
        data = build_text(pairs)
        size = self.target.script.text_split
        while size and len(data) > size:
            await self._login_pdu(head, 0x40 | stage << 2, data[:size])
            data = data[size:]
            pdu = await self.receive()
            if pdu.data or pdu.opcode != 0x03:
                raise ProtocolError("an empty login request was due")
            head = pdu.parse(iscsi.bhs_login)
        flags = stage << 2 | (0x80 | wanted if transit else 0)
        await self._login_pdu(head, flags, data, 1 if transit and wanted == 3 else 0)

    async def _login_pdu(
        self,
        head: Container[Any],
        flags: int,
        data: bytes,
        tsih: int = 0,
        status: tuple[int, int] = (0, 0),
    ) -> None:
        header = build(
            iscsi.bhs_login_response,
            opcode=0x23,
            flags=flags,
            isid=head.isid,
            tsih=tsih,
            itt=head.itt,
            status_class=status[0],
            status_detail=status[1],
            **self._numbers(),
        )
        await self.send(Pdu(header, data))

    async def _login_status(
        self, head: Container[Any], status_class: int, detail: int, pairs: Pairs | None = None
    ) -> None:
        await self._login_pdu(head, 0, build_text(pairs or []), status=(status_class, detail))

    # --- full feature phase -----------------------------------------------------------------------

    async def serve(self) -> None:
        """The full feature phase, until the connection ends."""
        script = self.target.script
        while True:
            try:
                timeout = script.nop_interval or script.idle_limit or None
                pdu = await asyncio.wait_for(self.receive(), timeout)
            except TimeoutError:
                await (self._ping() if script.nop_interval else self._idle())
                continue
            if self.silent:
                continue
            if pdu.opcode == 0x01:
                await self._command(pdu)
            elif pdu.opcode == 0x00:
                await self._nop_out(pdu)
            elif pdu.opcode == 0x06:
                await self.send(
                    Pdu(
                        build(
                            iscsi.bhs_target,
                            opcode=0x26,
                            flags=0x80,
                            itt=pdu.parse(iscsi.bhs).itt,
                            **self._numbers(),
                        )
                    )
                )
                raise DropError
            elif pdu.opcode == 0x02:
                await self.send(
                    Pdu(
                        build(
                            iscsi.bhs_target,
                            opcode=0x22,
                            flags=0x80,
                            itt=pdu.parse(iscsi.bhs).itt,
                            **self._numbers(),
                        )
                    )
                )
            elif pdu.opcode == 0x04:
                await self._text(pdu)
            else:
                await self._reject(pdu, 5)

    async def _ping(self) -> None:
        if self.ping_open > self.target.script.nop_timeout / self.target.script.nop_interval:
            self.target.events.append("ping was not answered")
            raise DropError
        self.ping_open += 1
        header = build(
            iscsi.bhs_target,
            opcode=0x20,
            flags=0x80,
            itt=NONE,
            ttt=0x4E4F5000,
            **self._numbers(advance=False),
        )
        await self.send(Pdu(header))

    async def _idle(self) -> None:
        """Nothing has come for so long: ends the session as the script says."""
        act = self.target.script.idle_act
        self.target.events.append(f"idle {act.value}")
        if act is not Act.ASYNC or self.logout_asked:
            raise DropError(act is Act.RESET)
        self.logout_asked = True
        await self._async_message(ASYNC_LOGOUT)

    async def _nop_out(self, pdu: Pdu) -> None:
        head = pdu.parse(iscsi.bhs)
        if head.ttt != NONE:
            self.ping_open = 0
            self.target.events.append("ping answered")
        if head.itt != NONE:
            header = build(
                iscsi.bhs_target, opcode=0x20, flags=0x80, itt=head.itt, ttt=NONE, **self._numbers()
            )
            await self.send(Pdu(header, pdu.data))

    async def _text(self, pdu: Pdu) -> None:
        script, out = self.target.script, []
        for key, value in parse_text(pdu.data):
            if key == "SendTargets" and value in ("All", "", script.name):
                out = [
                    ("TargetName", script.name),
                    ("TargetAddress", f"127.0.0.1:{self.target.port},{script.portal_group}"),
                ]
        header = build(
            iscsi.bhs_target,
            opcode=0x24,
            flags=0x80,
            itt=pdu.parse(iscsi.bhs).itt,
            ttt=NONE,
            **self._numbers(),
        )
        await self.send(Pdu(header, build_text(out)))

    async def _reject(self, pdu: Pdu, reason: int) -> None:
        header = build(
            iscsi.bhs_target,
            opcode=0x3F,
            flags=0x80,
            response=reason,
            itt=NONE,
            ttt=NONE,
            **self._numbers(),
        )
        await self.send(Pdu(header, pdu.header))

    async def _command(self, pdu: Pdu) -> None:
        head = pdu.parse(iscsi.bhs_command)
        fault = self.target.next_fault(head.cdb[0])
        act = fault.act if fault else None
        if act in (Act.CLOSE, Act.RESET):
            raise DropError(act is Act.RESET)
        if act is Act.SILENCE:
            self.silent = True
            return
        if fault and act is Act.DELAY:
            await asyncio.sleep(fault.value / 1000)
        if act is Act.PING:
            await self._ping()
        if fault and act is Act.ASYNC:
            await self._async_message(fault.value)
        if fault and act is Act.REJECT:
            await self._reject(pdu, fault.value)
            return
        if fault and act is Act.WINDOW:
            self.window_shut = True
            asyncio.get_running_loop().call_later(
                fault.value / 1000, lambda: asyncio.ensure_future(self._open_window())
            )
        try:
            if fault and act in (Act.SENSE, Act.SENSE_DESCRIPTOR):
                raise SenseError(fault.sense)
            if fault and act in (Act.STATUS, Act.RESPONSE):
                await self._respond(
                    head,
                    response=fault.value if act is Act.RESPONSE else 0,
                    status=fault.value if act is Act.STATUS else 0,
                )
                return
            if self.attention and head.cdb[0] not in (0x12, 0xA0):
                self.attention = False
                raise SenseError(UNIT_ATTENTION_RESET)
            await self._execute(pdu, head, fault)
        except SenseError as error:
            if head.flags & 0x20 and head.cdb[0] in WRITES:
                await self._receive_data(pdu, head, discard=True)
            key, asc, ascq = error.sense
            if act is Act.SENSE_DESCRIPTOR:
                sense = bytes([0x72, key, asc, ascq, 0, 0, 0, 0])
            else:
                sense = bytes([0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0])
            await self._respond(
                head,
                status=2,
                data=struct.pack(">H", len(sense)) + sense,
                residual=head.expected_length,
            )

    async def _open_window(self) -> None:
        self.window_shut = False
        header = build(
            iscsi.bhs_target,
            opcode=0x20,
            flags=0x80,
            itt=NONE,
            ttt=NONE,
            **self._numbers(advance=False),
        )
        with contextlib.suppress(ConnectionError):
            await self.send(Pdu(header))

    async def _async_message(self, event: int) -> None:
        header = build(
            iscsi.bhs_async,
            opcode=0x32,
            flags=0x80,
            itt=NONE,
            event=event,
            parameter3=1,
            **self._numbers(),
        )
        await self.send(Pdu(header))
        if event in (2, 3):
            raise DropError

    async def _respond(
        self,
        head: Container[Any],
        status: int = 0,
        response: int = 0,
        data: bytes = b"",
        residual: int = 0,
    ) -> None:
        flags = 0x80 | (0x02 if residual > 0 else 0x04 if residual < 0 else 0)
        header = build(
            iscsi.bhs_target,
            opcode=0x21,
            flags=flags,
            response=response,
            status=status,
            itt=head.itt,
            residual=abs(residual),
            **self._numbers(),
        )
        await self.send(Pdu(header, data))

    async def _execute(self, pdu: Pdu, head: Container[Any], fault: Fault | None) -> None:
        cdb, lun = bytes(head.cdb), bytes(head.lun)
        disk = self.target.disks.get(lun)
        known = disk is not None
        disk = disk or next(iter(self.target.disks.values()))
        if cdb[0] in WRITES and known:
            size = disk.check_write(cdb)
            data = await self._receive_data(pdu, head)
            disk.write(cdb, data[:size])
            await self._respond(head, residual=head.expected_length - size)
            return
        data = disk.read(cdb) if cdb[0] in READS and known else disk.command(cdb, known)
        await self._data_in(head, data, fault)

    async def _data_in(self, head: Container[Any], data: bytes, fault: Fault | None) -> None:
        script, act = self.target.script, fault.act if fault else None
        expected: int = head.expected_length
        residual = expected - len(data)
        if fault and act in (Act.SHORT, Act.LIE_SHORT):
            data = data[: max(0, len(data) - fault.value)]
            residual = expected - len(data) if act is Act.SHORT else 0
        data = data[:expected]
        size = min(self.parameters.max_send, script.max_data_in or self.parameters.max_send)
        spoiled = act in (Act.HEADER_DIGEST, Act.DATA_DIGEST)
        for number, offset in enumerate(range(0, len(data), size)):
            piece = data[offset : offset + size]
            last = offset + size >= len(data)
            status = last and script.status_in_data
            end = last or (offset + size) % self.parameters.max_burst < size
            flags = (0x80 if end else 0) | (0x01 if status else 0)
            if status and residual:
                flags |= 0x02 if residual > 0 else 0x04
            numbers = self._numbers(advance=status)
            if not status:
                numbers["stat_sn"] = 0
            wrong = act is Act.DATA_SN and last
            header = build(
                iscsi.bhs_target,
                opcode=0x25,
                flags=flags,
                itt=head.itt,
                ttt=NONE,
                data_sn=number + (1 if wrong else 0),
                buffer_offset=offset + (512 if act is Act.OFFSET and last else 0),
                residual=abs(residual) if status else 0,
                **numbers,
            )
            await self.send(
                Pdu(header, piece),
                spoiled and act is Act.HEADER_DIGEST,
                spoiled and act is Act.DATA_DIGEST,
            )
            spoiled = False
        if not data or not script.status_in_data:
            await self._respond(head, residual=residual)

    async def _receive_data(self, pdu: Pdu, head: Container[Any], discard: bool = False) -> bytes:
        """Immediate, unsolicited and solicited data of a write."""
        agreed = self.parameters
        expected: int = head.expected_length
        itt: int = head.itt
        data = bytearray(expected)
        have = len(pdu.data)
        if have and not agreed.immediate_data:
            raise ProtocolError("immediate data was not agreed on")
        data[:have] = pdu.data
        if not pdu.flags & 0x80:
            if agreed.initial_r2t:
                raise ProtocolError("unsolicited data was not agreed on")
            have = await self._sequence(data, have, itt, NONE, min(expected, agreed.first_burst))
        if have > agreed.first_burst:
            raise ProtocolError("more than FirstBurstLength")
        if discard:
            return b""
        number = 0
        while have < expected:
            burst = min(agreed.max_burst, expected - have)
            tag = 0x52325400 + number
            header = build(
                iscsi.bhs_target,
                opcode=0x31,
                flags=0x80,
                lun=head.lun,
                itt=itt,
                ttt=tag,
                data_sn=number,
                buffer_offset=have,
                residual=burst,
                **self._numbers(advance=False),
            )
            await self.send(Pdu(header))
            end = await self._sequence(data, have, itt, tag, have + burst)
            if end != have + burst:
                raise ProtocolError(f"R2T for {burst} bytes got {end - have}")
            have = end
            number += 1
        self.target.events.append(f"write {expected} bytes, {number} R2T")
        return bytes(data)

    async def _sequence(self, data: bytearray, offset: int, itt: int, tag: int, limit: int) -> int:
        """Data-Out PDUs up to the final one; the offset behind the last byte."""
        number = 0
        while True:
            pdu = await self.receive()
            if pdu.opcode == 0x00:
                await self._nop_out(pdu)
                continue
            head = pdu.parse(iscsi.bhs)
            if pdu.opcode != 0x05 or (head.itt, head.ttt) != (itt, tag):
                raise ProtocolError(f"opcode {pdu.opcode:#x} in a data sequence")
            if head.data_sn != number or head.buffer_offset != offset:
                raise ProtocolError(
                    f"Data-Out {head.data_sn} at {head.buffer_offset}, "
                    f"expected {number} at {offset}"
                )
            if len(pdu.data) > self.target.script.max_recv or offset + len(pdu.data) > limit:
                raise ProtocolError("a Data-Out is too long")
            data[offset : offset + len(pdu.data)] = pdu.data
            offset += len(pdu.data)
            number += 1
            if pdu.flags & 0x80:
                return offset


class Target:
    """A scripted target on 127.0.0.1, in a thread of its own.  Use it as a context manager.

    ``log``: every PDU that came; ``events``: what happened, in words; ``port``: where it listens.
    """

    def __init__(
        self, script: Script, *disks: Disk, port: int = 0, host: str = "127.0.0.1"
    ) -> None:
        self.script = script
        self.disks = {disk.lun: disk for disk in disks}
        self.host, self.port = host, port
        self.log: list[Pdu] = []
        self.events: list[str] = []
        self.logins = 0
        self._counts: dict[int, int] = {}
        self._done: dict[int, int] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._stop: asyncio.Event | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    def next_fault(self, opcode: int) -> Fault | None:
        """The fault whose turn it is at this command; counts the command."""
        for index, fault in enumerate(self.script.faults):
            if fault.opcode not in (None, opcode):
                continue
            self._counts[index] = self._counts.get(index, 0) + 1
            if self._counts[index] < fault.at:
                continue
            if fault.times and self._done.get(index, 0) >= fault.times:
                continue
            self._done[index] = self._done.get(index, 0) + 1
            self.events.append(f"fault {fault.act.value}")
            return fault
        return None

    def __enter__(self) -> Target:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the scripted target did not start")
        return self

    def __exit__(self, *_: object) -> None:
        if self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def drop_all(self, hard: bool = False) -> None:
        """Ends every connection from outside, as a target that dies."""

        def drop() -> None:
            for writer in list(self._writers):
                _end(writer, hard)

        self._loop.call_soon_threadsafe(drop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connected, self.host, self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for writer in list(self._writers):
            _end(writer, False)
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(self, reader, writer)
        hard = False
        try:
            await connection.login()
            await connection.serve()
        except DropError as drop:
            hard = drop.hard
        except ProtocolError as error:
            self.events.append(f"protocol error: {error}")
        except (asyncio.IncompleteReadError, ConnectionError):
            self.events.append("connection ended by the initiator")
        finally:
            self._writers.discard(writer)
            _end(writer, hard)


def _end(writer: asyncio.StreamWriter, hard: bool) -> None:
    if hard:
        raw: socket.socket = writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        with contextlib.suppress(ConnectionError, RuntimeError):
            writer.close()
