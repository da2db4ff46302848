"""The few words of gdb's remote protocol that find the ROM in a machine halted at reset.

Source: "Debugging with GDB", appendix E (Remote Serial Protocol).
"""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

from romgen.errors import EXIT_BOOT, RomgenError

ADDRESS = "127.0.0.1"
FIRST, LAST, STEP = 0xC0000, 0xF0000, 0x800
"""Where a BIOS may put option ROMs, on which boundaries (PCI Firmware Specification 3.0, 5.2)."""
ENTRY = 3
"""Offset of a ROM's first instruction."""
CHUNK = 1000
"""Bytes in one reply: below what QEMU's packets can hold."""


def _lost(what: str) -> RomgenError:
    return RomgenError("debug-gdb", "QEMU's gdb server", what, status=EXIT_BOOT)


class Remote:
    """A connection to QEMU's gdb server. The machine stands still when it is closed."""

    def __init__(self, port: int, patience: float) -> None:
        """Connect; patience: seconds for the machine to start, and for each answer. Error: none."""
        deadline = time.monotonic() + patience
        while True:
            try:
                self._socket = socket.create_connection((ADDRESS, port), patience)
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise _lost(f"port {port} does not answer: {error.strerror}") from error
                time.sleep(0.05)
        self._socket.settimeout(patience)
        self._buffer = b""

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, packet: str) -> str:
        """Send a packet; its answer."""
        raw = packet.encode("ascii")
        try:
            self._socket.sendall(b"$%s#%02x" % (raw, sum(raw) & 0xFF))
            while True:
                match = re.search(rb"\$([^#]*)#[0-9a-fA-F]{2}", self._buffer)
                if match:
                    self._buffer = self._buffer[match.end() :]
                    self._socket.sendall(b"+")
                    return _plain(match[1])
                data = self._socket.recv(65536)
                if not data:
                    raise _lost("closed the connection")
                self._buffer += data
        except TimeoutError as error:
            raise _lost(f"no answer to '{packet[:20]}' in time") from error
        except OSError as error:
            raise _lost(str(error)) from error

    def memory(self, address: int, size: int) -> bytes:
        """Bytes at a linear address."""
        found = bytearray()
        while len(found) < size:
            count = min(CHUNK, size - len(found))
            found += bytes.fromhex(self.ask(f"m{address + len(found):x},{count:x}"))
        return bytes(found)

    def description(self, name: str) -> str:
        """A file of the target's description of its registers."""
        text = ""
        while True:
            reply = self.ask(f"qXfer:features:read:{name}:{len(text):x},{CHUNK:x}")
            text += reply[1:]
            if not reply.startswith("m"):
                return text

    def describe(self, folder: Path) -> Path:
        """The description for gdb, which is to take the code for what it is, 16-bit. Its file."""
        self.ask("qSupported:xmlRegisters=i386")
        text = self.description("target.xml")
        for name in re.findall(r'href="([^"/]+)"', text):
            (folder / name).write_text(self.description(name), encoding="utf-8")
        text = re.sub(r"<architecture>[^<]*", "<architecture>i8086", text)
        path = folder / "target.xml"
        path.write_text(text, encoding="utf-8")
        return path

    def find_rom(self, image: bytes) -> int:
        """Run until the first instruction of the ROM `image`; its segment.

        Error: it is not called, before the machine ends or the patience does.
        """
        places = [at + ENTRY for at in range(FIRST, LAST, STEP)]
        for place in places:
            if self.ask(f"Z1,{place:x},1") != "OK":
                raise _lost("takes no breakpoints")
        while True:
            reply = self.ask("c")
            if not reply.startswith(("T", "S")):
                raise _lost("the machine ended before the ROM was called")
            at = self._stopped_at(places, image)
            if at:
                break
            # Another ROM: over its first instruction, which has a breakpoint.
            self.ask("s")
        for place in places:
            self.ask(f"z1,{place:x},1")
        return at >> 4

    def _stopped_at(self, places: list[int], image: bytes) -> int:
        """Where our ROM begins, if the machine stands at its first instruction; 0 if not.

        QEMU tells IP alone, so that every place that holds our ROM is looked at with CS.
        """
        registers = bytes.fromhex(self.ask("g"))
        ip = int.from_bytes(registers[32:36], "little")
        segment = int.from_bytes(registers[40:44], "little")
        begin = (segment << 4) + ip - ENTRY
        if begin + ENTRY not in places:
            return 0
        # The size byte and the sums are the BIOS's to read, not to change: it is the same image.
        return begin if self.memory(begin, 64) == image[:64] else 0


def _plain(raw: bytes) -> str:
    """A packet's text: runs and escapes resolved."""
    out = bytearray()
    at = 0
    while at < len(raw):
        if raw[at : at + 1] == b"}":
            out.append(raw[at + 1] ^ 0x20)
            at += 2
        elif raw[at : at + 1] == b"*":
            out += out[-1:] * (raw[at + 1] - 29)
            at += 2
        else:
            out.append(raw[at])
            at += 1
    return out.decode("latin-1")
