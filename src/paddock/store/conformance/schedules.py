"""Schedules: each time fires once, whatever stands in its way is said, and what was missed is made good once."""

import asyncio

from paddock.core.errors import BadInput, Conflict, NotFound
from paddock.core.states import FINAL, JobState
from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, Bench, Check
from paddock.store.records import JobFilter, JobRecord, NewSchedule

EVERY = 10_000
SUBMITS = {"project": "p", "jobs": [{"id": "tick", "kind": "noop", "payload": {}}]}


def schedule(name: str = "ticks", **more: object) -> NewSchedule:
    return NewSchedule(**{"name": name, "project": "p", "submits": SUBMITS, "every": EVERY, **more})  # type: ignore[arg-type]


async def jobs(store: Store) -> list[JobRecord]:
    return (await store.jobs(JobFilter()))[::-1]


async def fires_each_time_once(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    made = await store.add_schedule(schedule(), NOW)
    due = NOW + EVERY
    assert (made.next_at, await store.schedules_next(9)) == (due, [(made.id, due)])
    assert (await store.fire(made.id, due, due - 1)).batch is None, "nothing is submitted before its time"
    fired = await asyncio.gather(*(store.fire(made.id, due, due + 5) for _ in range(20)))
    batches = [one.batch for one in fired if one.batch]
    assert len(batches) == 1 and {one.next_at for one in fired} == {due + EVERY}
    (job,) = await jobs(store)
    assert (job.batch, job.unique_key) == (batches[0], f"schedule:{made.id}:{due}:tick")
    assert [(one.at, one.batch) for one in await store.firings(made.id)] == [(due, batches[0])]
    assert (await store.fire(made.id, due, due + 5)).batch is None


async def looks_at_what_has_not_ended(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    ids = {}
    for overlap in ("skip", "queue", "replace"):
        submits = {"project": "p", "jobs": [{"id": overlap, "kind": "noop", "payload": {}}]}
        ids[overlap] = (await store.add_schedule(schedule(overlap, overlap=overlap, submits=submits), NOW)).id
    for turn in (1, 2):
        for one in ids.values():
            await store.fire(one, NOW + turn * EVERY, NOW + turn * EVERY)
    found = await jobs(store)
    assert [(job.name, job.state) for job in found] == [
        ("skip", JobState.READY),
        ("queue", JobState.READY),
        ("replace", JobState.CANCELLED),
        ("queue", JobState.READY),
        ("replace", JobState.READY),
    ]
    assert (await store.firings(ids["skip"]))[0].reason == "its last jobs have not ended"
    out = await bench.beat(who, 9, now=NOW + 3 * EVERY)
    assert sorted(job.name for job in out.granted) == ["queue", "replace", "skip"], "what is queued takes turns"


async def makes_good_one_of_the_missed(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    kind = await store.add_schedule(schedule("kind"), NOW)
    strict = await store.add_schedule(schedule("strict", catch_up=False), NOW)
    late = NOW + 1_000 * EVERY + 1
    for one in (kind, strict):
        fired = await store.fire(one.id, NOW + EVERY, late)
        assert fired.next_at == NOW + 1_001 * EVERY, "the beat is kept, and what was missed is not piled up"
        assert (fired.batch is not None) == one.catch_up
    assert len(await jobs(store)) == 1
    assert (await store.firings(strict.id))[0].reason == "it was missed"


async def pauses_and_removes_schedules(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    made = await store.add_schedule(schedule(), NOW)
    assert (await store.pause_schedule("ticks", True, "me", NOW)).paused
    assert await store.schedules_next(9) == []
    assert (await store.fire(made.id, made.next_at, made.next_at)).next_at is None
    later = NOW + 5 * EVERY + 7
    resumed = await store.pause_schedule(made.id, False, "me", later)
    assert (resumed.paused, resumed.next_at) == (False, NOW + 6 * EVERY), "what passed while it was paused is let go"
    await store.fire(made.id, resumed.next_at, resumed.next_at)
    await store.remove_schedule("ticks", "me", later)
    assert await store.schedules() == [] and len(await jobs(store)) == 1
    try:
        await store.schedule("ticks")
        raise AssertionError("a schedule that was removed is there")
    except NotFound:
        pass
    told = [event.type for event in await store.journal(0, None, 99) if event.type.startswith("schedule.")]
    assert told == [
        "schedule.added",
        "schedule.paused",
        "schedule.resumed",
        "schedule.fired",
        "schedule.removed",
    ]


async def refuses_schedules_that_cannot_be(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    await store.add_schedule(schedule(), NOW)
    wrong: tuple[tuple[NewSchedule, type[Exception]], ...] = (
        (schedule(), Conflict),
        (schedule("b", project="unknown"), NotFound),
        (schedule("c", zone="Mars/Olympus"), BadInput),
        (schedule("d", cron="* * * * *"), BadInput),
        (schedule("e", every=None, cron="99 * * * *"), BadInput),
        (schedule("f", every=1), BadInput),
    )
    for given, error in wrong:
        try:
            await store.add_schedule(given, NOW)
            raise AssertionError(f"{given.name} was taken")
        except error:
            pass
    assert len(await store.schedules()) == 1


async def goes_on_when_its_jobs_are_refused(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    odd = {"project": "p", "jobs": [{"id": "x", "kind": "gone", "payload": {}}]}
    made = await store.add_schedule(schedule(submits=odd), NOW)
    fired = await store.fire(made.id, made.next_at, made.next_at)
    assert (fired.batch, fired.next_at) == (None, made.next_at + EVERY)
    assert "unknown kind 'gone'" in (await store.firings(made.id))[0].reason
    assert all(job.state not in FINAL for job in await jobs(store))


CHECKS: tuple[Check, ...] = (
    fires_each_time_once,
    looks_at_what_has_not_ended,
    makes_good_one_of_the_missed,
    pauses_and_removes_schedules,
    refuses_schedules_that_cannot_be,
    goes_on_when_its_jobs_are_refused,
)
