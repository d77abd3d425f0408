"""Schedules on several control planes: whoever comes first fires, and nobody fires again."""

import asyncio

from paddock.store.conformance.bench import NOW, Bench
from paddock.store.conformance.schedules import EVERY, schedule
from paddock.store.postgres.driver import PostgresStore
from paddock.store.records import JobFilter


async def test_replicas_fire_each_time_once(postgres: str) -> None:
    stores = [await PostgresStore.open(postgres) for _ in range(3)]
    try:
        await Bench(stores[0]).project()
        made = await stores[0].add_schedule(schedule(overlap="queue"), NOW)
        for turn in range(1, 6):
            due = NOW + turn * EVERY
            fired = await asyncio.gather(*(store.fire(made.id, due, due + at) for at, store in enumerate(stores * 4)))
            assert sum(one.batch is not None for one in fired) == 1
            assert {one.next_at for one in fired} == {due + EVERY}
        assert len(await stores[0].jobs(JobFilter())) == 5
    finally:
        for store in stores:
            await store.close()
