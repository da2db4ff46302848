"""The bill of materials, CycloneDX 1.5: the ROMs, and of each the sources that really are in it.

Nothing random and no clock: the serial number is made of the commit, the time is the commit's.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from romgen.release.plan import Plan

LICENSE = "BSD-2-Clause"
SHARED = ("asm/include/*.inc", "undi/**/*.inc", "layouts/*.toml", "layouts/templates/*.j2")
TABLES = ("romgen/tables/*.toml", "romgen/tables/errors/*.toml")
NAMESPACE = uuid.UUID("b7a5a8c2-6c5b-5d0e-9c53-2c1f0a6d7e11")
"""Of the names that this project makes UUIDs of."""


def timestamp(seconds: int) -> str:
    """RFC 3339, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def linked_sources(tree: Path, image_map: Mapping[str, Any]) -> list[str]:
    """The files of the tree that an image is made of: what was linked, and what that includes."""
    linked = {name for part in ("rom", "undi") for name in image_map[part]["files"]}
    names = {name for name in linked if (tree / name).is_file() and not name.startswith("build/")}
    for pattern in (*SHARED, *TABLES):
        names |= {str(path.relative_to(tree)) for path in tree.glob(pattern)}
    return sorted(names)


def _hashes(data: bytes) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": hashlib.sha256(data).hexdigest()}]


def _license() -> list[dict[str, Any]]:
    return [{"license": {"id": LICENSE}}]


def sbom(
    plan: Plan,
    tree: Path,
    roms: Mapping[str, bytes],
    maps: Mapping[str, Mapping[str, Any]],
    tools: Mapping[str, str],
) -> dict[str, Any]:
    """roms, maps: by layout; tools: version by name."""
    version = str(plan.version)
    used = {layout: linked_sources(tree, maps[layout]) for layout in roms}
    every = sorted({name for names in used.values() for name in names})
    components: list[dict[str, Any]] = [
        {
            "type": "firmware",
            "bom-ref": f"rom:{layout}",
            "name": layout,
            "version": version,
            "hashes": _hashes(data),
            "licenses": _license(),
        }
        for layout, data in roms.items()
    ]
    components += [
        {
            "type": "file",
            "bom-ref": f"file:{name}",
            "name": name,
            "hashes": _hashes((tree / name).read_bytes()),
            "licenses": _license(),
        }
        for name in every
    ]
    dependencies = [
        {"ref": f"rom:{layout}", "dependsOn": [f"file:{name}" for name in used[layout]]}
        for layout in roms
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, plan.commit + version)}",
        "version": 1,
        "metadata": {
            "timestamp": timestamp(plan.date),
            "tools": {
                "components": [
                    {"type": "application", "name": name, "version": text}
                    for name, text in sorted(tools.items())
                ]
            },
            "component": {
                "type": "firmware",
                "bom-ref": "romgen",
                "name": "romgen",
                "version": version,
                "licenses": _license(),
            },
        },
        "components": components,
        "dependencies": [
            {"ref": "romgen", "dependsOn": [f"rom:{layout}" for layout in roms]},
            *dependencies,
        ],
    }


def sbom_text(data: Mapping[str, Any]) -> str:
    """As it is written."""
    return json.dumps(data, indent=1) + "\n"
