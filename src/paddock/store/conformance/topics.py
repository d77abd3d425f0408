"""Topics: every event once, in one order for all, and each delivery in one hand at a time."""

import asyncio

import msgspec

from paddock.core.errors import NotFound, Stale
from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, Bench, Check
from paddock.store.stating import Lease, Place
from paddock.store.topics import (
    JOB_KEEP_MS,
    MAX_TRIES,
    MOST_OWNED,
    OWNED_BYTES,
    PAGE_BYTES,
    Delivery,
    NewEvent,
    TopicsFull,
)

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
    assert (again.topic, again.positions, again.fresh) == ("t", (first, 21, 22, 22), 2)
    assert [event.position for event in await store.events("t", 20, 1)] == [21]
    [topic] = await store.topics()
    assert (topic, topic.last, topic.events, topic.last_at) == (await store.topic("t"), 22, 22, NOW)
    assert topic.bytes == sum(len(event.event) for event in await store.events("t", 0, 99))


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
    await store.publish("t", [_event(at) for at in range(20, 24)], NOW)
    await store.publish("u", [_event(1)], NOW)
    await store.take("u", "g", "c", 1, TTL, 0, NOW)
    assert [(one.topic, one.name, one.behind) for one in await store.groups_among("t", "u", 9)] == [
        ("t", "g", 4),
        ("t", "other", 4),
        ("u", "g", 0),
    ]
    assert [one.name for one in await store.topics("t")] == ["u"] == [one.name for one in await store.topics("", "u")]


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
    topic = await store.topic("t")
    assert (topic.events, topic.bytes) == (2, sum(len(event.event) for event in await store.events("t", 0, 9)))


async def keeps_an_owners_topics_within_bounds(store: Store) -> None:
    large = [NewEvent(source="/s", id=f"l{at}", event=f'"{"x" * 250_000}{at}"') for at in range(20)]
    for number in range(5):
        given = [msgspec.structs.replace(event, id=f"{number}.{event.id}") for event in large]
        assert (await store.publish("project:p:t", given, NOW)).fresh == 20
    topic = await store.topic("project:p:t")
    assert (topic.owner, topic.last) == ("project:p", 100)
    assert topic.bytes <= OWNED_BYTES < topic.bytes + 300_000
    page = await store.events("project:p:t", 0, 99)
    assert sum(len(event.event) for event in page) <= PAGE_BYTES and page[0].position == 101 - topic.events
    for number in range(MOST_OWNED - 1):
        await store.publish(f"project:p:t{number}", [_event(1)], NOW)
    try:
        await store.publish("project:p:one-more", [_event(1)], NOW)
        raise AssertionError("an owner had any number of topics")
    except TopicsFull:
        assert len(await store.topics_at(Place(space="project", owner="p"))) == MOST_OWNED
    assert (await store.publish("project:other:t", [_event(1)], NOW)).fresh == 1
    await store.publish("t", [_event(1), _event(2)], NOW)
    await _take(store, 1)
    usage = await store.topic_usage()
    assert usage.spaces["project"]["topics"] == MOST_OWNED + 1
    assert usage.spaces["operators"] == {"topics": 1, "events": 2, "bytes": sum(len(_event(at).event) for at in (1, 2))}
    assert (usage.groups, usage.behind, usage.pending, usage.dead) == (1, 1, 1, 0)


async def drops_what_is_old_where_nobody_publishes(store: Store) -> None:
    for topic in ("job:j1:t", "t"):
        await store.publish(topic, [_event(1), _event(2)], NOW)
    await store.keep_topic("t", 1_000, 0, NOW)
    await store.publish("forever", [_event(1)], NOW)
    assert await store.topic_sweep(NOW + 1_000) == 0
    assert await store.topic_sweep(NOW + 1_001) == 1
    assert await store.topic_sweep(NOW + JOB_KEEP_MS + 1) == 1
    found = {topic.name: (topic.events, topic.bytes, topic.last) for topic in await store.topics()}
    assert found == {"job:j1:t": (0, 0, 2), "t": (0, 0, 2), "forever": (1, 11, 1)}
    assert (await store.publish("t", [_event(1)], NOW)).positions == (3,)


async def takes_events_of_an_attempt_while_it_holds_its_job(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    first, second = await bench.agent("a"), await bench.agent("b")
    await bench.submit({"id": "x"})
    job = (await bench.beat(first, 1)).granted[0]

    def place(space: str, who: tuple[str, str], epoch: int) -> Place:
        return Place(space=space, lease=Lease(job=job.id, epoch=epoch, session=who[1], agent=who[0]))

    for space, owner in (("job", job.id), ("project", "p"), ("agent", first[0])):
        taken = await store.publish("t", [_event(1), _event(1)], NOW, place(space, first, 1))
        assert (taken.topic, taken.positions, taken.fresh) == (f"{space}:{owner}:t", (1, 1), 1)
    assert await store.events("none", 0, 9, place("job", first, 1)) == []
    await store.expire(NOW + 10**6)
    again = (await bench.beat(second, 1)).granted[0]
    for act in (
        store.publish("t", [_event(2)], NOW, place("project", first, 1)),
        store.events("t", 0, 9, place("project", first, 1)),
        store.topics_at(place("job", first, 1)),
    ):
        try:
            await act
            raise AssertionError("an attempt that was replaced went on")
        except Stale:
            pass
    taken = await store.publish("t", [_event(1), _event(2)], NOW, place("job", second, again.epoch))
    assert taken.positions == (1, 2)  # the job's, whichever attempt speaks
    found = await store.events("t", 1, 9, place("job", second, again.epoch))
    assert [event.position for event in found] == [2]


CHECKS: tuple[Check, ...] = (
    keeps_events_once_in_one_order,
    gives_each_event_to_one_consumer_of_a_group,
    gives_again_what_was_not_acknowledged_and_fences_the_late,
    drops_what_it_need_not_keep,
    keeps_an_owners_topics_within_bounds,
    drops_what_is_old_where_nobody_publishes,
    takes_events_of_an_attempt_while_it_holds_its_job,
)
