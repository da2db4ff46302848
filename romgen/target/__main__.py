"""A scripted target as a process of its own, for a network namespace or for trying things by hand.

    python -m romgen.target --listen 127.0.0.1:3260 --lun 1=disk.img --user initiator:secretsecret12

Prints ``ready PORT`` once it listens, then one line for each event, and ends at SIGTERM or Ctrl-C.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from romgen.target.disk import Disk, lun_bytes
from romgen.target.script import Account, Script
from romgen.target.server import Target

POLL = 0.1
"""Seconds between two looks for events."""
LUN_MAX = 16383


class _EndedError(Exception):
    """A signal asks for the end."""


def _account(text: str) -> Account:
    """NAME:SECRET."""
    name, sign, secret = text.partition(":")
    if not (name and sign and secret):
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME:SECRET")
    return Account(name, secret.encode())


def _lun(text: str) -> Disk:
    """NUMBER=FILE."""
    number, sign, path = text.partition("=")
    if not (sign and number.isdecimal() and int(number) <= LUN_MAX):
        raise argparse.ArgumentTypeError(f"'{text}' is not NUMBER=FILE with a number to {LUN_MAX}")
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"'{path}' is no file")
    return Disk(Path(path), lun_bytes(int(number)))


def _address(text: str) -> tuple[str, int]:
    """HOST:PORT."""
    host, sign, port = text.rpartition(":")
    if not (sign and port.isdecimal() and int(port) < 1 << 16):
        raise argparse.ArgumentTypeError(f"'{text}' is not HOST:PORT")
    return host, int(port)


def _digests(text: str) -> tuple[str, ...]:
    """CRC32C, None or both, in order of preference."""
    kinds = tuple(text.split(","))
    if not set(kinds) <= {"CRC32C", "None"}:
        raise argparse.ArgumentTypeError(f"'{text}' is not of CRC32C and None")
    return kinds


def _end(number: int, frame: FrameType | None) -> None:
    raise _EndedError


def main() -> int:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m romgen.target", description=__doc__)
    parser.add_argument("--listen", type=_address, default=("127.0.0.1", 0), metavar="HOST:PORT")
    parser.add_argument("--name", default=Script.name, help="the target's iSCSI name")
    parser.add_argument("--lun", type=_lun, action="append", required=True, metavar="NUMBER=FILE")
    parser.add_argument("--user", type=_account, help="CHAP is required from this NAME:SECRET")
    parser.add_argument("--mutual", type=_account, help="the target's own NAME:SECRET")
    for option in ("--header-digest", "--data-digest"):
        parser.add_argument(
            option, type=_digests, default=("CRC32C", "None"), help="accepted: CRC32C,None"
        )
    args = parser.parse_args()
    if args.mutual and not args.user:
        parser.error("--mutual needs --user: mutual CHAP begins with the initiator's proof")
    script = Script(
        name=args.name,
        auth="CHAP" if args.user else "None",
        user=args.user,
        mutual=args.mutual,
        header_digest=args.header_digest,
        data_digest=args.data_digest,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    host, port = args.listen
    try:
        with Target(script, *args.lun, host=host, port=port) as target:
            print(f"ready {target.port}", flush=True)
            _tell(target)
    except _EndedError:
        pass
    return 0


def _tell(target: Target) -> None:
    """Print events as they come; what was printed, and the log of PDUs, is thrown away."""
    while True:
        time.sleep(POLL)
        while target.events:
            print(target.events.pop(0), flush=True)
        target.log.clear()


if __name__ == "__main__":
    sys.exit(main())
