"""The shipped suite against every driver there is."""

from pathlib import Path

import pytest

from paddock.store.conformance import CHECKS
from paddock.store.conformance.bench import Check
from paddock.store.postgres.driver import PostgresStore
from paddock.store.sqlite.driver import SqliteStore


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_sqlite(check: Check, tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    try:
        await check(store)
    finally:
        await store.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_postgres(check: Check, postgres: str) -> None:
    store = await PostgresStore.open(postgres)
    try:
        await check(store)
    finally:
        await store.close()
