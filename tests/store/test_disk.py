"""What was handed out is on disk, though the writer does not wait for it; a disk that fails is not believed again."""

import asyncio
import errno
import os
import shutil
import threading
from pathlib import Path

import apsw
import pytest

from paddock.core.errors import PaddockError
from paddock.store.records import JobFilter, Project
from paddock.store.sqlite.driver import SqliteStore
from paddock.store.sqlite.engine import SqliteEngine, connect
from paddock.store.sqlite.migrate import migrate
from support.wait import wait_until


def _project(name: str) -> Project:
    return Project(name=name, repo="/r", branch="main", checks=(), created=1)


def _made(path: Path) -> Path:
    connection = connect(path)
    migrate(connection)
    connection.close()
    return path


async def test_a_power_cut_right_after_an_answer_takes_nothing_of_it(tmp_path: Path) -> None:
    path = _made(tmp_path / "store.db")
    copies = 0

    def sync(log: int) -> None:
        """What the disk holds for certain once this is over: the files as they are when it begins."""
        nonlocal copies
        folder = tmp_path / f"copy-{copies + 1}"
        folder.mkdir()
        for name in ("store.db", "store.db-wal"):
            shutil.copy(tmp_path / name, folder / name)
        os.fdatasync(log)
        copies += 1

    store = SqliteStore(SqliteEngine(path, sync))
    promised: dict[str, int] = {}

    async def one(name: str) -> None:
        await store.add_project(_project(name))
        promised[name] = copies

    for burst in range(8):
        await asyncio.gather(*(one(f"p{burst}-{at}") for at in range(1 + burst)))
        for seen in await store.projects():
            assert seen.name in promised
    await store.close()
    for name, copy in promised.items():
        connection = apsw.Connection(str(tmp_path / f"copy-{copy}" / "store.db"))
        assert connection.execute("SELECT 1 FROM projects WHERE name = ?", (name,)).fetchall(), (name, copy)
        connection.close()


async def test_the_next_group_is_at_work_while_the_last_one_goes_to_disk(tmp_path: Path) -> None:
    syncs = 0
    gates = {1: threading.Event(), 2: threading.Event()}

    def sync(log: int) -> None:
        nonlocal syncs
        syncs += 1
        if syncs in gates:
            assert gates[syncs].wait(60)
        os.fdatasync(log)

    engine = SqliteEngine(_made(tmp_path / "store.db"), sync)
    store = SqliteStore(engine)

    async def add(name: str, commits: int) -> asyncio.Task[Project]:
        task = asyncio.create_task(store.add_project(_project(name)))
        await asyncio.to_thread(wait_until, lambda: engine.commits >= commits)
        return task

    first = await add("first", 1)
    second = await add("second", 0)  # has to wait, so that the writer knows it is busy
    gates[1].set()
    await asyncio.wait_for(first, 60)
    # The first one is answered before the writer looks for more: a third one now might join the second one's group.
    await asyncio.to_thread(wait_until, lambda: engine.commits >= 2)
    third = await add("third", 3)
    seen = engine.looked
    reading = asyncio.create_task(store.projects())
    await asyncio.to_thread(wait_until, lambda: engine.looked > seen)
    assert not (second.done() or third.done() or reading.done())
    gates[2].set()
    await asyncio.wait_for(asyncio.gather(second, third), 60)
    assert {project.name for project in await reading} == {"first", "second", "third"}
    await store.close()


async def test_a_log_that_cannot_be_brought_to_disk_ends_all_writing(tmp_path: Path) -> None:
    fails = False

    def sync(log: int) -> None:
        if fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fdatasync(log)

    store = SqliteStore(SqliteEngine(_made(tmp_path / "store.db"), sync))
    await store.add_project(_project("kept"))
    fails = True
    for name in ("doubtful", "refused"):
        with pytest.raises(PaddockError, match="cannot be brought to disk: Input/output error") as told:
            await store.add_project(_project(name))
        assert (told.value.code, told.value.retryable) == ("store_unavailable", True)
        fails = False
    with pytest.raises(PaddockError, match="cannot be brought to disk"):
        await store.jobs(JobFilter())
    await store.close()
    again = await SqliteStore.open(tmp_path / "store.db")
    assert "kept" in {project.name for project in await again.projects()}
    await again.close()
