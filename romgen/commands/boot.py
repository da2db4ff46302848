"""`romgen boot`: boot a disk over iSCSI through a ROM, in QEMU, and say what happened.

The target is a private tgtd on 127.0.0.1, the adapter that of the layout. Without --disk a
demonstration disk boots, which checks INT 13h and reports; docs/guide/boot.md has examples.

Exit codes: 0 booted as expected, 2 wrong arguments or variables, 3 a tool is missing, 4 did not
boot as expected.
"""

from __future__ import annotations

import argparse
import io
import json
import signal
import sys
from pathlib import Path
from types import FrameType

from romgen.boot.images import rom_for_layout
from romgen.boot.run import DATA_LUN, DEFAULT_LAYOUT, DEFAULT_TIMEOUT, BootRequest, boot
from romgen.boot.tgt import LISTEN, free_port
from romgen.build import read_ev
from romgen.commands import Subparsers
from romgen.errors import EXIT_BOOT, EXIT_OK, RomgenError
from romgen.layout import UNIVERSAL
from romgen.project import Project

UNIVERSAL_NIC = "virtio"
"""Adapter for a ROM with several drivers; it is not in the socket, but a ROM of the machine's."""
GDB_PORT = 1234
GDB_TIMEOUT = 86400.0
"""Seconds for everything where a debugger holds the machine."""


def add_parser(sub: Subparsers) -> None:
    """Add the command's arguments."""
    parser = sub.add_parser(
        "boot",
        help="boot a disk over iSCSI in QEMU; exit 0 booted as expected, 4 did not",
        description="Boots a disk through a ROM in QEMU, from a private tgtd on 127.0.0.1.",
    )
    image = parser.add_mutually_exclusive_group()
    image.add_argument("--layout", metavar="NAME", help=f"default: {DEFAULT_LAYOUT}")
    image.add_argument("--rom", type=Path, metavar="FILE", help="this image, with --nic")
    parser.add_argument("--nic", help="adapter's short name; default: the layout's")
    parser.add_argument("--disk", type=Path, metavar="IMAGE", help="default: a demonstration disk")
    parser.add_argument("--lun", type=int, default=DATA_LUN, metavar="N", help="default: 1")
    parser.add_argument("--ev", type=Path, metavar="FILE", help="EV text; what it lacks is added")
    parser.add_argument("--expect", metavar="REGEX", help="text on the console that means success")
    parser.add_argument("--timeout", type=float, metavar="S", help=f"{DEFAULT_TIMEOUT:g} seconds")
    parser.add_argument("--accel", choices=("tcg", "kvm"), default="tcg")
    parser.add_argument("--pcap", type=Path, metavar="FILE", help="keep the network capture")
    parser.add_argument("--serial", type=Path, metavar="FILE", help="keep the raw serial output")
    parser.add_argument("--json", action="store_true", help="the result as JSON, nothing else")
    parser.add_argument(
        "--gdb",
        type=int,
        nargs="?",
        const=GDB_PORT,
        metavar="PORT",
        help=f"halt at reset and wait for gdb on 127.0.0.1:PORT ({GDB_PORT}; 0: a free one)",
    )
    parser.set_defaults(run=run)


def _on_signal(number: int, frame: FrameType | None) -> None:
    """SIGTERM and SIGHUP end us as Ctrl-C does: everything that was started is ended."""
    raise KeyboardInterrupt


def _request(project: Project, args: argparse.Namespace) -> BootRequest:
    timeout = args.timeout
    if timeout is None:
        timeout = DEFAULT_TIMEOUT if args.gdb is None else GDB_TIMEOUT
    if timeout <= 0:
        raise RomgenError("boot-timeout", "--timeout", f"{timeout:g} is no time to wait")
    if not 1 <= args.lun <= 16383:
        raise RomgenError("boot-lun", "--lun", f"{args.lun} cannot be exported", "give 1 to 16383")
    universal = False
    if args.rom is not None:
        rom, nic = args.rom, args.nic
        if nic is None:
            raise RomgenError("boot-nic", "--rom", "which adapter?", "give --nic, e.g. --nic e1000")
    else:
        rom, nic = rom_for_layout(project, args.layout or DEFAULT_LAYOUT)
        universal = nic == UNIVERSAL
        nic = args.nic or (UNIVERSAL_NIC if universal else nic)
    text = read_ev(args.ev).decode("utf-8", errors="surrogateescape") if args.ev else ""
    return BootRequest(
        rom=rom,
        nic=nic,
        disk=args.disk,
        lun=args.lun,
        ev_text=text,
        expect=args.expect,
        timeout=timeout,
        accel=args.accel,
        pcap=args.pcap,
        serial=args.serial,
        option_rom=universal,
        gdb_port=args.gdb if args.gdb != 0 else free_port(),
    )


def run(args: argparse.Namespace) -> int:
    """Boot; the console goes to standard output as it comes, then the closing line."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a menu's frame on a terminal without Unicode
    project = Project()
    request = _request(project, args)
    if request.gdb_port is not None:
        print(f"halted; in gdb: target remote {LISTEN}:{request.gdb_port}", file=sys.stderr)

    last = "\n"

    def show(text: str) -> None:
        nonlocal last
        if text and not args.json:
            sys.stdout.write(text)
            sys.stdout.flush()
            last = text[-1]

    report = boot(project, request, show)
    if args.json:
        print(json.dumps(report.json(), indent=2))
    else:
        end = "" if last == "\n" else "\n"
        print(f"{end}{report.line()}", flush=True)
    return EXIT_OK if report.ok else EXIT_BOOT
