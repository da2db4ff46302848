"""A boot of the demonstration disk from the kernel's target in a guest (romgen/systems/lio.py)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from romgen.boot.console import guest_report, rom_messages
from romgen.boot.ev import text
from romgen.boot.qemu import Machine, Nic, Stop, run
from romgen.boot.wire_boot import (
    DISK,
    SECRET,
    TARGET_SECRET,
    USER,
    Security,
    WireBoot,
    WireOutcome,
    variables,
)
from romgen.systems.lio import Lio, LioTarget

OWN_USER = "target"
NAME = "iqn.2007-09.com.example:lio-{auth}-{digests}{suffix}"


def lio_target(folder: Path, security: Security, suffix: str = "") -> LioTarget:
    """The target for this security, with a fresh demonstration disk in `folder`.

    suffix: of its name, where there are several for the same security
    """
    words = [word for word in ("header", "data") if getattr(security, word)]
    name = NAME.format(auth=security.auth.lower(), digests="-".join(words) or "off", suffix=suffix)
    image = folder / f"{name.rpartition(':')[2]}.img"
    image.write_bytes(DISK.image())
    mutual = security.auth == "MutualCHAP"
    return LioTarget(
        name,
        image,
        auth="None" if security.auth == "None" else "CHAP",
        header="CRC32C" if security.header else "None",
        data="CRC32C" if security.data else "None",
        user=USER if security.auth != "None" else "",
        secret=SECRET if security.auth != "None" else "",
        own_user=OWN_USER if mutual else "",
        own_secret=TARGET_SECRET if mutual else "",
    )


def lio_boot(
    lio: Lio,
    target: LioTarget,
    rom: Path,
    device: str,
    security: Security,
    timeout: float,
    given: dict[str, str] | None = None,
    extra: tuple[str, ...] = (),
) -> WireOutcome:
    """Boot from it, one boot at a time. given: variables that replace what is there.

    extra: arguments of QEMU
    """
    values = {"TargetName": target.name} | (given or {})
    asked = WireBoot(rom, device, security=security, variables=values)
    with tempfile.TemporaryDirectory(prefix="romgen-lio-") as folder:
        machine = Machine(
            nic=Nic(device, rom, netdev=None),
            ev=text(variables(asked)),
            extra=(
                *("-netdev", lio.netdev + ",id=wire0"),
                *("-netdev", "hubport,id=port1,hubid=0,netdev=wire0"),
                *extra,
            ),
        )
        result = run(machine, Stop(timeout), Path(folder))
    lines = result.console.lines
    return WireOutcome(
        result, guest_report(lines), rom_messages(lines), [], {}, target.image.read_bytes(), False
    )
