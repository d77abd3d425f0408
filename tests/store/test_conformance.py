"""The shipped suite against every driver there is."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from paddock.core.errors import NotFound
from paddock.store.conformance import CHECKS
from paddock.store.conformance.bench import Bench
from paddock.store.driver import StoreDriver
from paddock.store.ops.reading import find_project
from paddock.store.postgres.driver import PostgresStore
from paddock.store.sqlite.driver import SqliteStore
from paddock.store.statements import Tx

Check = Callable[[StoreDriver], Awaitable[None]]


async def reads_see_one_moment(store: StoreDriver) -> None:
    loop = asyncio.get_running_loop()

    def look(tx: Tx) -> list[int]:
        before = len(tx.all("projects"))
        asyncio.run_coroutine_threadsafe(Bench(store).project(), loop).result(30)
        return [before, len(tx.all("projects"))]

    assert await store._read(look) == [0, 0]
    # One that fails takes nothing with it, and the next sees what was written meanwhile.
    with pytest.raises(NotFound):
        await store._read(lambda tx: find_project(tx, "nowhere"))
    assert len(await store.projects()) == 1


@pytest.mark.parametrize("check", [*CHECKS, reads_see_one_moment], ids=lambda check: check.__name__)
async def test_sqlite(check: Check, tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    try:
        await check(store)
    finally:
        await store.close()


@pytest.mark.parametrize("check", [*CHECKS, reads_see_one_moment], ids=lambda check: check.__name__)
async def test_postgres(check: Check, postgres: str) -> None:
    store = await PostgresStore.open(postgres)
    try:
        await check(store)
    finally:
        await store.close()
