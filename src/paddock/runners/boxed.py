"""A program in a worktree's box: within the run's limits, and never blamed for a box that could not be made."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from paddock.runners.base import Run, Talk
from paddock.runners.process import Ended, run_process
from paddock.sandbox import Bind, Ceiling, NotContained, measure
from paddock.workspace import Worktree


def ceiling(job: Run) -> Ceiling:
    """What the box of a run may take, as its effective scope says."""
    limits = job.fence.limits
    return Ceiling(processes=limits.processes, file_bytes=limits.file_mib << 20, memory=limits.memory_mib << 20)


def lent(job: Run) -> list[Bind]:
    """The places that the host's policy lets every run read, as far as they are there."""
    found = [Path(text) for text in job.fence.read]
    for missing in [path for path in found if not path.exists()]:
        job.log.write(f"paddock: {missing} is not there to be read, whatever the policy says\n".encode())
    return [Bind(path, path) for path in found if path.exists()]


async def run_boxed(
    job: Run,
    tree: Worktree,
    argv: Sequence[str],
    *,
    binds: Sequence[Bind],
    env: Mapping[str, str] | None = None,
    way_out: int | None = None,
    files: Mapping[str, bytes] | None = None,
    stdin: bytes | None = None,
    talk: Talk | None = None,
) -> Ended:
    """Runs argv in the tree to its end.

    Raises: CannotStart; NotContained when nothing was started and the host turns out not to contain any more.
    """
    launch = await asyncio.to_thread(
        tree.launch,
        argv,
        env=dict(env or {}),
        tools=job.tools,
        binds=[*binds, *lent(job)],
        way_out=way_out,
        ceiling=ceiling(job),
        files=files,
        stdin=None if talk is not None else stdin,
        reports=True,
    )
    ended = await run_process(launch, job.order.limits, job.log, job.stop, talk)
    if tree.record.contained and not ended.began and ended.why == "exit":
        found = await asyncio.to_thread(measure, job.work)
        if found.cls != "contained":
            raise NotContained(f"this host cannot contain jobs any more: {found.reason}", hint=found.hint)
    return ended
