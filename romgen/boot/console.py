"""What comes out of the serial port: text without escapes, a guest's report, the ROM's messages."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field

ESCAPE = re.compile(r"\x1b(?:\[(?P<args>[0-9;?]*)(?P<final>[@-~])|[()][A-Za-z0-9]|[@-Z\\-_a-z])")
ESCAPE_START = re.compile(r"\x1b(?:\[[0-9;?]*|[()])?\Z")
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
    cursor is moved to another. SeaBIOS sends UTF-8.
    """

    lines: list[Line] = field(default_factory=list)
    _fresh: str = ""
    _rest: str = ""
    _line: str = ""
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="replace")
    )
    _cursor: tuple[int, int] = (0, 0)
    _end: tuple[int, int] = (0, 0)

    @property
    def text(self) -> str:
        """All lines, and what there is of the last one."""
        return "".join(f"{line.text}\n" for line in self.lines) + self._line

    def feed(self, data: bytes, at: float) -> str:
        """Take bytes that came at `at`; returns the clean text."""
        raw = self._rest + self._decoder.decode(data).replace("\ufffd", "?")
        start = ESCAPE_START.search(raw)
        self._rest = raw[start.start() :] if start else ""
        if start:
            raw = raw[: start.start()]
        self._fresh = ""
        done = 0
        for match in ESCAPE.finditer(raw):
            self._print(raw[done : match.start()], at)
            self._escape(match)
            done = match.end()
        self._print(raw[done:], at)
        return self._fresh

    def _print(self, raw: str, at: float) -> None:
        for char in raw:
            row, column = self._cursor
            if char == "\n":
                self._end_line(at)
                self._cursor = self._end = min(row + 1, ROWS - 1), column
            elif char == "\r":
                self._cursor = row, 0
            elif char == "\b":
                self._cursor = row, max(column - 1, 0)
            elif char.isprintable():
                self._catch_up(at)
                self._line += char
                self._fresh += char
                self._cursor = self._end = row, column + 1

    def _catch_up(self, at: float) -> None:
        """The cursor was moved since the last character: a gap in the line, or a new one.

        Only now: SeaBIOS moves it to and fro between any two characters.
        """
        (row, column), (end_row, end_column) = self._cursor, self._end
        if not self._line or self._cursor == self._end:
            return
        if row != end_row or column < end_column:
            self._end_line(at)
            return
        gap = " " * min(column - end_column, COLUMNS)
        self._line += gap
        self._fresh += gap

    def _escape(self, match: re.Match[str]) -> None:
        """Only what moves the cursor counts."""
        if match[0] == "\x1bc":
            self._cursor = 0, 0
        elif match["final"] in ("H", "f"):
            numbers = [int(n) for n in match["args"].split(";") if n.isdecimal()]
            row, column = [*numbers, 1, 1][:2]
            self._cursor = max(row - 1, 0), max(column - 1, 0)

    def _end_line(self, at: float) -> None:
        self.lines.append(Line(at, self._line))
        self._fresh += "\n"
        self._line = ""

    def insert(self, line: str, at: float) -> str:
        """A whole line from elsewhere: it does not cut the line that is not finished yet."""
        clean = "".join(char for char in line if char.isprintable())
        self.lines.append(Line(at, clean))
        return f"\n{clean}\n" if self._line else f"{clean}\n"

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
