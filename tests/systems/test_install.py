"""System 6: a local Debian installs itself on the disk of the iBFT, which boots afterwards."""

from __future__ import annotations

import time
from pathlib import Path

from romgen.boot import ev
from romgen.project import Project
from romgen.systems.debian import DISK_MIB, LABEL, LOCAL, WRITTEN, local_disk
from romgen.systems.image import MIB, file_in
from romgen.systems.run import SystemBoot, boot_system, record


def test_an_installed_system_boots(
    project: Project, rom: Path, device: str, tmp_path: Path
) -> None:
    begin = time.monotonic()
    local = local_disk()
    built = time.monotonic() - begin
    disk = tmp_path / "disk.img"
    with disk.open("wb") as empty:
        empty.truncate(DISK_MIB * MIB)
    drive = ("-drive", f"if=ide,format=raw,snapshot=on,file={local}")
    install = boot_system(project, rom, device, SystemBoot("install", disk, 1500, extra=drive))
    text = install.run.console.text[-3000:]
    assert install.lines and install.lines[-1] == "@done", text
    (source,) = install.values("local")
    assert source.split() == ["/dev/sda1", LOCAL]
    (found,) = install.values("found")
    assert found.split()[1:] == [ev.TARGET_NAME, str(DISK_MIB * MIB)]
    assert f"-iscsi-{ev.TARGET_NAME}-lun-1" in found.split()[0]
    assert install.values("installed") == [LABEL], text
    record(project, "install", "Debian 12 installs itself on the iBFT's disk", install, build=built)

    booted = boot_system(project, rom, device, SystemBoot("installed", disk, 900))
    text = booted.run.console.text[-3000:]
    assert booted.lines and booted.lines[-1] == "@done", text
    assert (booted.run.ended, booted.run.status, booted.messages) == ("exit", 0, [])
    assert booted.values("session") == [f"{ev.TARGET_NAME} {ev.INITIATOR_NAME} LOGGED_IN"]
    (written,) = booted.values("written")
    assert file_in(disk, WRITTEN) == f"{written}\n".encode()
    assert file_in(disk, "/etc/hostname") == b"romgen-installed\n"
    record(project, "installed", "the installed system, root on iSCSI", booted)
