"""One run of QEMU: the command line, the streams with their times, the end in any case."""

from __future__ import annotations

import json
import os
import re
import selectors
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from romgen.boot.console import Console
from romgen.boot.process import start, stop
from romgen.errors import EXIT_BOOT, RomgenError

EV_FILE = "opt/romgen/ev"
"""Name of the fw_cfg file with the EV text."""
PLUGIN_VARIABLE = "ROMGEN_QEMU_PLUGIN"
"""Environment variable: a TCG plugin for every QEMU (tests/boot/cover.py)."""
EXIT_PORT = 0x501
DEBUG_PORT = 0x402
MEMORY_MIB = 64
REBOOT_TIMEOUT_MS = 50
"""How long SeaBIOS waits when nothing boots; then it resets, and QEMU ends (-no-reboot)."""
CHUNK = 65536
QMP_PATIENCE = 10.0
QMP_TICK = 0.02
START_PATIENCE = 60.0
"""Seconds for an answer of QEMU's: while it runs, and when it starts on a busy machine."""
PCAP_HEADER = 24
"""Bytes of a capture without frames."""
TICK = 0.25
"""Longest time between two looks at the clock, in seconds."""


@dataclass(frozen=True, slots=True)
class Nic:
    """The adapter: QEMU's device name, the ROM in its socket (None: empty), how it is wired.

    netdev: arguments of `-netdev user` behind `user,id=n0`, or None for a cable without a peer
    link: False unplugs the cable before the machine starts
    bootindex: QEMU's boot order, None: not in it
    slot: PCI device number, None: the next free one; ev: EV text for this adapter (needs a slot)
    """

    device: str
    rom: Path | None = None
    netdev: str | None = ""
    link: bool = True
    bootindex: int | None = None
    mac: str = "52:54:00:12:34:56"
    slot: int | None = None
    ev: str | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """A local disk: its raw image; changes are thrown away unless `keep`."""

    image: Path
    interface: str = "ide"
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Machine:
    """What is started. more_nics: adapters behind `nic`; the capture is of the first one only."""

    nic: Nic | None = None
    disks: tuple[Disk, ...] = ()
    ev: str | None = None
    accel: str = "tcg"
    memory_mib: int = MEMORY_MIB
    gdb: str | None = None
    pcap: Path | None = None
    console: bool = True
    extra: tuple[str, ...] = ()
    more_nics: tuple[Nic, ...] = ()
    emulator: str = "qemu-system-i386"

    def argv(self, ev_file: Path) -> list[str]:
        """QEMU's command line, without the character devices, which `run` adds."""
        argv = [
            self.emulator,
            *("-nodefaults", "-no-user-config", "-display", "none", "-vga", "none"),
            *("-machine", f"pc,graphics={'off' if self.console else 'on'},accel={self.accel}"),
            *("-m", str(self.memory_mib), "-no-reboot"),
            *("-boot", f"reboot-timeout={REBOOT_TIMEOUT_MS},menu=off"),
            *("-device", f"isa-debug-exit,iobase={EXIT_PORT},iosize=2"),
        ]
        nics = () if self.nic is None else (self.nic, *self.more_nics)
        for number, nic in enumerate(nics):
            argv += self._nic_argv(nic, number)
        for number, disk in enumerate(self.disks):
            argv += [
                "-drive",
                f"id=local{number},if={disk.interface},format=raw,index={number},"
                f"snapshot={'off' if disk.keep else 'on'},file={_comma(disk.image)}",
            ]
        if self.ev is not None:
            argv += ["-fw_cfg", f"name={EV_FILE},file={_comma(ev_file)}"]
        for name in self.own_ev():
            file = ev_file.with_name(Path(name).name)
            argv += ["-fw_cfg", f"name={name},file={_comma(file)}"]
        if self.gdb is not None:
            argv += ["-S", "-gdb", self.gdb]
        plugin = os.environ.get(PLUGIN_VARIABLE)
        if plugin:
            argv += ["-plugin", plugin]
        return [*argv, *self.extra]

    def own_ev(self) -> dict[str, str]:
        """Name of the fw_cfg file -> EV text of the adapters that have their own."""
        nics = filter(None, (self.nic, *self.more_nics))
        return {f"{EV_FILE}-00.{nic.slot:02x}.0": nic.ev for nic in nics if nic.ev is not None}

    def _nic_argv(self, nic: Nic, number: int) -> list[str]:
        argv: list[str] = []
        net = f"n{number}"
        if nic.netdev is None:
            argv += ["-netdev", f"hubport,id={net},hubid={number}"]
        else:
            argv += ["-netdev", ",".join(filter(None, (f"user,id={net}", nic.netdev)))]
        if self.pcap is not None and number == 0:
            argv += ["-object", f"filter-dump,id=dump0,netdev=n0,file={_comma(self.pcap)}"]
        device = f"{nic.device},id=nic{number},netdev={net},mac={nic.mac}"
        device += f",romfile={_comma(nic.rom) if nic.rom is not None else ''}"
        if nic.slot is not None:
            device += f",addr={nic.slot:#x}"
        if nic.bootindex is not None:
            device += f",bootindex={nic.bootindex}"
        return [*argv, "-device", device]


def _comma(path: Path) -> str:
    """A path inside a QEMU option: commas are doubled."""
    return str(path.resolve()).replace(",", ",,")


@dataclass(frozen=True, slots=True)
class Stop:
    """When a run is over before QEMU ends by itself.

    timeout: seconds for everything; expect: text on the console that ends it;
    quiet: seconds without console output after `quiet_after` was seen in the BIOS's log
    """

    timeout: float
    expect: re.Pattern[str] | None = None
    quiet: float | None = None
    quiet_after: str = ""


@dataclass(slots=True)
class Run:
    """What a run of QEMU left behind.

    ended: "exit" (by itself), "expect", "quiet" or "timeout"; status: QEMU's exit code if "exit";
    log: SeaBIOS's debug log; seconds: from the start of the machine to the end;
    mac: the adapter's; first_frame: when the capture's first frame was seen (late by up to TICK);
    output: QEMU's own messages
    """

    console: Console = field(default_factory=Console)
    serial: bytes = b""
    log: Console = field(default_factory=Console)
    ended: str = ""
    status: int | None = None
    seconds: float = 0.0
    output: str = ""
    mac: str = ""
    first_frame: float | None = None


class Qmp:
    """The few commands that are needed, on a socket pair.

    meanwhile: called again and again while an answer is waited for
    """

    def __init__(
        self, connection: socket.socket, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        self._socket = connection
        self._socket.settimeout(QMP_TICK)
        self._meanwhile = meanwhile
        self._buffer = b""
        self._patience = START_PATIENCE
        self._next()  # the greeting
        self.execute("qmp_capabilities")
        self._patience = QMP_PATIENCE

    def execute(self, command: str, **arguments: object) -> object:
        """Run a command. Error: QEMU refuses it or does not answer."""
        request = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            reply = self._next()
            if "error" in reply:
                raise RomgenError("qmp", command, str(reply["error"]), status=EXIT_BOOT)
            if "return" in reply:
                return reply["return"]

    def _next(self) -> dict[str, object]:
        end = time.monotonic() + self._patience
        while b"\n" not in self._buffer:
            self._meanwhile()
            try:
                data = self._socket.recv(CHUNK)
            except TimeoutError as error:
                if time.monotonic() < end:
                    continue
                raise RomgenError("qmp", "QEMU", "does not answer", status=EXIT_BOOT) from error
            if not data:
                raise RomgenError("qmp", "QEMU", "ended at once", status=EXIT_BOOT)
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, object] = json.loads(line)
        return message


def run(
    machine: Machine,
    stop_when: Stop,
    folder: Path,
    show: Callable[[str], None] = lambda text: None,
    on_line: Callable[[str, Qmp], None] = lambda line, qmp: None,
    on_start: Callable[[Qmp], None] = lambda qmp: None,
) -> Run:
    """Start the machine, collect what it says, end it.

    folder: for QEMU's own output and the EV file. show: called with console text as it comes;
    on_line: with each finished line of the console, and QEMU's control connection;
    on_start: with that connection, before the machine runs.
    Error: QEMU does not start (its message is the detail).
    """
    result = Run(mac=machine.nic.mac if machine.nic is not None else "")
    ev_file = folder / "ev.txt"
    if machine.ev is not None:
        ev_file.write_bytes(machine.ev.encode())
    for name, text in machine.own_ev().items():
        ev_file.with_name(Path(name).name).write_bytes(text.encode())
    log = folder / "qemu.log"
    with ExitStack() as stack:
        ports = {
            name: stack.enter_context(_pair()) for name in ("serial", "report", "debug", "qmp")
        }
        argv = machine.argv(ev_file)
        for name, (_, theirs) in ports.items():
            argv += ["-chardev", f"socket,id={name},fd={theirs.fileno()}"]
        argv += ["-serial", "chardev:serial", "-serial", "chardev:report"]
        argv += ["-device", f"isa-debugcon,iobase={DEBUG_PORT},chardev=debug"]
        argv += ["-mon", "chardev=qmp,mode=control", *([] if machine.gdb else ["-S"])]
        child = start(argv, log=log, pass_fds=[theirs.fileno() for _, theirs in ports.values()])
        stack.callback(stop, child, polite=False)
        for _, theirs in ports.values():
            theirs.close()
        streams = _Streams({name: ports[name][0] for name in ("serial", "report", "debug")})
        stack.callback(streams.close)
        try:
            qmp = Qmp(ports["qmp"][0], streams.read)
            for number, nic in enumerate(filter(None, (machine.nic, *machine.more_nics))):
                if not nic.link:
                    qmp.execute("set_link", name=f"nic{number}", up=False)
            on_start(qmp)
            streams.begin = time.monotonic()
            if not machine.gdb:
                qmp.execute("cont")
        except (RomgenError, OSError) as error:
            stop(child)
            raise RomgenError(
                "qemu-start",
                argv[0],
                "did not start",
                detail=log.read_text(errors="replace") or str(error),
                status=EXIT_BOOT,
            ) from error
        watch = _Watch(show, lambda line: on_line(line, qmp), machine.pcap)
        _collect(result, child, streams, stop_when, watch)
    result.output = log.read_text(errors="replace")
    return result


@contextmanager
def _pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        os.set_inheritable(theirs.fileno(), True)
        yield ours, theirs


@dataclass(frozen=True, slots=True)
class _Watch:
    """Who is told of what during a run; where the capture grows."""

    show: Callable[[str], None]
    line: Callable[[str], None]
    pcap: Path | None

    def has_frames(self) -> bool:
        """True from the capture's first frame on."""
        pcap = self.pcap
        return pcap is not None and pcap.exists() and pcap.stat().st_size > PCAP_HEADER


class _Streams:
    """What comes from QEMU's ports, with its time: seconds since `begin`.

    A socket holds little of it, some hundred single bytes. Once it is full QEMU waits, and does
    nothing else meanwhile, answer a command for example: so they are read whenever we wait.
    """

    def __init__(self, sockets: Mapping[str, socket.socket]) -> None:
        self.begin = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._came: list[tuple[str, float, bytes]] = []
        for name, each in sockets.items():
            each.setblocking(False)
            self._selector.register(each, selectors.EVENT_READ, name)

    @property
    def now(self) -> float:
        """Seconds since the begin."""
        return time.monotonic() - self.begin

    @property
    def open(self) -> bool:
        """False: QEMU has closed them all, and everything was taken."""
        return bool(self._came or self._selector.get_map())

    def read(self, patience: float = 0.0) -> None:
        """Keep what is there; where there is nothing wait for it."""
        for key, _ in self._selector.select(0.0 if self._came else patience):
            stream = key.fileobj
            assert isinstance(stream, socket.socket)
            data = _receive(stream)
            if data:
                self._came.append((key.data, self.now, data))
            else:
                self._selector.unregister(stream)

    def close(self) -> None:
        """Look at them no more."""
        self._selector.close()

    def take(self) -> list[tuple[str, float, bytes]]:
        """Name, time and bytes of what was kept."""
        came, self._came = self._came, []
        return came


def _collect(
    result: Run,
    child: subprocess.Popen[bytes],
    streams: _Streams,
    stop_when: Stop,
    watch: _Watch,
) -> None:
    """Read the streams until one of the ends of `Stop`.

    The report of a boot program has a port of its own, COM2: the BIOS prints on COM1 whenever it
    likes. Its lines are shown between those of the console.
    """
    last_output = 0.0
    seen = 0
    report = b""
    while not result.ended:
        now = streams.now
        if result.first_frame is None and watch.has_frames():
            result.first_frame = now
        if now >= stop_when.timeout:
            result.ended = "timeout"
        elif _is_quiet(result, stop_when, now - last_output):
            result.ended = "quiet"
        elif not streams.open:
            # QEMU closes its streams just before it ends.
            try:
                child.wait(max(0.0, stop_when.timeout - now))
                result.ended = "exit"
                result.status = child.returncode
            except subprocess.TimeoutExpired:
                result.ended = "timeout"
        else:
            streams.read(min(TICK, stop_when.timeout - now))
            for name, at, data in streams.take():
                if name == "debug":
                    result.log.feed(data, at)
                    continue
                last_output = at
                result.serial += data
                if name == "report":
                    *whole, report = (report + data).split(b"\n")
                    for raw in whole:
                        text = raw.decode("ascii", errors="replace")
                        watch.show(result.console.insert(text, at))
                else:
                    watch.show(result.console.feed(data, at))
                for line in result.console.lines[seen:]:
                    watch.line(line.text)
                seen = len(result.console.lines)
            if stop_when.expect and stop_when.expect.search(result.console.text):
                result.ended = "expect"
    result.seconds = streams.now
    result.console.finish(result.seconds)
    result.log.finish(result.seconds)


def _is_quiet(result: Run, stop_when: Stop, silence: float) -> bool:
    return (
        stop_when.quiet is not None
        and silence >= stop_when.quiet
        and stop_when.quiet_after in result.log.text
    )


def _receive(stream: socket.socket) -> bytes:
    try:
        return stream.recv(CHUNK)
    except ConnectionError:
        return b""
