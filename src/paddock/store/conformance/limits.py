"""Fairness and limits: keys that jobs share, pauses, limits and shares."""

import msgspec

from paddock.core.errors import Conflict, NotFound
from paddock.core.limits import NEVER
from paddock.core.states import JobState
from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, Bench, Check, done
from paddock.store.records import Granted, JobFilter, Many
from paddock.wire.messages import Held


def held(*granted: Granted) -> tuple[Held, ...]:
    """What an agent says that holds these leases."""
    return tuple(Held(job=job.id, epoch=job.epoch) for job in granted)


async def keeps_one_open_job_of_a_unique_key(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    first = await bench.submit({"id": "x", "unique": "nightly"})
    twin = await bench.submit({"id": "y", "unique": "nightly"}, {"id": "z", "depends_on": ["y"]})
    assert twin["y"] == first["x"]
    assert [job.name for job in await store.jobs(JobFilter(batch=twin[""]))] == ["z"]
    assert [job.id for job in await store.needs(twin["z"])] == [first["x"]]
    await bench.run(who)
    assert (await store.job(twin["z"])).state is JobState.READY
    again = await bench.submit({"id": "x", "unique": "nightly"})
    assert again["x"] != first["x"], "a key is free once its job has ended"
    await store.cancel(again["x"], NOW)
    third = await bench.submit({"id": "x", "unique": "nightly"})
    try:
        await store.retry(again["x"], NOW)
        raise AssertionError("two open jobs have one unique key")
    except Conflict:
        assert (await store.job(third["x"])).state is JobState.READY


async def runs_one_job_of_an_exclusive_key(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit(*({"id": f"x{at}", "exclusive": "merge:p"} for at in range(3)), {"id": "free", "priority": 1})
    out = await bench.beat(who, 9)
    assert {job.name for job in out.granted} == {"x0", "free"}
    assert (await store.job(out.granted[0].id)).exclusive == "job:p:merge:p", "no collision with the merge queue's key"
    assert (await bench.beat(who, 9, held=held(*out.granted))).granted == ()
    assert (await store.lanes(NOW)).get("p|noop|", (0, None)) == (0, None)


async def starts_nothing_before_its_time(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    later = 2_000_000_000_000
    await bench.submit({"id": "later", "not_before": later}, {"id": "now"})
    first = (await bench.beat(who, 9)).granted
    assert [job.name for job in first] == ["now"]
    assert await store.lanes(NOW) == {"p|noop|": (0, later)}
    second = (await bench.beat(who, 9, now=later, held=held(*first))).granted
    assert [job.name for job in second] == ["later"]


async def starts_nothing_of_a_paused_project(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit({"id": "runs"}, {"id": "waits"})
    runs = (await bench.beat(who, 1)).granted
    paused = await store.pause("p", "me", "audit", NOW + 100, NOW)
    assert (paused.paused_by, paused.pause_note, paused.paused_until) == ("me", "audit", NOW + 100)
    await bench.submit({"id": "more"})
    assert (await bench.beat(who, 9, held=held(*runs))).granted == ()
    assert await store.lanes(NOW) == {"p|noop|": (0, NOW + 100)}
    out = await bench.beat(who, 0, done(runs[0]))
    assert out.acks[0][2] == "", "what runs goes on and ends"
    assert len((await bench.beat(who, 1, now=NOW + 100)).granted) == 1, "a pause ends by itself"
    await bench.beat(who, 0)
    await store.pause("p", "me", "", NEVER, NOW)
    assert await store.lanes(NOW) == {"p|noop|": (0, NEVER)}
    resumed = await store.resume("p", "you", NOW)
    assert (resumed.paused_until, resumed.pause_note) == (0, "")
    assert len((await bench.beat(who, 9)).granted) == 2
    told = [event.type for event in await store.journal(0, None, 99) if event.type.startswith("project.")]
    assert told == ["project.added", "project.paused", "project.paused", "project.resumed"]
    try:
        await store.pause("unknown", "me", "", NEVER, NOW)
        raise AssertionError("an unknown project was paused")
    except NotFound:
        pass


async def does_the_same_to_many_jobs(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    jobs = [{"id": f"x{at}", "labels": ["odd_one" if at % 2 else "even"]} for at in range(6)]
    ids = await bench.submit(*jobs, {"id": "first"}, {"id": "after", "depends_on": ["first"]})
    waiting = (JobState.BLOCKED, JobState.READY)
    wanted = Many(states=waiting, project="p", before=NOW, upto="j~", most=99)
    assert len(await store.many(wanted)) == 8
    odd = await store.many(msgspec.structs.replace(wanted, label="odd_one"))
    assert odd == [ids["x1"], ids["x3"], ids["x5"]]
    assert await store.many(msgspec.structs.replace(wanted, label="odd%")) == []
    assert await store.many(msgspec.structs.replace(wanted, upto=ids["x1"])) == [ids["x0"], ids["x1"]]
    assert await store.many(msgspec.structs.replace(wanted, before=NOW - 1)) == []
    assert (await store.jobs(JobFilter(label="even")))[0].id == ids["x4"]
    assert (await store.act_on("park", odd, "me", 0, NOW)).done == 3
    assert (await store.act_on("park", odd, "me", 0, NOW)).done == 0, "what is parked already is left out"
    parked = await store.job(odd[0])
    assert (parked.state, parked.reason) == (JobState.PARKED, "parked by me")
    assert (await store.act_on("priority", [ids["after"]], "me", 9, NOW)).done == 1
    assert ((await store.job(ids["first"])).urgency, (await store.job(ids["first"])).priority) == (9, 5)
    (runs,) = (await bench.beat(who, 1)).granted
    assert runs.id == ids["first"], "a job is as urgent as what waits for it"
    done_now = await store.act_on("cancel", [ids["first"], *odd], "me", 0, NOW)
    assert (done_now.done, done_now.agents) == (4, (who[0],))
    assert (await store.act_on("retry", odd, "me", 0, NOW)).done == 3
    assert (await store.job(odd[0])).state is JobState.READY


CHECKS: tuple[Check, ...] = (
    keeps_one_open_job_of_a_unique_key,
    runs_one_job_of_an_exclusive_key,
    starts_nothing_before_its_time,
    starts_nothing_of_a_paused_project,
    does_the_same_to_many_jobs,
)
