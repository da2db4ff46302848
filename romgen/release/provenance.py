"""How the ROMs came to be: an in-toto statement (v1) with a SLSA provenance predicate (v1).

It is signed with the bundle: SHA256SUMS covers it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from romgen.release.plan import Plan
from romgen.release.rebuild import SURROUNDINGS
from romgen.release.sbom import timestamp

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:romgen:release:1"
BUILDER = "urn:romgen:builder:local"


def provenance(
    plan: Plan,
    layouts: Sequence[str],
    files: Mapping[str, bytes],
    tools: Mapping[str, str],
    source: str,
    builder: str = BUILDER,
) -> dict[str, Any]:
    """files: the subjects by name; source, builder: URIs of the repository and the builder."""
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": name, "digest": {"sha256": hashlib.sha256(data).hexdigest()}}
            for name, data in files.items()
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"tag": plan.tag, "layouts": list(layouts)},
                "internalParameters": {
                    "builds": len(SURROUNDINGS),
                    "identical": True,
                },
                "resolvedDependencies": [
                    {"uri": source, "digest": {"gitCommit": plan.commit}},
                    *(
                        {"uri": f"pkg:generic/{name}@{version}", "name": name}
                        for name, version in sorted(tools.items())
                    ),
                ],
            },
            "runDetails": {
                "builder": {"id": builder},
                # The commit's time: a release of the same tag is the same at any time.
                "metadata": {
                    "startedOn": timestamp(plan.date),
                    "finishedOn": timestamp(plan.date),
                },
            },
        },
    }
