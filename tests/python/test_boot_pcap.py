"""romgen.boot.pcap: captures built here by hand, from construct, read back."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from romgen.boot.pcap import pdus, read_frames, segments
from romgen.errors import RomgenError
from romgen.formats import iscsi, net

GUEST, HOST = bytes([10, 0, 2, 15]), bytes([10, 0, 2, 2])
PORT = 3260
SYN, ACK = net.CONSTANTS["TCP_SYN"], net.CONSTANTS["TCP_ACK"]


def frame(seq: int, payload: bytes = b"", flags: int = ACK, to_target: bool = True) -> bytes:
    """One Ethernet frame with a TCP segment, padded as Ethernet wants it."""
    ports = (50000, PORT) if to_target else (PORT, 50000)
    tcp = net.tcp.build(
        {
            **dict(zip(("src_port", "dst_port"), ports, strict=True)),
            **{"seq": seq, "ack": 0, "data_offset": 0x50, "flags": flags},
            **{"window": 1000, "checksum": 0, "urgent": 0},
        }
    )
    packet = net.ip.build(
        {
            **{"version_ihl": 0x45, "tos": 0, "total_length": 40 + len(payload), "id": 0},
            **{"fragment": 0, "ttl": 64, "protocol": 6, "checksum": 0},
            **dict(zip(("source", "dest"), (GUEST, HOST) if to_target else (HOST, GUEST),
                       strict=True)),
        }
    )  # fmt: skip
    header = net.eth.build({"dest": bytes(6), "source": b"\x52" + bytes(5), "type": 0x0800})
    return bytes((header + packet + tcp + payload).ljust(60, b"\xee"))


def capture(path: Path, frames: list[bytes], magic: int = 0xA1B2C3D4, link: int = 1) -> Path:
    records = [
        struct.pack("<IIII", 100, number * 1000, len(raw), len(raw)) + raw
        for number, raw in enumerate(frames)
    ]
    header = struct.pack("<IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    path.write_bytes(header + b"".join(records))
    return path


def read_pdu(lba: int, count: int, tag: int = 1) -> bytes:
    cdb = struct.pack(">BBIBHB", iscsi.CONSTANTS["SCSI_READ_10"], 0, lba, 0, count, 0)
    return struct.pack(">BB2xB3x8xIIII", 1, 0xC1, 0, tag, 512, 1, 1) + cdb.ljust(16, b"\0")


def test_times_and_lengths(tmp_path: Path) -> None:
    frames = read_frames(capture(tmp_path / "c", [frame(1), frame(2)]))
    assert [each.at for each in frames] == [100.0, 100.001]
    assert [each.length for each in frames] == [60, 60]


def test_padding_is_not_payload(tmp_path: Path) -> None:
    (segment,) = segments(read_frames(capture(tmp_path / "c", [frame(5, b"ab")])))
    assert (segment.seq, segment.payload) == (5, b"ab")
    assert (segment.source, segment.dest) == (("10.0.2.15", 50000), ("10.0.2.2", PORT))


def test_pdus_across_segments_in_any_order(tmp_path: Path) -> None:
    stream = read_pdu(7, 1, 1) + read_pdu(9, 127, 2)
    assert len(stream) == 96
    pieces = [(1001 + at, stream[at : at + 20]) for at in range(0, 96, 20)]
    shuffled = [pieces[i] for i in (0, 2, 1, 1, 4, 3)]
    frames = [frame(1000, flags=SYN)] + [frame(seq, data) for seq, data in shuffled]
    found = list(pdus(read_frames(capture(tmp_path / "c", frames)), PORT))
    assert [pdu.read for pdu in found] == [(7, 1), (9, 127)]
    assert [pdu.frame.index for pdu in found] == [3, 6]


def test_sequence_numbers_wrap(tmp_path: Path) -> None:
    stream = read_pdu(3, 2)
    start = (1 << 32) - 10
    frames = [
        frame(start - 1, flags=SYN),
        frame(start, stream[:10]),
        frame(0, stream[10:]),
    ]
    (pdu,) = pdus(read_frames(capture(tmp_path / "c", frames)), PORT)
    assert pdu.read == (3, 2)


def test_data_and_padding_of_a_pdu(tmp_path: Path) -> None:
    header = bytearray(48)
    header[0], header[7] = iscsi.CONSTANTS["ISCSI_DATA_IN"], 5
    stream = bytes(header) + b"hello\0\0\0" + bytes(header) + b"world\0\0\0"
    frames = [frame(0, flags=SYN, to_target=False), frame(1, stream, to_target=False)]
    found = list(pdus(read_frames(capture(tmp_path / "c", frames)), PORT))
    assert [pdu.data for pdu in found] == [b"hello", b"world"]
    assert not any(pdu.to_target for pdu in found)


def test_a_cut_record_is_left_out(tmp_path: Path) -> None:
    path = capture(tmp_path / "c", [frame(1), frame(2)])
    path.write_bytes(path.read_bytes()[:-1])
    assert len(read_frames(path)) == 1


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"hello", "pcap-format"),
        (bytes(24), "pcap-format"),
        (struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 113), "pcap-link"),
    ],
)
def test_no_capture(tmp_path: Path, raw: bytes, code: str) -> None:
    (tmp_path / "c").write_bytes(raw)
    with pytest.raises(RomgenError) as error:
        read_frames(tmp_path / "c")
    assert error.value.code == code


def test_an_empty_file_has_no_frames(tmp_path: Path) -> None:
    (tmp_path / "c").touch()
    assert read_frames(tmp_path / "c") == []
