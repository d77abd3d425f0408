"""What is worth telling the others, and when."""

import asyncio

import msgspec

from paddock.bus.base import Sighting
from paddock.bus.frames import Frame, decode, encode
from paddock.bus.outbox import Outbox, Pace

FIRST = Sighting("a1", 60_000, 60_000, 1, "s1")


def said(outbox: Outbox) -> list[Sighting]:
    """The sightings that would go out now."""
    frames = [decode(text) for text in outbox.take(heard=True)]
    return [sighting for frame in frames if frame for sighting in frame.sightings]


def later(sighting: Sighting, beats: float, **more: object) -> Sighting:
    """The same agent some intervals later."""
    at = sighting.last_seen + round(beats * sighting.interval)
    return msgspec.structs.replace(sighting, **{"last_seen": at, **more})


async def test_an_agent_that_only_comes_again_is_told_at_every_other_beat() -> None:
    outbox = Outbox("r1", 8_000, Pace())
    outbox.seen(FIRST)
    assert said(outbox) == [FIRST]
    outbox.seen(later(FIRST, 1.05))
    assert said(outbox) == []
    outbox.seen(later(FIRST, 2.1))
    assert said(outbox) == [later(FIRST, 2.1)]


async def test_what_another_replica_told_need_not_be_said_again() -> None:
    outbox = Outbox("r1", 8_000, Pace())
    assert outbox.learn(FIRST) and not outbox.learn(FIRST)
    outbox.seen(later(FIRST, 1))
    assert said(outbox) == []
    outbox.seen(later(FIRST, 1, free=0))
    assert said(outbox) == [later(FIRST, 1, free=0)]
    outbox.tell_all()
    assert said(outbox) == [later(FIRST, 1, free=0)]


async def test_an_idle_fleet_of_a_hundred_costs_a_statement_in_fifteen_seconds() -> None:
    outbox = Outbox("r1", 8_000, Pace())
    loop = asyncio.get_running_loop()
    for number in range(100):
        outbox.learn(Sighting(f"a{number:020d}", 0, 60_000, 1, f"s{number:020d}"))
    planned = []
    for number in range(100):
        outbox.seen(Sighting(f"a{number:020d}", 120_000, 60_000, 1, f"s{number:020d}"))
        assert outbox.due is not None
        planned.append(outbox.due - loop.time())
    assert min(planned) > 14
    assert len(outbox.take(heard=True)) == 1
    assert outbox.due is None


async def test_nothing_is_said_to_nobody_but_a_greeting() -> None:
    outbox = Outbox("r1", 8_000, Pace())
    outbox.wake(["a1"])
    outbox.news("work")
    outbox.seen(FIRST)
    assert outbox.ready.is_set()
    assert outbox.take(heard=False) == []
    outbox.hello(ask=True)
    assert [decode(text) for text in outbox.take(heard=False)] == [Frame("r1", ask=True)]


def test_frames_keep_their_limit_and_lose_nothing() -> None:
    wakes = [f"a{number:020d}" for number in range(1_000)]
    topics = [f"t/{'ü' * (number % 50)}" for number in range(200)]
    sightings = [Sighting(agent, 1, 2, 3, "s") for agent in wakes]
    texts = [*encode("r1", 2_000, True, wakes, topics, sightings)]
    assert max(len(text.encode()) for text in texts) <= 2_000
    frames = [decode(text) for text in texts]
    assert [frame.ask for frame in frames if frame].count(True) == 1
    assert [wake for frame in frames if frame for wake in frame.wakes] == wakes
    assert [topic for frame in frames if frame for topic in frame.topics] == topics
    assert [sighting for frame in frames if frame for sighting in frame.sightings] == sightings


def test_what_is_no_frame_is_passed_over() -> None:
    assert decode("probe") is None
    assert decode(b'{"sender": 1}') is None
    assert decode('["r1", false, [], [], [], "of a later release"]') == Frame("r1")
