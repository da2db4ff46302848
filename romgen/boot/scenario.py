"""Boots that have to go wrong in a certain way, as data: `qemu/scenarios/*.toml`.

Each gives a cable, a target that is broken in one way, the EV text, and what has to happen: which
errors the ROM prints (by name of `romgen/tables/errors/`), and what boots then. A local disk with
the facts program is always there, so that it can be seen that nothing was left behind.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from romgen.boot import ev
from romgen.boot.console import GuestReport, RomMessage, guest_report, rom_messages
from romgen.boot.disk import FactsDisk, disk_id, disk_sum
from romgen.boot.guest import EXIT_PASS
from romgen.boot.peers import ClosedPort, SilentTarget
from romgen.boot.qemu import Disk, Machine, Nic, Run, Stop, run
from romgen.boot.tgt import Lun, Tgtd
from romgen.catalog import load_errors
from romgen.errors import RomgenError
from romgen.project import Project
from romgen.toml_file import Key, TomlFile

TARGETS = ("tgtd", "closed", "silent", "hang-up", "none")
LOCAL, ISCSI = "local", "iscsi"
DATA_LUN = 1

_KEYS = {
    "title": Key(str, required=True, low=1),
    "cable": Key(str, default="good", choices=("good", "unplugged", "loose")),
    "target": Key(str, default="tgtd", choices=TARGETS),
    "lun_bytes": Key(int, default=FactsDisk().sectors * 512, low=0),
    "ev": Key(dict, default={}),
    "ev_text": Key(str),
    "boots": Key(list, required=True, item=str),
    "errors": Key(list, default=[], item=str),
    "says": Key(list, default=[], item=str),
    "within": Key(int, default=60, low=1),
}
ISCSI_DISK = FactsDisk(disk_id=0x15C51001)
LOCAL_DISK = FactsDisk(sectors=4096, disk_id=0x10CA1001)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One boot and what has to come of it.

    cable: good, unplugged (the adapter has no link), loose (link, but nobody behind it)
    target: tgtd; closed (nobody listens); silent (accepts, never answers); hang-up (closes at
    once); none (the address is nobody's)
    lun_bytes: size of the exported file; ev: variables added or replaced; ev_text: all of the text
    boots: the disks in the order of their numbers, `iscsi` and `local`; the first one is booted
    errors: names, one of which the ROM has to print, none if empty; says: further texts
    within: seconds
    """

    name: str
    title: str
    cable: str
    target: str
    lun_bytes: int
    ev: dict[str, str]
    ev_text: str | None
    boots: tuple[str, ...]
    errors: tuple[str, ...]
    says: tuple[str, ...]
    within: int


@dataclass(slots=True)
class Outcome:
    """What came of a scenario."""

    run: Run
    guest: GuestReport
    messages: list[RomMessage]


def names(project: Project) -> list[str]:
    """The names of all scenarios."""
    return sorted(path.stem for path in folder_of(project).glob("*.toml"))


def folder_of(project: Project) -> Path:
    """Where the scenarios are."""
    return project.root / "qemu" / "scenarios"


def load(project: Project, name: str) -> Scenario:
    """Read and check one scenario. Errors: as `TomlFile.take`; an unknown error name or disk."""
    file = TomlFile(folder_of(project) / f"{name}.toml", project.root)
    values = file.take(file.data, _KEYS)
    known = error_numbers(project)
    for error in values["errors"]:
        if error not in known:
            raise file.error("scenario-error", ("errors",), f"no error is named '{error}'")
    for disk in values["boots"]:
        if disk not in (LOCAL, ISCSI):
            raise file.error("scenario-disk", ("boots",), f"no disk is named '{disk}'")
    for variable, value in values["ev"].items():
        if not isinstance(value, str):
            raise file.error(
                "toml-type", ("ev", variable), f"'{variable}' is {value!r}", "quote it"
            )
    lists = {key: tuple(values[key]) for key in ("boots", "errors", "says")}
    return Scenario(name=name, **{**values, **lists})


def error_numbers(project: Project) -> dict[str, int]:
    """Error name -> number."""
    folder = project.tables / "errors"
    return {entry.name: entry.number for entry in load_errors(folder, project.root)}


def play(scenario: Scenario, rom: Path | None, device: str, pcap: Path | None = None) -> Outcome:
    """Boot it. rom: None is an empty socket, for comparison. device: QEMU's name of the adapter."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="romgen-case-")))
        local = folder / "local.img"
        local.write_bytes(LOCAL_DISK.image())
        text = ev_text(scenario, _target_port(stack, scenario, folder))
        netdev = None if scenario.cable == "loose" else ""
        machine = Machine(
            nic=Nic(device, rom, netdev=netdev, link=scenario.cable != "unplugged"),
            disks=(Disk(local, "virtio"),),
            ev=text,
            pcap=pcap,
        )
        result = run(machine, Stop(scenario.within), folder)
    lines = result.console.lines
    return Outcome(result, guest_report(lines), rom_messages(lines))


def ev_text(scenario: Scenario, port: int) -> str:
    """The text that the ROM gets."""
    if scenario.ev_text is not None:
        return scenario.ev_text
    return ev.text({**ev.defaults(port, DATA_LUN), **scenario.ev})


def _target_port(stack: ExitStack, scenario: Scenario, folder: Path) -> int:
    """Start the scenario's target; its port."""
    match scenario.target:
        case "tgtd":
            image = folder / "iscsi.img"
            image.write_bytes(ISCSI_DISK.image()[: scenario.lun_bytes])
            return stack.enter_context(Tgtd(ev.TARGET_NAME, [Lun(DATA_LUN, image)])).port
        case "silent" | "hang-up":
            hang_up = scenario.target == "hang-up"
            return stack.enter_context(SilentTarget(hang_up=hang_up)).port
        case _:
            return stack.enter_context(ClosedPort()).port


def problems(scenario: Scenario, outcome: Outcome, project: Project) -> list[str]:
    """What is not as the scenario says; empty if all is."""
    found: list[str] = []
    if outcome.run.status != EXIT_PASS or not outcome.guest.complete:
        found.append(
            f"the facts program did not finish: {outcome.run.ended} {outcome.run.status} "
            f"{outcome.guest.failed}"
        )
    numbers = error_numbers(project)
    wanted = {numbers[name] for name in scenario.errors}
    printed = [message.number for message in outcome.messages]
    if wanted and not wanted & set(printed):
        found.append(f"the ROM printed {printed}, not one of {scenario.errors}")
    if not wanted and printed:
        found.append(f"the ROM printed {outcome.messages}")
    found += [f"'{text}' was not said" for text in scenario.says if text not in _text(outcome)]
    return found + _disk_problems(scenario, outcome.guest)


def _text(outcome: Outcome) -> str:
    return outcome.run.console.text


def _disk_problems(scenario: Scenario, guest: GuestReport) -> list[str]:
    """Are the disks where they should be, with the right contents?"""
    images = {LOCAL: LOCAL_DISK.image(), ISCSI: ISCSI_DISK.image()}
    expected = {0x80 + number: images[disk] for number, disk in enumerate(scenario.boots)}
    if sorted(guest.disks) != sorted(expected):
        return [f"disks {sorted(map(hex, guest.disks))}, not {sorted(map(hex, expected))}"]
    found: list[str] = []
    for drive, image in expected.items():
        values = {"id": f"{disk_id(image):08X}", "sum": f"{disk_sum(image):08X}"}
        seen = {key: guest.disks[drive].get(key) for key in values}
        if seen != values:
            found.append(f"disk {drive:02x} is {seen}, not {values}")
    return found


def leftovers(outcome: Outcome, clean: Outcome) -> list[str]:
    """Facts in which the machine differs from one without the ROM (vectors, memory, disks)."""
    found: list[str] = []
    if not clean.guest.facts:
        raise RomgenError("scenario-facts", "facts program", "reported nothing without the ROM")
    for name, values in clean.guest.facts.items():
        now = outcome.guest.facts.get(name, [])
        found += [
            f"{name}: {a} instead of {b}" for a, b in zip(now, values, strict=False) if a != b
        ]
        if len(now) != len(values):
            found.append(f"{name}: {now} instead of {values}")
    return found
