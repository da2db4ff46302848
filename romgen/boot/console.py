"""What comes out of the serial port: text without escapes, a guest's report, the ROM's messages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ESCAPE = re.compile(r"\x1b(?:\[(?P<args>[0-9;?]*)(?P<final>[@-~])|[()][A-Za-z0-9]|[@-Z\\-_a-z])")
ESCAPE_START = re.compile(r"\x1b(?:\[[0-9;?]*|[()])?\Z")
CONTROL = re.compile(r"[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")
COLUMNS = 80
ROWS = 25
"""Size of the BIOS's screen."""
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
    _row: int = 0
    _column: int = 0

    def feed(self, data: bytes, at: float) -> str:
        """Take bytes that came at `at`; returns the clean text."""
        raw = self._rest + data.decode("ascii", errors="replace").replace("\ufffd", "?")
        start = ESCAPE_START.search(raw)
        self._rest = raw[start.start() :] if start else ""
        if start:
            raw = raw[: start.start()]
        before = len(self.text)
        done = 0
        for match in ESCAPE.finditer(raw):
            self._print(raw[done : match.start()], at)
            self._escape(match, at)
            done = match.end()
        self._print(raw[done:], at)
        return self.text[before:]

    def _print(self, raw: str, at: float) -> None:
        for char in CONTROL.sub("", raw):
            if char == "\n":
                self._end_line(at)
                self._row = min(self._row + 1, ROWS - 1)
            elif char == "\r":
                self._column = 0
            elif char == "\b":
                self._column = max(self._column - 1, 0)
            elif char != "\x1b":
                if self._line and self._column == 0:
                    self._end_line(at)  # printed over, or broken by the screen's edge
                self._line += char
                self.text += char
                self._column += 1

    def _escape(self, match: re.Match[str], at: float) -> None:
        """Only what moves the cursor counts.

        SeaBIOS moves it to where it is anyhow between any two characters.
        """
        row, column = self._row, self._column
        if match[0] == "\x1bc":
            row = column = 0
        elif match["final"] in ("H", "f"):
            numbers = [int(n) for n in match["args"].split(";") if n.isdecimal()]
            row, column = (max(n - 1, 0) for n in [*numbers, 1, 1][:2])
        if self._line and (row != self._row or column < self._column):
            self._end_line(at)
        elif self._line and column > self._column:
            gap = " " * min(column - self._column, COLUMNS)
            self._line += gap
            self.text += gap
        self._row, self._column = row, column

    def _end_line(self, at: float) -> None:
        self.lines.append(Line(at, self._line))
        self.text += "\n"
        self._line = ""

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
