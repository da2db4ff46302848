"""What comes out of the serial port: text without escapes, a guest's report, the ROM's messages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ESCAPE = re.compile(r"\x1b(?:\[(?P<args>[0-9;?]*)(?P<final>[@-~])|[()][A-Za-z0-9]|[@-Z\\-_a-z])")
ESCAPE_START = re.compile(r"\x1b(?:\[[0-9;?]*|[()])?\Z")
CONTROL = re.compile(r"[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")
COLUMNS = 80
"""Width of the BIOS's screen."""
HEX = re.compile(r"[0-9A-Fa-f]{1,2}")
ROM_MESSAGE = re.compile(r"\bRG-(?P<number>\d{4})\b[ :]*(?P<text>.*)")


@dataclass(frozen=True, slots=True)
class Line:
    """A finished line of the console and when it was finished, in seconds since the start."""

    at: float
    text: str


@dataclass(slots=True)
class Console:
    """Collects the bytes of a serial port.

    `feed` returns what a person should see of them: no escape sequences, a new line where the
    cursor is moved. Bytes are taken as CP437-free ASCII; others are shown as `?`.
    """

    text: str = ""
    lines: list[Line] = field(default_factory=list)
    _rest: str = ""
    _line: str = ""

    def feed(self, data: bytes, at: float) -> str:
        """Take bytes that came at `at`; returns the clean text."""
        raw = self._rest + data.decode("ascii", errors="replace").replace("\ufffd", "?")
        start = ESCAPE_START.search(raw)
        self._rest = raw[start.start() :] if start else ""
        if start:
            raw = raw[: start.start()]
        clean = self._unwrap(ESCAPE.sub(_moved, raw))
        self.text += clean
        for char in clean:
            if char == "\n":
                self.lines.append(Line(at, self._line))
                self._line = ""
            else:
                self._line += char
        return clean

    def _unwrap(self, raw: str) -> str:
        """CR LF and cursor moves to plain line ends, without adding empty lines."""
        raw = CONTROL.sub("", raw.replace("\x1b", ""))
        out: list[str] = []
        length = len(self._line)
        for char in raw.replace("\r", ""):
            if ord(char) >= MOVE:
                # To the place where the cursor is anyhow: SeaBIOS does so between characters.
                if length == 0 or ord(char) - MOVE == length:
                    continue
                char = "\n"
            if char == "\b":
                continue
            out.append(char)
            length = 0 if char == "\n" else length + 1
        return "".join(out)

    def insert(self, line: str, at: float) -> str:
        """A whole line from elsewhere: it does not cut the line that is not finished yet."""
        clean = CONTROL.sub("", line.replace("\r", "")) + "\n"
        shown = f"\n{clean}" if self._line else clean
        self.text += shown
        self.lines.append(Line(at, clean[:-1]))
        return shown

    def finish(self, at: float) -> None:
        """End the last line, which may lack its end."""
        if self._line:
            self.lines.append(Line(at, self._line))
            self._line = ""


MOVE = 0xE000
"""Code point that stands for a move to column 0 inside this module, the next one for column 1."""


def _moved(match: re.Match[str]) -> str:
    if match["final"] not in ("H", "f", "J"):
        return ""
    row_column = (match["args"] or "").split(";")
    column = row_column[1] if len(row_column) == 2 and row_column[1].isdecimal() else "1"
    return chr(MOVE + min(max(int(column), 1), 1000) - 1)


@dataclass(frozen=True, slots=True)
class RomMessage:
    """A line of the ROM that carries an error number: when, the number, the text behind it."""

    at: float
    number: int
    text: str


def rom_messages(lines: list[Line]) -> list[RomMessage]:
    """The ROM's numbered messages on the console, in order."""
    found: list[RomMessage] = []
    for index, line in enumerate(lines):
        if match := ROM_MESSAGE.search(line.text):
            text = match["text"]
            for end in range(index, len(lines) - 1):  # the screen breaks long lines
                if len(lines[end].text) != COLUMNS:
                    break
                text += lines[end + 1].text
            found.append(RomMessage(line.at, int(match["number"]), text.strip()))
    return found


@dataclass(slots=True)
class GuestReport:
    """What a boot program of ours reported (qemu/guests/report.inc).

    ok, failed: names of its checks (a failed one with its values); facts: name -> values in order;
    disks: drive number -> its values; done: (ok, failed) counts of the last line, None without it.
    """

    ok: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    facts: dict[str, list[str]] = field(default_factory=dict)
    disks: dict[int, dict[str, str]] = field(default_factory=dict)
    done: tuple[int, int] | None = None

    @property
    def complete(self) -> bool:
        """The last line came, and its counts are those of the lines."""
        return self.done == (len(self.ok), sum(1 for _ in self.failed))


def guest_report(lines: list[Line]) -> GuestReport:
    """Read the `@` lines; one that was damaged on its way is left out, so the counts disagree."""
    report = GuestReport()
    for line in lines:
        words = line.text.strip().split()
        match words:
            case ["@ok", name]:
                report.ok.append(name)
            case ["@fail", name, *values]:
                report.failed[name] = " ".join(values)
            case ["@fact", name, *values]:
                report.facts.setdefault(name, []).append(" ".join(values))
            case ["@disk", drive, *values] if HEX.fullmatch(drive):
                pairs = (value.partition("=") for value in values)
                report.disks[int(drive, 16)] = {key: value for key, _, value in pairs}
            case ["@done", ok, failed] if ok.isdecimal() and failed.isdecimal():
                report.done = (int(ok), int(failed))
    return report
