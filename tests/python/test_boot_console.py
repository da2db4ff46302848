"""romgen.boot.console: escapes, lines with their times, the guest's report, the ROM's messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from romgen.boot.console import Console, Line, guest_report, rom_messages


def fed(*parts: bytes) -> Console:
    console = Console()
    for number, part in enumerate(parts):
        console.feed(part, float(number))
    return console


def test_escapes_go_and_line_ends_are_plain() -> None:
    assert fed(b"\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS\r\nBooting\r\n").text == "SeaBIOS\nBooting\n"


def test_move_to_where_the_cursor_is_changes_nothing() -> None:
    assert fed(b"\x1b[7;1Hb\x1b[7;2Hoot: \x1b[8;1Hnext").text == "boot: \nnext"


def test_an_escape_may_be_cut_anywhere() -> None:
    raw = b"one\x1b[0;1mtwo\x1b[3;1Hthree\r\n"
    whole = fed(raw).text
    assert whole == "onetwo\nthree\n"
    for cut in range(len(raw)):
        assert fed(raw[:cut], raw[cut:]).text == whole


def test_a_line_has_the_time_of_its_end() -> None:
    console = fed(b"on", b"e\r\ntw", b"o")
    console.finish(9.0)
    assert console.lines == [Line(1.0, "one"), Line(9.0, "two")]


@given(st.binary(max_size=200))
def test_any_bytes_become_printable_text(raw: bytes) -> None:
    assert all(char in "\n\t" or char.isprintable() for char in fed(raw).text)


def test_numbered_messages_of_the_rom() -> None:
    lines = [Line(1, "romgen 0.1"), Line(2, "RG-3012 target does not answer (10.0.2.2): TargetIP")]
    (message,) = rom_messages(lines)
    assert (message.at, message.number) == (2, 3012)
    assert message.text == "target does not answer (10.0.2.2): TargetIP"


def test_a_message_over_two_lines_of_the_screen() -> None:
    text = (
        "RG-3003 no ARP reply from the target (10.0.2.2): TargetIP, cable, switch port, VLAN, power"
    )
    lines = [Line(1, text[:80]), Line(2, text[80:]), Line(3, "Booting")]
    assert rom_messages(lines)[0].text == text.removeprefix("RG-3003 ")


def test_no_message_where_the_number_is_not_one() -> None:
    assert rom_messages([Line(0, "XRG-3012 RG-12 RG-12345")]) == []


def test_report_of_a_guest() -> None:
    text = "@fact vector 13 F000:E3FE\n@ok a\n@fail b ax=01\n@disk 80 id=12 sum=34\n@done 1 1"
    report = guest_report([Line(0, line) for line in text.splitlines()])
    assert report.facts == {"vector": ["13 F000:E3FE"]}
    assert (report.ok, report.failed) == (["a"], {"b": "ax=01"})
    assert report.disks == {0x80: {"id": "12", "sum": "34"}}
    assert report.complete


def test_a_report_that_lost_a_line_is_not_complete() -> None:
    assert not guest_report([Line(0, "@ok a"), Line(0, "@done 2 0")]).complete
    assert not guest_report([Line(0, "@ok a")]).complete


def test_a_damaged_report_line_is_no_crash() -> None:
    report = guest_report([Line(0, "@done x y"), Line(0, "@disk zz id=1"), Line(0, "@fail")])
    assert report.done is None and report.disks == {} and report.failed == {}


def test_a_line_from_elsewhere_does_not_cut_one() -> None:
    console = fed(b"one\r\ntw")
    assert console.insert("@ok a\r", 1.0) == "\n@ok a\n"
    console.feed(b"o\r\n", 2.0)
    assert [line.text for line in console.lines] == ["one", "@ok a", "two"]


def test_a_move_to_where_the_cursor_is_ends_no_line() -> None:
    assert fed(b"\x1bc\x1b[5;4Habc\x1b[5;7Hdef\r\nx").text == "abcdef\nx"


def test_a_move_within_the_row_is_a_gap_or_a_new_line() -> None:
    assert fed(b"\x1bcab\x1b[1;5Hcd\x1b[1;1Hef").text == "ab  cd\nef"


def test_text_printed_over_is_a_new_line() -> None:
    assert fed(b"one\rtwo\r\n").text == "one\ntwo\n"


def test_the_cursor_goes_to_and_fro_between_two_characters() -> None:
    assert fed(b"\x1bcWelcome\x1b[1;07H\x1b[1;08H to GRUB!\r\n").text == "Welcome to GRUB!\n"


def test_a_frame_is_utf_8_cut_anywhere() -> None:
    raw = "\u250c\u2500".encode()
    assert fed(raw[:1], raw[1:4], raw[4:]).text == "\u250c\u2500"
