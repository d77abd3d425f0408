"""Checks on anomalies, and on where agents stand."""

from paddock.core.anomalies import Standing
from paddock.core.errors import Conflict, NotFound
from paddock.core.rolling import Roll
from paddock.core.states import JobState
from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, Bench, Check


async def one_is_open_of_each_type(store: Store) -> None:
    bench = Bench(store)
    agent, _ = await bench.agent("a")
    first = await store.raise_anomaly("clock_skew", agent, {"behind_ms": 1}, 1, NOW)
    again = await store.raise_anomaly("clock_skew", agent, {"behind_ms": 2}, 5, NOW + 9)
    assert (again.anomaly.id, again.anomaly.times, again.anomaly.last) == (first.anomaly.id, 6, NOW + 9)
    assert (again.anomaly.facts, again.moved) == ({"behind_ms": 2}, None)
    other = await store.raise_anomaly("bad_signature", agent, {}, 1, NOW + 10)
    assert [one.id for one in await store.anomalies(every=False, most=9)] == [other.anomaly.id, first.anomaly.id]
    assert (await store.counts(NOW)).anomalies == 2
    closed = await store.resolve_anomaly(first.anomaly.id, "ann", "set", NOW + 11)
    assert (closed.anomaly.resolved, closed.anomaly.by, closed.moved) == (NOW + 11, "ann", None)
    for ref, error in ((first.anomaly.id, Conflict), ("x1", NotFound)):
        try:
            await store.resolve_anomaly(ref, "ann", "", NOW)
            raise AssertionError(f"{ref} was resolved")
        except error:
            pass
    fresh = await store.raise_anomaly("clock_skew", agent, {}, 1, NOW + 12)
    assert fresh.anomaly.id != first.anomaly.id
    assert len(await store.anomalies(every=True, most=9)) == 3
    try:
        await store.raise_anomaly("clock_skew", "a1", {}, 1, NOW)
        raise AssertionError("an anomaly of nobody was raised")
    except NotFound:
        pass


async def a_quarantined_agent_holds_nothing_until_all_is_resolved(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    ids = await bench.submit({"id": "x"})
    await bench.beat(who, 1)
    start = await store.last_seq()
    raised = await store.raise_anomaly("tampered_state", who[0], {}, 1, NOW)
    assert raised.moved is not None
    assert (raised.moved.standing, raised.moved.standing_number) == (Standing.QUARANTINED, 1)
    assert (await store.job(ids["x"])).state is JobState.READY
    assert await store.agents_touched(start) == [who[0]]
    word = await store.raise_anomaly("operator", who[0], {}, 1, NOW)
    assert word.moved is None
    assert (await store.resolve_anomaly(raised.anomaly.id, "ann", "", NOW)).moved is None
    lifted = (await store.resolve_anomaly(word.anomaly.id, "ann", "", NOW)).moved
    assert lifted is not None
    assert (lifted.standing, lifted.standing_number) == (Standing.ACTIVE, 2)
    gone = await store.set_standing(who[0], Standing.TERMINAL, "stolen", "ann", NOW)
    assert gone is not None
    assert (gone.standing, gone.standing_number, gone.standing_reason) == (Standing.TERMINAL, 3, "stolen")
    for standing in Standing:
        assert await store.set_standing(who[0], standing, "", "ann", NOW) is None
    assert (await store.agent(who[0])).standing is Standing.TERMINAL


async def rolling_state_is_kept_once(store: Store) -> None:
    agent, _ = await Bench(store).agent("a")
    one, other = Roll(1, "aa", ""), Roll(1, "bb", "")
    assert await store.roll(agent, Roll(), one, NOW)
    assert not await store.roll(agent, Roll(), other, NOW)
    assert Roll(*(await store.agent(agent)).roll) == one
    raised = await store.raise_anomaly("suspected_clone", agent, {}, 1, NOW)
    moved = (await store.resolve_anomaly(raised.anomaly.id, "ann", "", NOW)).moved
    assert moved is not None
    assert Roll(*moved.roll) == Roll()


CHECKS: tuple[Check, ...] = (
    one_is_open_of_each_type,
    a_quarantined_agent_holds_nothing_until_all_is_resolved,
    rolling_state_is_kept_once,
)
