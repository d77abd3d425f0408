"""Spending: every attempt counts once, what is used up stops, and only a person goes on."""

from paddock.core.budgets import Budget
from paddock.core.errors import NotFound
from paddock.core.states import JobState
from paddock.store.base import Store
from paddock.store.conformance.bench import LANES, NOW, TTL, Bench, Check, done, report

SECOND = 1_000


async def counts_every_attempt_once(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit({"id": "x"}, {"id": "y"}, {"id": "z", "max_attempts": 2, "timeout": 60})
    first = (await bench.beat(who, 3)).granted
    later = NOW + 10 * SECOND
    ends = [done(job, ended=later) for job in first[:2]]
    await bench.beat(who, 0, *ends, done(first[2], "failed", ended=later), now=later)
    [line] = (await store.spent(NOW - 1, later)).lines
    assert (line.project, line.kind, line.runs, line.ms) == ("p", "noop", 3, 30 * SECOND)
    await bench.beat(who, 1, now=later + 9_000)
    [line] = (await store.spent(NOW - 1, later + 14_000)).lines
    assert (line.runs, line.ms, line.risk_ms) == (4, 35 * SECOND, 55 * SECOND)
    # What lies before the moment does not count.
    assert [line.ms for line in (await store.spent(later, later + 14_000)).lines] == [5 * SECOND]


async def stops_until_a_person_goes_on(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await store.set_budget("p", Budget(since_merge=60), "ann", NOW)
    ids = await bench.submit({"id": "x"}, {"id": "y"})
    job = (await bench.beat(who, 1)).granted[0]
    late = NOW + 60 * SECOND
    assert await store.keep_budgets(late - 1) == 0
    assert await store.keep_budgets(late) == 1
    assert await store.keep_budgets(late + 1) == 0
    project = await store.project("p")
    assert project.paused_until > late and "60 s were spent" in project.pause_note
    assert [row.tripped for row in await store.budgets()] == [late]
    await bench.beat(who, 0, done(job, ended=late), now=late)
    assert (await bench.beat(who, 1, now=late)).granted == ()
    # Time does not undo it.
    assert await store.keep_budgets(late + 10**9) == 0
    await store.resume("p", "ann", late + 10)
    assert [(row.tripped, row.since) for row in await store.budgets()] == [(0, late + 10)]
    assert await store.keep_budgets(late + 30) == 0
    assert len((await bench.beat(who, 1, now=late + 30, ttl=TTL)).granted) == 1
    assert (await store.job(ids["y"])).state is JobState.LEASED


async def bounds_the_whole_fleet_and_forgets_what_was_merged(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    await bench.project("q")
    who = await bench.agent("a")
    await store.set_budget("", Budget(a_day=60, since_merge=30), "ann", NOW)
    await bench.submit({"id": "x", "kind": "command", "payload": {"argv": ["true"]}})
    author = (await bench.beat(who, 1)).granted[0]
    at = NOW + 20 * SECOND
    await bench.beat(who, 0, done(author, change=report(author), ended=at), now=at)
    await store.decide((await store.changes(None, None, 1))[0].id, "ann", "approve", "", at)
    merge = (await bench.beat(who, 1, now=at)).granted[0]
    at += 15 * SECOND
    await bench.beat(who, 0, done(merge, result={"merged": "f" * 40}, ended=at), now=at, lanes=LANES)
    assert (await store.spent(NOW - 1, at)).merged == {"p": 1}
    assert await store.keep_budgets(at) == 0, "what led to a merge was counted against the next one"
    await bench.submit({"id": "y"}, project="q")
    await bench.beat(who, 1, now=at, lanes=("q|noop|",))
    at += 25 * SECOND
    assert await store.keep_budgets(at) == 1
    assert all(one.paused_until > at for one in await store.projects())
    await store.set_budget("", Budget(), "ann", at)
    assert await store.budgets() == []
    try:
        await store.set_budget("none", Budget(a_day=1), "ann", at)
        raise AssertionError("an unknown project got a budget")
    except NotFound:
        pass


CHECKS: tuple[Check, ...] = (
    counts_every_attempt_once,
    stops_until_a_person_goes_on,
    bounds_the_whole_fleet_and_forgets_what_was_merged,
)
