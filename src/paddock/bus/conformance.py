"""The suite that every bus must pass: each check takes a way to open replicas and raises AssertionError if one fails.

`Open` gives a bus of one more replica each time it is called; a bus for one process gives the same one again.
`CHECKS` hold for every bus, `REPLICA_CHECKS` for those that join several. Whoever opens closes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from paddock.bus.base import Bus, Sighting

Open = Callable[[], Awaitable[Bus]]
Check = Callable[[Open], Awaitable[None]]
T = TypeVar("T")
PATIENCE = 30.0


async def soon(what: Awaitable[T]) -> T:
    """The value, which must come within half a minute."""
    return await asyncio.wait_for(what, PATIENCE)


async def until(holds: Callable[[], object], what: str) -> None:
    """Waits until something holds. Raises: AssertionError naming it."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, f"not within {PATIENCE:g} s: {what}"
        await asyncio.sleep(0.01)


async def two(open_: Open) -> tuple[Bus, Bus]:
    """Two replicas that have heard of each other."""
    here, there = await open_(), await open_()
    if here is not there:
        await until(lambda: here.peers and there.peers, "the replicas hear of each other")
    return here, there


async def listening(lines: AsyncIterator[T]) -> "asyncio.Future[T]":
    """The iterator's next value to come; it listens already."""
    found = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)
    return found


async def a_wake_reaches_the_agent_on_any_replica(open_: Open) -> None:
    for here, there in [await two(open_)]:
        for holder, waker in ((here, there), (there, here), (here, here)):
            woken = await listening(holder.wakes("a1"))
            waker.wake(["a0", "a1"])
            await soon(woken)


async def several_wakes_before_a_look_are_one(open_: Open) -> None:
    here, there = await two(open_)
    lines, others = there.wakes("a1"), there.wakes("a2")
    first, other = await listening(lines), await listening(others)
    for _ in range(5):
        there.wake(["a1"])
    await soon(first)
    again = await listening(lines)
    here.wake(["a2"])
    await soon(other)
    assert not again.done()
    here.wake(["a1"])
    await soon(again)


async def the_newest_channel_of_an_agent_counts(open_: Open) -> None:
    here, _ = await two(open_)
    old = await listening(here.wakes("a1"))
    new = await listening(here.wakes("a1"))
    try:
        await soon(old)
        raise AssertionError("the earlier channel goes on")
    except StopAsyncIteration:
        here.wake(["a1"])
        await soon(new)


async def many_are_woken_at_once(open_: Open) -> None:
    here, there = await two(open_)
    names = [f"a{number:020d}" for number in range(3_000)]
    woken = [await listening(there.wakes(name)) for name in names]
    here.wake(names)
    for line in woken:
        await soon(line)


async def news_reach_those_who_watch_the_topic(open_: Open) -> None:
    here, there = await two(open_)
    journal, orders = await listening(there.watch()), await listening(there.watch("orders/grün"))
    own = await listening(here.watch("orders/grün"))
    here.news("orders/grün")
    await soon(orders)
    await soon(own)
    assert not journal.done()
    here.news()
    await soon(journal)


async def all_watchers_of_a_topic_are_told(open_: Open) -> None:
    here, there = await two(open_)
    lines = [await listening(bus.watch("t")) for bus in (here, there, there)]
    here.news("t")
    for line in lines:
        await soon(line)


async def words_of_any_length_break_nothing(open_: Open) -> None:
    here, there = await two(open_)
    last = await listening(there.watch("last"))
    here.news("x" * 100_000)
    here.wake(["y" * 100_000, ""])
    here.news("last")
    await soon(last)


async def closing_ends_every_iterator_and_nothing_else(open_: Open) -> None:
    here, _ = await two(open_)
    heard: asyncio.Future[Any] = await listening(here.heard())
    lines = [heard, await listening(here.wakes("a1")), await listening(here.watch())]
    await soon(here.close())
    for line in lines:
        await asyncio.wait([line], timeout=PATIENCE)
        assert line.done() and isinstance(line.exception(), StopAsyncIteration), "an iterator goes on"
    here.wake(["a1"])
    here.news()
    here.seen(Sighting("a1", 1, 60_000, 1, "s1"))
    assert here.sightings() == []
    await soon(here.close())


async def a_replica_hears_of_the_others_news_and_not_of_its_own(open_: Open) -> None:
    here, there = await two(open_)
    at_home, abroad = await listening(here.heard()), await listening(there.heard())
    here.news("work")
    here.news("fleet")
    topics: set[str] = set()
    while topics != {"work", "fleet"}:
        topics |= await soon(abroad)
        abroad = await listening(there.heard())
    assert not at_home.done()
    there.news("work")
    assert await soon(at_home) == {"work"}


async def sightings_reach_the_other_replicas(open_: Open) -> None:
    here, there = await two(open_)
    first = [Sighting(f"a{number:020d}", 1_000, 60_000, 1, "s1") for number in range(1_000)]
    for sighting in first:
        here.seen(sighting)
    assert await told(there, 1_000) == {sighting.agent: sighting for sighting in first}
    moved = Sighting(first[7].agent, 2_000, 60_000, 0, "s2")
    here.seen(first[7])
    here.seen(moved)
    assert await told(there, 1) == {moved.agent: moved}
    assert here.sightings() == []


async def the_newest_sighting_of_an_agent_counts(open_: Open) -> None:
    here, there = await two(open_)
    here.seen(Sighting("a1", 1_000, 60_000, 1, "s1"))
    await told(there, 1)
    there.seen(Sighting("a1", 9_000, 60_000, 1, "s2"))
    assert (await told(here, 1))["a1"].session == "s2"
    third = await open_()
    assert (await told(third, 1))["a1"].session == "s2"


async def a_newcomer_hears_of_everyone(open_: Open) -> None:
    here, there = await two(open_)
    here.seen(Sighting("a1", 1_000, 60_000, 1, "s1"))
    there.seen(Sighting("a2", 1_000, 60_000, 1, "s2"))
    await asyncio.gather(told(there, 1), told(here, 1))
    await here.close()  # what it told is not lost with it
    assert set(await told(await open_(), 2)) == {"a1", "a2"}


async def told(bus: Bus, count: int) -> dict[str, Sighting]:
    """What a replica was told of so many agents."""
    found: dict[str, Sighting] = {}

    def enough() -> bool:
        found.update({sighting.agent: sighting for sighting in bus.sightings()})
        return len(found) >= count

    await until(enough, f"{count} agents are told of")
    return found


CHECKS: tuple[Check, ...] = (
    a_wake_reaches_the_agent_on_any_replica,
    several_wakes_before_a_look_are_one,
    the_newest_channel_of_an_agent_counts,
    many_are_woken_at_once,
    news_reach_those_who_watch_the_topic,
    all_watchers_of_a_topic_are_told,
    words_of_any_length_break_nothing,
    closing_ends_every_iterator_and_nothing_else,
)
REPLICA_CHECKS: tuple[Check, ...] = (
    a_replica_hears_of_the_others_news_and_not_of_its_own,
    sightings_reach_the_other_replicas,
    the_newest_sighting_of_an_agent_counts,
    a_newcomer_hears_of_everyone,
)
