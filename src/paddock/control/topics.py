"""Publish and subscribe: events in, to everyone who follows a topic, and to groups that share its work."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from paddock.control.plane import Control
from paddock.control.state import place_of
from paddock.core.cloudevents import MAX_BATCH, check_event, check_topic
from paddock.core.errors import BadInput, Overloaded
from paddock.store.stating import Place
from paddock.store.topics import SWEEP, Delivery, NewEvent, Published, Taken, Topic
from paddock.wire.topics import PAGE

# What a bus calls news of a topic, and the news that there is news of any.
NEWS = "topic/"
ANY = "topics"
_ENDED = object()
# Seconds after which a follower looks for itself: among several control planes news may be lost on the way.
LOOK_S = 7.0
# Seconds after which it does where there is only one.
LOOK_ALONE_S = 20.0
# Who may follow topics at one control plane at a time.
MOST_FOLLOWERS = 2_000
SWEEP_EVERY_MS = 300_000
# Transactions of one sweep at most.
_SWEEPS = 20
# How often one question reads on where a filter has left nothing over.
_READS = 20


class Page(NamedTuple):
    """Events, and the position to go on behind, which may lie beyond them."""

    events: list[Published]
    upto: int


class Source(NamedTuple):
    """Something to read and follow: what the bus calls news of it, and how events behind a position are read."""

    news: str
    read: Callable[[int], Awaitable[Page]]


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
    control.meter.published["stored"] += taken.fresh
    control.meter.published["known"] += len(made) - taken.fresh
    if taken.fresh:
        control.bus.news(NEWS + taken.topic)
        control.bus.news(ANY)
    return taken


def stored(control: Control, topic: str, most: int = PAGE) -> Source:
    """A topic that is stored."""

    async def read(after: int) -> Page:
        return page(await control.store.events(topic, after, most), after)

    return Source(NEWS + topic, read)


def page(events: list[Published], after: int) -> Page:
    """Events as a page."""
    return Page(events, events[-1].position if events else after)


def check_room(control: Control) -> None:
    """Raises: Overloaded when as many follow as may."""
    if control.meter.following >= MOST_FOLLOWERS:
        raise Overloaded("too many follow topics", hint="ask now and then, without waiting")


async def follow(control: Control, source: Source, after: int) -> AsyncGenerator[Page, None]:
    """Events behind a position, as they come; a page without events now and then while there are none.

    It ends with the control plane. Raises: Overloaded when too many follow, and what reading raises.
    """
    check_room(control)
    every = LOOK_ALONE_S if control.replica is None else LOOK_S
    news = control.bus.watch(source.news)
    waiting: asyncio.Future[object] = asyncio.ensure_future(anext(news, _ENDED))
    control.meter.following += 1
    try:
        while True:
            found = await source.read(after)
            if found.upto > after:
                after = found.upto
                yield found
                continue
            done, _ = await asyncio.wait((waiting,), timeout=every)
            if done and waiting.result() is _ENDED:
                return  # the control plane ends
            if done:
                waiting = asyncio.ensure_future(anext(news, _ENDED))
            else:
                yield found
    finally:
        control.meter.following -= 1
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def wait(control: Control, source: Source, after: int, seconds: float) -> Page:
    """Events behind a position; where there are none yet it waits for them so long. Raises: what reading raises."""
    found = await source.read(after)
    for _ in range(_READS):
        if found.events or found.upto == after:
            break
        after = found.upto
        found = await source.read(after)
    if found.events or not seconds:
        return found
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), contextlib.aclosing(follow(control, source, found.upto)) as pages:
            async for found in pages:
                if found.events:
                    break
    return found


async def sweep(control: Control, now: int) -> None:
    """Drops now and then what topics to which nobody publishes need not keep any longer."""
    if now < control.topics_swept + SWEEP_EVERY_MS:
        return
    control.topics_swept = now
    for _ in range(_SWEEPS):
        if await control.store.topic_sweep(now) < SWEEP:
            return


def event_of(found: Published | Delivery) -> dict[str, Any]:
    """The event with its position, in the extension attribute `sequence`."""
    event: dict[str, Any] = msgspec.json.decode(found.event)
    return {**event, "sequence": str(found.position)}


def topic_view(topic: Topic) -> dict[str, Any]:
    """A topic as lists show it."""
    return dict(msgspec.to_builtins(topic))
