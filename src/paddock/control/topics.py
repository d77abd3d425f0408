"""Publish and subscribe: events in, to everyone who follows a topic, and to groups that share its work."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

import msgspec

from paddock.control.plane import Control
from paddock.control.state import place_of
from paddock.core.cloudevents import MAX_BATCH, check_event, check_topic
from paddock.core.errors import BadInput
from paddock.store.stating import Place
from paddock.store.topics import Delivery, NewEvent, Published, Taken, Topic
from paddock.wire.topics import PAGE

# What a bus calls news of a topic.
_NEWS = "topic/"
# Seconds after which a follower looks for itself: news may be lost on the way.
LOOK_S = 7.0

# Reads a page of events behind a position.
Read = Callable[[int], Awaitable[list[Published]]]


async def name_of(control: Control, ref: str, *, writing: bool) -> str:
    """A topic's whole name: `name`, or `space:owner:name` with an owner that may be named as people do.

    Raises: BadInput, NotFound.
    """
    space, colon, rest = ref.partition(":")
    if not colon:
        check_topic(ref, writing=writing)
        return ref
    owner, colon, name = rest.rpartition(":")
    if not colon:
        raise BadInput(
            f"{ref[:60]!r} is no topic", hint="NAME, or project:PROJECT:NAME, job:JOB:NAME, agent:AGENT:NAME"
        )
    check_topic(name, writing=writing)
    place = await place_of(control, space, owner)
    return f"{place.space}:{place.owner}:{name}"


async def publish(control: Control, topic: str, raw: Sequence[object], place: Place | None = None) -> Taken:
    """Stores events and tells who follows.

    Raises: BadInput naming the event and the attribute, TopicsFull, and with an attempt's place Stale.
    """
    if not 1 <= len(raw) <= MAX_BATCH:
        raise BadInput(f"a batch holds 1 to {MAX_BATCH:,} events, this one {len(raw):,}")
    events = [check_event(event, f"events[{at}]" if len(raw) > 1 else "event") for at, event in enumerate(raw)]
    made = [
        NewEvent(source=event["source"], id=event["id"], event=msgspec.json.encode(event).decode()) for event in events
    ]
    taken = await control.store.publish(topic, made, control.clock.now(), place)
    if taken.fresh:
        control.bus.news(_NEWS + taken.topic)
    return taken


def stored(control: Control, topic: str, most: int = PAGE) -> Read:
    """Reads a topic that is stored."""
    return lambda after: control.store.events(topic, after, most)


async def follow(control: Control, topic: str, read: Read, after: int) -> AsyncGenerator[list[Published], None]:
    """Events behind a position, as they come; an empty list now and then while there is nothing.

    Raises: what reading raises.
    """
    news = control.bus.watch(_NEWS + topic)
    waiting = asyncio.ensure_future(anext(news, None))
    try:
        while True:
            found = await read(after)
            if found:
                after = found[-1].position
                yield found
                continue
            done, _ = await asyncio.wait((waiting,), timeout=LOOK_S)
            if done:
                waiting = asyncio.ensure_future(anext(news, None))
            else:
                yield []
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def wait(control: Control, topic: str, read: Read, after: int, seconds: float) -> list[Published]:
    """Events behind a position; where there are none yet it waits for them so long. Raises: what reading raises."""
    if seconds <= 0:
        return await read(after)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), contextlib.aclosing(follow(control, topic, read, after)) as pages:
            async for found in pages:
                if found:
                    return found
    return []


def event_of(found: Published | Delivery) -> dict[str, Any]:
    """The event with its position, in the extension attribute `sequence`."""
    event: dict[str, Any] = msgspec.json.decode(found.event)
    return {**event, "sequence": str(found.position)}


def topic_view(topic: Topic) -> dict[str, Any]:
    """A topic as lists show it."""
    return dict(msgspec.to_builtins(topic))
