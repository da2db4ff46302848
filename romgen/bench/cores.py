"""Which core does what: the machine's processor has its own, everything else shares the others.

Left to itself the scheduler lets a target's thread wait behind the processor, which never sleeps,
for as long as it likes, and the figures of two boots differ by as much.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from romgen.boot.qemu import Qmp
from romgen.errors import EXIT_BOOT, RomgenError


@contextmanager
def apart() -> Iterator[Callable[[Qmp], None]]:
    """What is started inside leaves the first core alone, and the processor of a machine that is
    given to the callable gets it. Error: QEMU does not tell which thread that is."""
    before = os.sched_getaffinity(0)
    first = {min(before)}

    def processor(qmp: Qmp) -> None:
        answer = qmp.execute("query-cpus-fast")
        if not isinstance(answer, list) or len(answer) != 1:
            raise RomgenError("bench-cores", "QEMU", f"not one: {answer}", status=EXIT_BOOT)
        os.sched_setaffinity(int(answer[0]["thread-id"]), first)

    os.sched_setaffinity(0, before - first or before)
    try:
        yield processor
    finally:
        os.sched_setaffinity(0, before)
