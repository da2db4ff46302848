"""What fwupd wants to know of a firmware: AppStream metainfo of the type firmware.

The GUIDs are those by which fwupd knows a PCI device: the UUID (version 5, DNS namespace) of the
instance id `PCI\\VEN_8086&DEV_100E`.
"""

from __future__ import annotations

import hashlib
import uuid
import xml.etree.ElementTree as ET  # only writes here
from collections.abc import Iterator

from romgen.image.model import Image
from romgen.release.plan import Plan
from romgen.release.sbom import LICENSE, timestamp

METADATA_LICENSE = "0BSD"
"""One of those that AppStream catalogues take: of the metadata alone."""
SUMMARY = "iSCSI boot ROM"
PARAGRAPH_MAX = 500


def instance_ids(image: Image) -> Iterator[str]:
    """The PCI devices that an image is for."""
    if image.pcir is None:
        return
    vendor = image.pcir.number("vendor")
    devices = [image.pcir.number("device")]
    devices += image.devices.devices if image.devices is not None else []
    for device in dict.fromkeys(devices):
        yield f"PCI\\VEN_{vendor:04X}&DEV_{device:04X}"


def guid(instance_id: str) -> str:
    """fwupd's GUID of an instance id."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, instance_id))


def _paragraphs(notes: str) -> Iterator[ET.Element]:
    """The changelog's section as AppStream's markup: paragraphs and lists, nothing else."""
    items: ET.Element | None = None
    last: ET.Element | None = None
    for line in [*notes.splitlines(), ""]:
        text = line.strip()
        if text.startswith(("- ", "* ")):
            if items is None:
                items = ET.Element("ul")
                yield items
            last = ET.SubElement(items, "li")
            last.text = text[2:]
        elif not text or text.startswith("#"):
            items = last = None
        elif last is not None:
            last.text = f"{last.text} {text}"
        else:
            last = ET.Element("p")
            last.text = text
            yield last


def component_id(layout: str) -> str:
    """The component's id."""
    return f"romgen.firmware.{layout.replace('-', '_')}"


def metainfo(plan: Plan, layout: str, image: Image, rom: bytes, product: str) -> str:
    """The XML of one ROM."""
    root = ET.Element("component", type="firmware")

    def add(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
        element = ET.SubElement(parent, tag, attributes)
        element.text = text or None
        return element

    add(root, "id", component_id(layout))
    add(root, "name", product)
    add(root, "summary", SUMMARY)
    add(add(root, "description"), "p", f"{SUMMARY} for {layout.partition('-')[2]} adapters.")
    provides = add(root, "provides")
    for name in instance_ids(image):
        provides.append(ET.Comment(f" {name} "))
        add(provides, "firmware", guid(name), type="flashed")
    add(root, "metadata_license", METADATA_LICENSE)
    add(root, "project_license", LICENSE)
    kind = "development" if plan.version.pre else "stable"
    release = add(
        add(root, "releases"),
        "release",
        version=str(plan.version),
        date=timestamp(plan.date)[:10],
        timestamp=str(plan.date),
        type=kind,
    )
    add(
        release,
        "checksum",
        hashlib.sha256(rom).hexdigest(),
        filename=f"{layout}.rom",
        target="content",
        type="sha256",
    )
    add(release, "size", str(len(rom)), type="installed")
    description = add(release, "description")
    description.extend(_paragraphs(plan.notes))
    custom = add(root, "custom")
    add(custom, "value", "triplet", key="LVFS::VersionFormat")
    ET.indent(root, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, "unicode")}\n'
