"""Python in place of TCP and the clock, between the ROM's initiator and a scripted target."""

from __future__ import annotations

import asyncio
import random
import selectors
import struct
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

from bench.machine import Machine

from romgen.target.pdu import ProtocolError
from romgen.target.server import Connection, DropError, Target

ESTABLISHED, PEER_FIN = 2, 8
RECORDS = 8
RECORD_SIZE = 92  # struc TXREC of asm/include/net.inc
HEADER_AT, TAIL_AT = 20, 84
RX_ROOM = 2048
SLOW = 4096  # a record with more payload is what `upload_ms` delays
Address = tuple[str, int]


class Raw:
    """The stream as the target's side sees it: an asyncio writer that keeps what it gets."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.ended = False
        self.transport = self

    def write(self, data: bytes) -> None:
        self.out += data

    async def drain(self) -> None:
        return None


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands until the bench moves it."""

    def __init__(self) -> None:
        super().__init__(selectors.SelectSelector())
        self.ms = 0

    def time(self) -> float:
        return self.ms / 1000

    def turn(self) -> None:
        """Runs what is due."""
        for _ in range(6):
            self.call_soon(self.stop)
            self.run_forever()


class Link:
    """TCP as the initiator sees it. ``targets``: who listens where.

    ``tick_ms`` pass at each turn of the network. ``piece``: the most bytes that reach the initiator
    at a time. ``sent``: every PDU stream, one bytearray a connection. ``busy``: how often
    ``tcp_tx_alloc`` first says that no record is free. ``upload_ms``: the last record of a write is
    on its way for so long, with acknowledgements of parts of it, before the target has it.
    ``ack_ms``: how long after sending the acknowledgement comes (the answer does not wait).
    """

    def __init__(self, machine: Machine, *, tick_ms: int = 1, piece: int = 1460, seed: int = 1):
        self.machine, self.tick_ms, self.piece = machine, tick_ms, piece
        self.targets: dict[Address, Target | Callable[[Link], Connection]] = {}
        self.dialled: list[Address] = []
        self.sent: list[bytearray] = []
        self.busy = 0
        self.upload_ms = 0
        self.ack_ms = 0
        self._acked_at = 0
        self.turns = 0
        self.on_turn: Callable[[int], None] | None = None
        self._random = random.Random(seed)
        self._loop = VirtualLoop()
        self._reader: asyncio.StreamReader | None = None
        self._raw = Raw()
        self._task: asyncio.Task[None] | None = None
        self._held = bytearray()
        self._held_until = 0
        self._rx = machine.buffer(RX_ROOM, writable=False)
        self._free = list(range(RECORDS))
        for name in ("tcp_connect", "tcp_tx_alloc", "tcp_tx_commit", "tcp_tx_idle", "net_poll"):
            machine.replace(name, getattr(self, "_" + name))
        machine.replace("net_poll_again", self._net_poll)
        machine.replace("tcp_close", lambda m: self._end(noise=True))
        machine.replace("tcp_abort", lambda m: self._end(noise=True))
        machine.replace("time_now", lambda m: m.set_reg("eax", self.now))
        machine.replace("undi_receive", self._received)  # iscsi_rx returns to it

    @property
    def now(self) -> int:
        """The clock, ms."""
        return self._loop.ms & 0xFFFFFFFF

    def start_clock(self, ms: int) -> None:
        self._loop.ms = ms

    def close_connection(self) -> None:
        """Ends what is open, so that the next run begins afresh."""
        self._end()

    def close(self) -> None:
        self._end()
        self._loop.close()

    def drop(self, error: int = 0) -> None:
        """The connection is lost (RST)."""
        self._end()
        self.machine.set("tcp_error", error)

    # --- what stands in for asm/net ---------------------------------------------------------------

    def _noise(self, *keep: str) -> None:
        """The registers that a routine of the network may lose."""
        for name in ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp"):
            if name not in keep:
                self.machine.set_reg(name, self._random.getrandbits(32))

    def _tcp_connect(self, machine: Machine) -> None:
        ip = str(IPv4Address(struct.pack("<I", machine.reg("eax"))))
        address = (ip, machine.reg("cx"))
        self.dialled.append(address)
        assert machine.get("tcp_state", 1) == 0, "tcp_connect on an open connection"
        assert 0 < (machine.reg("edx") - self.now) & 0xFFFFFFFF < 1 << 31, "deadline is over"
        target = self.targets.get(address)
        self._noise()
        if target is None:
            machine.set("tcp_error", 3999)
            machine.set_reg("ax", 3999)
            machine.set_cf(True)
            return
        machine.set("tcp_error", 0)
        machine.set("tcp_state", ESTABLISHED, 1)
        self.sent.append(bytearray())
        self._free = list(range(RECORDS))
        self._raw = Raw()
        self._reader = asyncio.StreamReader(loop=self._loop)
        writer: Any = self._raw
        if isinstance(target, Target):
            connection = Connection(target, self._reader, writer)
        else:
            connection = target(self)
            connection.reader, connection.writer = self._reader, writer
        self._task = self._loop.create_task(self._serve(connection, self._raw))
        machine.set_cf(False)

    async def _serve(self, connection: Connection, raw: Raw) -> None:
        try:
            await connection.login()
            await connection.serve()
        except DropError as drop:
            if drop.hard:
                raw.out.clear()
        except ProtocolError as error:
            connection.target.events.append(f"protocol error: {error}")
        except asyncio.IncompleteReadError:
            connection.target.events.append("connection ended by the initiator")
        raw.ended = True

    def _end(self, noise: bool = False) -> None:
        self.machine.set("tcp_state", 0, 1)
        if self._reader is not None:
            self._reader.feed_eof()
            self._loop.turn()
            if self._task is not None and not self._task.done():
                self._task.cancel()
                self._loop.turn()
        self._reader = self._task = None
        self._held.clear()
        self._raw = Raw()
        self._free = list(range(RECORDS))
        if noise:
            self._noise()

    def _tcp_tx_alloc(self, machine: Machine) -> None:
        self._noise("ebp")
        if self.busy or not self._free:
            self.busy -= self.busy > 0
            machine.set_cf(True)
            return
        record = self._free.pop(0)
        at = machine.address("scratch") + record * RECORD_SIZE
        machine.write(machine.data + at, self._random.randbytes(RECORD_SIZE))
        machine.set_reg("di", at)
        machine.set_cf(False)

    def _tcp_tx_commit(self, machine: Machine) -> None:
        at = machine.reg("di")
        raw = machine.read(machine.data + at, RECORD_SIZE)
        header_len, tail_len, length, linear = struct.unpack_from("<HHII", raw, 8)
        assert header_len <= TAIL_AT - HEADER_AT and tail_len <= RECORD_SIZE - TAIL_AT
        payload = machine.read(linear, length) if length else b""
        self._acked_at = self._loop.ms + self.ack_ms
        stream = raw[HEADER_AT : HEADER_AT + header_len] + payload
        stream += raw[TAIL_AT : TAIL_AT + tail_len]
        self._free.append((at - machine.address("scratch")) // RECORD_SIZE)
        if self._reader is not None:
            self.sent[-1] += stream
            if self.upload_ms and length > SLOW:
                self._held += stream
                self._held_until = self._loop.ms + self.upload_ms
            else:
                self._reader.feed_data(stream)
        self._noise("ebp")

    def _tcp_tx_idle(self, machine: Machine) -> None:
        self._noise("ebp")
        flags = machine.reg("eflags")
        waiting = self._held or self._loop.ms < self._acked_at
        machine.set_reg("eflags", flags & ~0x40 if waiting else flags | 0x40)

    def _net_poll(self, machine: Machine) -> None:
        self._loop.ms += self.tick_ms
        machine.set("net_now", self.now, 4)
        self.turns += 1
        if self._held and self._reader is not None:
            machine.set("tcp_progress", self.now, 4)
            if self._loop.ms >= self._held_until:
                self._reader.feed_data(bytes(self._held))
                self._held.clear()
        if self.on_turn is not None:
            self.on_turn(self.turns)
        self._loop.turn()
        self._noise()
        self._deliver(machine)

    def _deliver(self, machine: Machine) -> None:
        """Hands a piece to iscsi_rx, which then "returns" into `_received`; or notes the FIN."""
        out = self._raw.out
        if machine.get("tcp_state", 1) != ESTABLISHED:
            return
        if not out:
            if self._raw.ended:
                machine.set("tcp_state", ESTABLISHED | PEER_FIN, 1)
            return
        size = min(len(out), self._random.randint(1, self.piece), RX_ROOM)
        piece = bytes(out[:size])
        del out[:size]
        place = self._rx + RX_ROOM - size  # ends where nothing is mapped behind it
        machine.write(place, piece)
        segment, offset = machine.far(place)
        machine.set_reg("es", segment)
        machine.set_reg("si", offset)
        machine.set_reg("cx", size)
        machine.push(machine.address("undi_receive"))
        machine.push(machine.address("iscsi_rx"))

    def _received(self, machine: Machine) -> None:
        if machine.reg("eflags") & 1:
            error = machine.reg("ax")
            self._end()
            machine.set("tcp_error", error)
            self._noise()
            return
        self._noise()
        self._deliver(machine)
