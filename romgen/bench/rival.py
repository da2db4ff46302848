"""iPXE as Debian's ipxe-qemu has it: which file, and how it gets a static configuration.

Its ROM has no place for a script. It asks QEMU's user network for an address (DHCP), loads the
script from there (TFTP), and the script does what an embedded one with a static configuration
would: it opens the adapter anew, sets the addresses and boots. What comes before counts up to the
prompt for the command line only: the wait for a key and DHCP are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from romgen.boot import ev
from romgen.boot.console import Line
from romgen.boot.foreign import IPXE
from romgen.catalog import Nic
from romgen.compose import with_pci_id
from romgen.errors import EXIT_TOOL, RomgenError
from romgen.project import write_atomic

SCRIPT = "bench.ipxe"
WAIT, GO = "@wait", "@go"
WAIT_SECONDS = 1
READY = re.compile(r"^Features:")
"""The last line before the wait for a key."""


def rom(nic: Nic, folder: Path) -> Path:
    """The image for an adapter, copied to a folder, with the id of QEMU's first device of it.

    SeaBIOS runs no other; Debian's image for virtio-net has the id of its newer form. Error: not
    installed.
    """
    path = IPXE / nic.ipxe
    if not nic.ipxe or not path.is_file():
        raise RomgenError(
            "bench-ipxe",
            str(path),
            "not installed",
            "run: apt-get install --no-install-recommends ipxe-qemu",
            status=EXIT_TOOL,
        )
    copy = folder / f"ipxe-{path.name}"
    write_atomic(copy, with_pci_id(path.read_bytes(), nic.pci))
    return copy


def netdev(folder: Path, address: str, target: str, port: int, *, wait: bool = False) -> str:
    """Writes the script; the arguments of `-netdev user` that lead to it.

    wait: it says WAIT and waits before it says GO, so that the user network can be unplugged
    """
    lines = (
        "#!ipxe",
        *((f"echo {WAIT}", f"sleep {WAIT_SECONDS}") if wait else ()),
        f"echo {GO}",
        "ifclose net0",
        f"set net0/ip {address}",
        f"set net0/netmask {ev.NETMASK}",
        "clear net0/gateway",
        "ifopen net0",
        f"set initiator-iqn {ev.INITIATOR_NAME}",
        f"sanboot iscsi:{target}::{port}:1:{ev.TARGET_NAME}",
    )
    (folder / SCRIPT).write_text("\n".join(lines) + "\n")
    return f"tftp={folder},bootfile={SCRIPT}"


def power_on(lines: Sequence[Line], first: float) -> float:
    """Seconds to `first`, without the wait for a key and without DHCP.

    Error: the console lacks one of the two places.
    """
    ready = next((line.at for line in lines if READY.search(line.text)), None)
    go = next((line.at for line in lines if line.text.startswith(GO)), None)
    if ready is None or go is None:
        raise RomgenError("bench-ipxe", "console", "iPXE did not come to its script")
    return ready + first - go
