"""Watches what a run writes: one that fills the disk is ended before the host suffers."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from paddock.runners.base import Run

FULL = "disk_full"
# Bytes of the disk that are never a job's.
SPARE = 256 << 20
LEAST_S, SHARE = 0.5, 20


@contextlib.asynccontextmanager
async def watched(job: Run, *written: Path) -> AsyncIterator[None]:
    """Ends the run when what lies in these folders passes its limit, or the disk has too little room left."""
    task = asyncio.create_task(_watch(job, written))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _watch(job: Run, written: Sequence[Path]) -> None:
    most = job.fence.limits.disk_mib << 20
    while True:
        began = time.monotonic()
        full = await asyncio.to_thread(_full, written, most)
        if full:
            job.log.write(f"paddock: {full}\n".encode())
            job.stop.order(FULL)
            return
        # A look at a large tree takes long; it is taken the more rarely.
        await asyncio.sleep(max(LEAST_S, SHARE * (time.monotonic() - began)))


def _full(written: Sequence[Path], most: int) -> str:
    try:
        room = os.statvfs(written[0])
    except OSError:
        return ""
    if room.f_bavail * room.f_frsize < SPARE:
        return "the disk that worktrees lie on is full"
    if sum(weight(folder, most) for folder in written) > most:
        return f"the run wrote more than {most >> 20:,} MiB"
    return ""


def weight(folder: Path, enough: int) -> int:
    """Bytes on the disk below a folder, counted until there are more than `enough`; what goes meanwhile is left out."""
    total, pending = 0, [os.fspath(folder)]
    while pending and total <= enough:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
    return total
