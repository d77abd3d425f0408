"""What several control planes on one store must agree on; to the store, each is but another caller."""

import asyncio

from paddock.core.errors import NotFound
from paddock.core.states import JobState
from paddock.store.base import Store
from paddock.store.conformance.bench import LANES, NOW, TTL, Bench, Check

LOG = ("j1", 1, "log")


async def agrees_on_the_first_value(store: Store) -> None:
    assert await store.fact("key") is None
    said = await asyncio.gather(*(store.agree("key", f"value-{number}", NOW) for number in range(10)))
    assert len(set(said)) == 1
    assert await store.agree("key", "another", NOW + 1) == said[0] == await store.fact("key")


async def keeps_leases_while_somebody_does(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    ids = await bench.submit({"id": "x"})
    assert await store.keep(TTL, NOW) == ([], 0)
    await bench.beat(who, 1)
    for passed in range(0, TTL, TTL // 5):
        assert await store.keep(TTL, NOW + passed) == ([], 0)
    lost, forgiven = await store.keep(TTL, NOW + TTL)
    assert (list(lost), forgiven) == ([ids["x"]], 0)
    assert (await store.job(ids["x"])).state is JobState.READY


async def forgives_what_nobody_kept(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit({"id": "x"})
    await store.keep(TTL, NOW)
    await bench.beat(who, 1)
    later = NOW + 50 * TTL
    assert await store.keep(TTL, later) == ([], 1)
    assert await store.keep(TTL, later) == ([], 0)  # another replica that comes back forgives nothing more
    assert (await store.pulse()).expiry == later + TTL
    assert [event.type for event in await store.journal(-1, None, 1)] == ["leases.forgiven"]


async def a_clock_that_is_behind_does_not_turn_back_the_care(store: Store) -> None:
    await store.keep(TTL, NOW)
    assert await store.keep(TTL, NOW - TTL) == ([], 0)
    assert (await store.pulse()).kept == NOW


async def tells_in_one_look_what_wants_doing(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    first = await store.pulse()
    assert (first.expiry, first.kept) == (None, 0)
    assert first.clock > 1_700_000_000_000
    who = await bench.agent("a")
    await bench.submit({"id": "x"})
    await bench.beat(who, 1)
    second = await store.pulse()
    assert second.seq == await store.last_seq() > first.seq
    assert second.expiry == NOW + TTL


async def tells_which_agents_have_changed(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    start = await store.last_seq()
    one, other = await bench.agent("one"), await bench.agent("other")
    assert sorted(await store.agents_touched(start)) == sorted([one[0], other[0]])
    start = await store.last_seq()
    await bench.submit({"id": "x"})
    await bench.beat(one, 1)
    assert await store.agents_touched(start) == []
    await store.drain(other[0], True, NOW)
    assert await store.agents_touched(start) == [other[0]]


async def says_where_an_agent_stands(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit({"id": "x"}, {"id": "y"})
    found, leases = await store.standing_of(who[0])
    assert (found.id, found.session, leases) == (*who, 0)
    await bench.beat(who, 2)
    assert (await store.standing_of(who[0]))[1] == 2
    try:
        await store.standing_of("a")  # its name is no id
        raise AssertionError("a name was taken for an id")
    except NotFound:
        pass


async def grants_nothing_to_a_session_that_was_replaced(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    agent, old = await bench.agent("a")
    await bench.submit({"id": "x"})
    await bench.boot(agent, "s-new")
    assert (await bench.beat((agent, old), 5, lanes=LANES)).granted == ()
    assert len((await bench.beat((agent, "s-new"), 5, lanes=LANES)).granted) == 1


async def keeps_logs_whole(store: Store) -> None:
    assert (await store.log_size(*LOG), await store.log_read(*LOG, 0, 99)) == (0, b"")
    assert await store.log_append(*LOG, 0, b"hello ") == 6
    assert await store.log_append(*LOG, 0, b"hello wor") == 9  # sent again, with more behind it
    assert await store.log_append(*LOG, 2, b"llo") == 9
    assert await store.log_append(*LOG, 20, b"far") == 9
    assert await store.log_append(*LOG, 9, b"ld\0\xff") == 13
    assert await store.log_append("j1", 2, "log", 0, b"other") == 5
    assert await store.log_read(*LOG, 0, 99) == b"hello world\0\xff"
    assert [await store.log_read(*LOG, start, 3) for start in (0, 5, 8, 12, 13, 99)] == [
        *(b"hel", b" wo", b"rld", b"\xff", b"", b"")
    ]
    assert await store.log_size(*LOG) == 13


CHECKS: tuple[Check, ...] = (
    agrees_on_the_first_value,
    keeps_leases_while_somebody_does,
    forgives_what_nobody_kept,
    a_clock_that_is_behind_does_not_turn_back_the_care,
    tells_in_one_look_what_wants_doing,
    tells_which_agents_have_changed,
    says_where_an_agent_stands,
    grants_nothing_to_a_session_that_was_replaced,
    keeps_logs_whole,
)
