"""A process that dies in the middle of many commits loses nothing that it was told is stored."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from paddock.store.records import JobFilter
from paddock.store.sqlite.driver import SqliteStore

WRITER = """
import asyncio, sys
from pathlib import Path
from paddock.core.job import parse_batch, settle
from paddock.store.records import Project, Submission
from paddock.store.sqlite.driver import SqliteStore

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    await store.add_project(Project(name="p", repo="/r", branch="main", checks=(), created=1))
    async def one(number):
        batch = parse_batch({"project": "p", "jobs": [{"id": f"n{number}", "kind": "noop", "payload": {}}]})
        made = await store.submit(Submission(project="p", name="", jobs=tuple(settle(batch))), 1)
        print(made.jobs[0][0], flush=True)
    for number in range(0, 100_000, 20):
        await asyncio.gather(*(one(number + at) for at in range(20)))

asyncio.run(main())
"""


def test_kill_nine_loses_no_acknowledged_job(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    told: set[str] = set()
    for _ in range(3):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            told |= {writer.stdout.readline().strip() for _ in range(300)}
            os.kill(writer.pid, signal.SIGKILL)
            told |= {line.strip() for line in writer.stdout if line.endswith("\n")}
    assert len(told) >= 900
    assert told <= asyncio.run(_stored(path))


async def _stored(path: Path) -> set[str]:
    store = await SqliteStore.open(path)
    try:
        return {job.id for job in await store.jobs(JobFilter(limit=1_000_000))}
    finally:
        await store.close()
