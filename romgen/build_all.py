"""Several layouts at once: what they share is made once, the rest on all processors.

First all sources are assembled (threads: nasm works in processes of its own), then processes link
and compose, each its share of the layouts.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from romgen.assemble import Assembly
from romgen.build import Built, Job, build, locked
from romgen.errors import RomgenError
from romgen.generate import Generator, load_all_inputs
from romgen.project import Project
from romgen.source import Source, read_source

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

LINK_TIMEOUT = 300.0
"""Seconds in which one of the processes must have something to tell."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one layout: the image, or why there is none."""

    name: str
    built: Built | None = None
    error: RomgenError | None = None


def build_all(
    project: Project,
    names: Sequence[str],
    ev_text: bytes = b"",
    told: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Build the layouts; one that fails does not stop the others. In the order of `names`.

    told: called with each outcome as soon as it is there
    Errors: mistakes in the tables, layouts or templates; nothing is built then
    """
    found: dict[str, Outcome] = {}

    def keep(outcome: Outcome) -> None:
        found[outcome.name] = outcome
        told(outcome)

    wanted = list(dict.fromkeys(names))
    if len(wanted) == 1:
        keep(_one(project, wanted[0], ev_text))
    elif wanted:
        for outcome in _many(project, wanted, ev_text):
            keep(outcome)
    return [found[name] for name in wanted]


def _one(project: Project, name: str, ev_text: bytes) -> Outcome:
    """One layout needs no processes."""
    try:
        return Outcome(name, _slim(build(project, name, ev_text)))
    except RomgenError as error:
        return Outcome(name, error=error)


def _many(project: Project, names: Sequence[str], ev_text: bytes) -> Iterator[Outcome]:
    """The outcomes as they come."""
    with ExitStack() as stack:
        for name in sorted(names):
            stack.enter_context(locked(project.work(name)))
        jobs: list[Job] = []
        generator = Generator(project)
        with Assembly(project.root, project.objects) as assembly:
            for inputs in load_all_inputs(project, names):
                try:
                    jobs.append(Job(generator, inputs, assembly))
                except RomgenError as error:
                    yield Outcome(inputs.layout.name, error=error)
            # Imported before the processes part: each would do it again.
            import romgen.finish  # noqa: F401

            for job in jobs:
                job.wait()
        yield from _linked(jobs, ev_text, read_source(project.root, os.environ))


def _linked(jobs: list[Job], ev_text: bytes, source: Source) -> Iterator[Outcome]:
    """Finish the jobs in processes. Error: one of the processes ends before its work is done."""
    # One layout, which is most builds, needs no processes.
    import multiprocessing

    context = multiprocessing.get_context("fork")
    count = min(os.cpu_count() or 1, len(jobs))
    pipes: list[Connection] = []
    processes = []
    try:
        for number in range(count):
            receiver, sender = context.Pipe(duplex=False)
            work = (jobs[number::count], ev_text, source, sender)
            process = context.Process(target=_work, args=work)
            process.start()
            sender.close()
            pipes.append(receiver)
            processes.append(process)
        yield from _received(pipes)
    finally:
        for process in processes:
            process.terminate()
            process.join()
        for receiver in pipes:
            receiver.close()


def _received(pipes: list[Connection]) -> Iterator[Outcome]:
    """What the processes tell, until each has said that it is done."""
    from multiprocessing.connection import Connection, wait

    open_pipes = list(pipes)
    while open_pipes:
        ready = wait(open_pipes, LINK_TIMEOUT)
        if not ready:
            raise RuntimeError(f"no layout was linked in {LINK_TIMEOUT:.0f} s")
        for pipe in ready:
            assert isinstance(pipe, Connection)
            try:
                message = pipe.recv()
            except EOFError:
                raise RuntimeError("a process that links layouts ended") from None
            if message is None:
                open_pipes.remove(pipe)
            elif isinstance(message, str):
                raise RuntimeError(f"in a process that links layouts:\n{message}")
            else:
                yield message


def _work(jobs: Sequence[Job], ev_text: bytes, source: Source, told: Connection) -> None:
    """In a process: finish the jobs, tell each outcome, then None; a text is a bug's traceback."""
    try:
        for job in jobs:
            try:
                built = job.finish(ev_text, lambda: source, (), time.monotonic())
                told.send(Outcome(job.layout.name, _slim(built)))
            except RomgenError as error:
                told.send(Outcome(job.layout.name, error=error))
        told.send(None)
    except BaseException:
        told.send(traceback.format_exc())
    finally:
        told.close()
        # Nothing of the parent's (its output, its tests) is to be finished here, too.
        os._exit(0)


def _slim(built: Built) -> Built:
    """Without what is long in the map: it need not go from process to process."""
    part: dict[str, Any] = {"sections": built.image_map["rom"]["sections"]}
    return replace(built, image_map={**built.image_map, "rom": part, "undi": {}})
