"""Topics: every event once, in one order for all, and each delivery in one hand at a time."""

import asyncio

from paddock.core.errors import NotFound
from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, Check
from paddock.store.topics import MAX_TRIES, Delivery, NewEvent

TTL = 100


def _event(number: int, source: str = "/s") -> NewEvent:
    return NewEvent(source=source, id=f"e{number}", event=f'{{"id":"e{number}"}}')


async def _take(store: Store, most: int, now: int = NOW, who: str = "c", start: int = 0) -> list[Delivery]:
    return await store.take("t", "g", who, most, TTL, start, now)


async def keeps_events_once_in_one_order(store: Store) -> None:
    try:
        await store.events("t", 0, 9)
        raise AssertionError("a topic that is not there was read")
    except NotFound:
        pass
    await asyncio.gather(*(store.publish("t", [_event(at), _event(at + 100)], NOW + at) for at in range(10)))
    found = await store.events("t", 0, 99)
    assert [event.position for event in found] == list(range(1, 21))
    again = await store.publish("t", [_event(3), _event(3, "/other"), _event(50), _event(50)], NOW)
    first = next(event.position for event in found if event.event == '{"id":"e3"}')
    assert again == [first, 21, 22, 22]
    assert [event.position for event in await store.events("t", 20, 1)] == [21]
    assert ((await store.topic("t")).last, [topic.events for topic in await store.topics()]) == (22, [22])


async def gives_each_event_to_one_consumer_of_a_group(store: Store) -> None:
    await store.publish("t", [_event(at) for at in range(12)], NOW)
    hands = await asyncio.gather(*(_take(store, 3, who=f"c{at}") for at in range(5)))
    given = [delivery.position for hand in hands for delivery in hand]
    assert sorted(given) == list(range(1, 13))
    assert [d.position for d in await store.take("t", "other", "c", 99, TTL, 10, NOW)] == [11, 12]
    tokens = [delivery.token for hand in hands for delivery in hand]
    assert await store.settle("t", "g", [*tokens, "d-none"], True, NOW) == ["d-none"]
    assert await _take(store, 9, NOW + TTL) == []
    [group, other] = await store.groups("t")
    assert (group.name, group.next, group.pending, group.dead, other.pending) == ("g", 13, 0, 0, 2)


async def gives_again_what_was_not_acknowledged_and_fences_the_late(store: Store) -> None:
    await store.publish("t", [_event(1), _event(2)], NOW)
    [first, second] = await _take(store, 2)
    assert await _take(store, 2, NOW + TTL - 1, "other") == []
    [again] = await _take(store, 1, NOW + TTL, "other")
    assert (again.position, again.tries) == (1, 2)
    assert await store.settle("t", "g", [first.token], True, NOW + TTL) == [first.token]
    assert await store.settle("t", "g", [again.token], True, NOW + TTL) == []
    assert await store.settle("t", "g", [second.token], False, NOW + 1) == []
    now = NOW + 1
    for tries in range(2, MAX_TRIES + 1):
        [last] = await _take(store, 1, now)
        assert (last.position, last.tries) == (2, tries)
        now += TTL
    assert await _take(store, 1, now) == []
    [group] = await store.groups("t")
    assert (group.pending, group.dead) == (0, 1)


async def drops_what_it_need_not_keep(store: Store) -> None:
    await store.keep_topic("t", 1_000, 0, NOW)
    await store.publish("t", [_event(1), _event(2)], NOW)
    [held] = await _take(store, 1)
    await store.publish("t", [_event(3)], NOW + 1_001)
    assert [event.position for event in await store.events("t", 0, 9)] == [3]
    assert [d.position for d in await _take(store, 9, NOW + 1_001)] == [3]
    assert await store.settle("t", "g", [held.token], True, NOW + 1_001) == [held.token]
    await store.keep_topic("t", 0, 2, NOW)
    await store.publish("t", [_event(at) for at in range(10, 15)], NOW + 1_002)
    assert [event.position for event in await store.events("t", 0, 9)] == [7, 8]


CHECKS: tuple[Check, ...] = (
    keeps_events_once_in_one_order,
    gives_each_event_to_one_consumer_of_a_group,
    gives_again_what_was_not_acknowledged_and_fences_the_late,
    drops_what_it_need_not_keep,
)
