"""Limits under any order of events: whatever agents claim, finish or lose, no limit is ever exceeded, on the facts."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paddock.core.limits import Limit
from paddock.core.states import JobState
from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, Bench
from paddock.store.conformance.limits import Hands, hands
from paddock.store.postgres.driver import PostgresStore
from paddock.store.records import JobFilter
from paddock.store.sqlite.driver import SqliteStore
from support.services import Databases

AGENTS, WINDOW = 3, 1_000
LANES = ("p|noop||a", "p|noop||a,b", "p|noop||b", "p|noop|", "q|noop||b")

steps = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), st.integers(0, AGENTS - 1), st.integers(1, 4)),
        st.tuples(st.just("finish"), st.integers(0, AGENTS - 1), st.integers(1, 3)),
        st.tuples(st.just("boot"), st.integers(0, AGENTS - 1), st.just(0)),
        st.tuples(st.just("wait"), st.just(0), st.integers(1, WINDOW)),
    ),
    min_size=5,
    max_size=30,
)


bounds = st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(1, 4))
calm = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)


@given(steps, bounds)
@settings(calm, max_examples=25)
def test_no_limit_is_ever_exceeded(todo: list[tuple[str, int, int]], bounds: tuple[int, int, int]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            await _run(await SqliteStore.open(Path(folder) / "store.db"), todo, bounds)

    asyncio.run(run())


def test_no_limit_is_ever_exceeded_on_postgresql(databases: Databases) -> None:
    @given(steps, bounds)
    @settings(calm, max_examples=8)
    def each(todo: list[tuple[str, int, int]], bounds: tuple[int, int, int]) -> None:
        dsn = databases.create()

        async def run() -> None:
            await _run(await PostgresStore.open(dsn), todo, bounds)

        asyncio.run(run())
        databases.drop(dsn)

    each()


async def test_two_control_planes_at_once_keep_a_limit(postgres: str) -> None:
    first, second = await PostgresStore.open(postgres), await PostgresStore.open(postgres)
    try:
        benches = (Bench(first), Bench(second))
        await benches[0].project()
        who = [await benches[0].agent(f"a{at}") for at in range(12)]
        await first.set_limit(Limit(key="a", most=5), NOW)
        await first.set_limit(Limit(key="b", starts=4, window_ms=WINDOW), NOW)
        await benches[0].submit(*({"id": f"{key}{at}", "limits": [key]} for key in "ab" for at in range(30)))
        agents = [Hands(benches[at % 2], one) for at, one in enumerate(who)]
        granted = await asyncio.gather(*(one.claim(3, "p|noop||a", "p|noop||b") for one in agents))
        names = [name for each in granted for name in each]
        assert sorted(name[0] for name in names) == ["a"] * 5 + ["b"] * 4
    finally:
        await first.close()
        await second.close()


async def _run(store: SqliteStore | PostgresStore, todo: list[tuple[str, int, int]], bounds: tuple[int, ...]) -> None:
    a, b, starts = bounds
    limits = [
        Limit(key="a", most=a),
        Limit(key="b", most=b, starts=starts, window_ms=WINDOW),
        Limit(project="p", most=5),
    ]
    try:
        bench = Bench(store)
        await bench.project()
        await bench.project("q")
        agents = await hands(bench, AGENTS)
        for limit in limits:
            await store.set_limit(limit, NOW)
        for project in ("p", "q"):
            keys = (["a"], ["a", "b"], ["b"], []) if project == "p" else (["b"],)
            jobs = ({"id": f"{at}-{''.join(k)}", "limits": k} for at in range(12) for k in keys)
            await bench.submit(*jobs, project=project)
        await _walk(store, agents, todo, limits)
    finally:
        await store.close()


async def _walk(store: Store, agents: list[Hands], todo: list[tuple[str, int, int]], limits: list[Limit]) -> None:
    now = NOW
    began: dict[str, list[int]] = {limit.name: [] for limit in limits}
    for what, number, count in todo:
        one = agents[number]
        before = len(one.held) if what == "claim" else 0
        if what == "claim":
            free = {lane: jobs for lane, (jobs, _) in (await store.lanes(now)).items()}
            names = await one.claim(count, *LANES, now=now)
            assert names or not any(free.values()), "room is not left unused"
        elif what == "finish":
            await one.finish(count, now=now)
        elif what == "boot":
            one.who = (one.who[0], f"{one.who[1]}+")
            await one.bench.boot(*one.who, now=now)
            one.held = []
        else:
            now += count
        for limit in limits:
            fresh = one.held[before:] if what == "claim" else []
            began[limit.name] += [now for job in fresh if limit.covers(job.lane)]
            recent = [at for at in began[limit.name] if at > now - WINDOW]
            assert limit.starts is None or len(recent) <= limit.starts
        leased = await store.jobs(JobFilter(state=JobState.LEASED))
        for level in await store.levels(now):
            live = sum(level.limit.covers(job.lane) for job in leased)
            assert level.live == live and (level.limit.most is None or live <= level.limit.most)
