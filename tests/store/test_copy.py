"""A store that moves from a file to PostgreSQL is there what it was, and goes on."""

import asyncio
import json
from pathlib import Path

import psycopg
import pytest

from paddock.core.errors import BadInput
from paddock.store.conformance.bench import NOW, Bench, done, report
from paddock.store.copying import copy
from paddock.store.postgres.driver import PostgresStore
from paddock.store.records import JobFilter
from paddock.store.sqlite.driver import SqliteStore
from paddock.wire.messages import Held


async def _lived(path: Path) -> tuple[tuple[str, str], str]:
    """A store with a bit of everything; the agent, and the job that it holds."""
    store = await SqliteStore.open(path)
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit(
        {"id": "x"}, {"id": "y", "depends_on": ["x"]}, {"id": "z", "kind": "command", "payload": {"argv": ["ls"]}}
    )
    first, second = (await bench.beat(who, 2)).granted
    await bench.beat(who, 0, done(first), done(second, change=report(second)))
    [held] = (await bench.beat(who, 1)).granted
    await store.log_append(first.id, 1, "log", 0, b"\x00\xff")
    await store.close()
    return who, held.id


async def test_everything_moves_and_goes_on(tmp_path: Path, postgres: str) -> None:
    path = tmp_path / "paddock.db"
    who, held = await _lived(path)
    told: list[str] = []
    counts = await asyncio.to_thread(copy, path, postgres, told.append)
    assert counts["jobs"] >= 3 and counts["journal"] > 5 and f"jobs: {counts['jobs']} rows" in told
    old, new = await SqliteStore.open(path), await PostgresStore.open(postgres)
    try:
        assert await new.jobs(JobFilter(system=True)) == await old.jobs(JobFilter(system=True))
        assert await new.journal(0, None, 1_000) == await old.journal(0, None, 1_000)
        assert await new.changes(None, None, 9) == await old.changes(None, None, 9)
        assert await new.findings() == {}
        bench = Bench(new)
        bench.seq = 100
        job = await new.job(held)
        out = await bench.beat(who, 0, held=(Held(job=held, epoch=job.epoch),))
        assert (out.stops, out.leases) == ((), 1)
        await new.note("test", None, None, {}, NOW)
        assert await new.last_seq() > await old.last_seq()
    finally:
        await old.close()
        await new.close()


async def test_a_database_that_is_not_empty_is_left_alone(tmp_path: Path, postgres: str) -> None:
    await _lived(tmp_path / "paddock.db")
    store = await PostgresStore.open(postgres)
    await Bench(store).project()
    await store.close()
    with pytest.raises(BadInput, match="is not empty: projects has rows"):
        await asyncio.to_thread(copy, tmp_path / "paddock.db", postgres, print)
    with psycopg.connect(postgres) as link:
        assert link.execute("SELECT count(*) FROM jobs").fetchone() == (0,)


async def test_what_is_no_store_is_not_copied(tmp_path: Path, postgres: str) -> None:
    with pytest.raises(BadInput, match="is no store"):
        await asyncio.to_thread(copy, tmp_path / "paddock.db", postgres, print)
    (tmp_path / "paddock.db").write_text(json.dumps({"no": "store"}) * 999)
    with pytest.raises(BadInput, match="is no store"):
        await asyncio.to_thread(copy, tmp_path / "paddock.db", postgres, print)
