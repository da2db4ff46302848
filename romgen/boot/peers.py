"""Targets that misbehave: nothing behind the port, a peer that never answers or hangs up."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

from romgen.boot.tgt import LISTEN

BACKLOG = 16


class ClosedPort:
    """A port that nobody listens on, reserved so that no one else takes it."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind((LISTEN, 0))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> ClosedPort:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()


class SilentTarget:
    """Accepts connections, reads what comes, never answers; or hangs up at once.

    connections: how many came. received: bytes that came.
    """

    def __init__(self, *, hang_up: bool = False) -> None:
        self._hang_up = hang_up
        self._socket = socket.create_server((LISTEN, 0), backlog=BACKLOG)
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        self.received = 0
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> SilentTarget:
        self._spawn(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in (self._socket, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it
            each.close()
        for thread in self._threads:
            thread.join(timeout=5)

    def _spawn(self, target: object, *arguments: object) -> None:
        assert callable(target)
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            if self._hang_up:
                peer.close()
                continue
            self._open.append(peer)
            self._spawn(self._drain, peer)

    def _drain(self, peer: socket.socket) -> None:
        try:
            while data := peer.recv(65536):
                self.received += len(data)
        except OSError:
            return
