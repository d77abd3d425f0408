"""Publish and subscribe: events in, to everyone who follows a topic, and to groups that share its work."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec

from paddock.control.plane import Control
from paddock.core.cloudevents import MAX_BATCH, check_event, check_topic
from paddock.core.errors import BadInput
from paddock.store.topics import Delivery, NewEvent, Published, Topic

# What a bus calls news of a topic.
_NEWS = "topic/"
PAGE = 500
# Seconds after which a follower looks for itself: news may be lost on the way.
LOOK_S = 7.0


async def publish(control: Control, topic: str, raw: Sequence[object]) -> list[int]:
    """Stores events and tells who follows; the position of each.

    Raises: BadInput naming the event and the attribute.
    """
    check_topic(topic, writing=True)
    if not 1 <= len(raw) <= MAX_BATCH:
        raise BadInput(f"a batch holds 1 to {MAX_BATCH:,} events, this one {len(raw):,}")
    events = [check_event(event, f"events[{at}]" if len(raw) > 1 else "event") for at, event in enumerate(raw)]
    made = [
        NewEvent(source=event["source"], id=event["id"], event=msgspec.json.encode(event).decode()) for event in events
    ]
    positions = await control.store.publish(topic, made, control.clock.now())
    control.bus.news(_NEWS + topic)
    return positions


async def follow(control: Control, topic: str, after: int) -> AsyncGenerator[list[Published], None]:
    """Events behind a position, as they come; an empty list now and then while there is nothing. Raises: NotFound."""
    news = control.bus.watch(_NEWS + topic)
    waiting = asyncio.ensure_future(anext(news, None))
    try:
        while True:
            found = await control.store.events(topic, after, PAGE)
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


def event_of(found: Published | Delivery) -> dict[str, Any]:
    """The event with its position, in the extension attribute `sequence`."""
    event: dict[str, Any] = msgspec.json.decode(found.event)
    return {**event, "sequence": str(found.position)}


def topic_view(topic: Topic) -> dict[str, Any]:
    """A topic as lists show it."""
    return dict(msgspec.to_builtins(topic))
