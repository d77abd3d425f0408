"""Topics: events stored once at positions without gaps, and given to groups under a fence of their own."""

from collections.abc import Sequence

from paddock.core.errors import NotFound
from paddock.store.ops.work import Work, record, records
from paddock.store.statements import Tx
from paddock.store.topics import MAX_TRIES, Delivery, Group, NewEvent, Published, Topic

# Events that one publication drops at most: retention keeps up as long as no single one brings more.
_TRIM = 500


def keep(work: Work, name: str, keep_ms: int, keep_count: int) -> Topic:
    """Makes a topic, or sets what it keeps."""
    if not work.tx.run("add_topic", name=name, keep_ms=keep_ms, keep_count=keep_count, created=work.now):
        work.tx.run("keep_topic", name=name, keep_ms=keep_ms, keep_count=keep_count)
    return find(work.tx, name)


def find(tx: Tx, name: str) -> Topic:
    """Raises: NotFound."""
    row = tx.one("topic", name=name)
    if row is None:
        raise NotFound(f"no topic {name!r}", hint="it begins with its first event, or with `paddock topic create`")
    return record(Topic, row)


def publish(work: Work, name: str, events: Sequence[NewEvent]) -> list[int]:
    """Stores events; returns the position of each, for one that is known that of the first."""
    if work.tx.one("topic", name=name) is None:
        keep(work, name, 0, 0)
    topic = find(work.tx, name)
    last = topic.last
    positions = []
    for event in events:
        known = work.tx.value("event_known", topic=name, source=event.source, id=event.id)
        if known is None:
            last += 1
            work.tx.run(
                "add_event",
                topic=name,
                position=last,
                at=work.now,
                source=event.source,
                id=event.id,
                event=event.event,
            )
        positions.append(last if known is None else int(known))
    work.tx.run("move_topic", name=name, last=last)
    _trim(work, topic, last)
    return positions


def _trim(work: Work, topic: Topic, last: int) -> None:
    if topic.keep_count:
        work.tx.run("drop_counted", topic=topic.name, until=last - topic.keep_count, most=_TRIM)
    if topic.keep_ms:
        work.tx.run("drop_aged", topic=topic.name, before=work.now - topic.keep_ms, most=_TRIM)


def after(tx: Tx, name: str, position: int, most: int) -> list[Published]:
    """Events behind a position. Raises: NotFound."""
    find(tx, name)
    return records(Published, tx.all("events_after", topic=name, after=position, most=most))


def groups(tx: Tx, name: str) -> list[Group]:
    """The topic's groups. Raises: NotFound."""
    find(tx, name)
    return records(Group, tx.all("groups", topic=name))


def take(work: Work, name: str, group: str, consumer: str, most: int, ttl: int, start: int) -> list[Delivery]:
    """Gives a consumer what ran out at others, then what is new. Raises: NotFound."""
    topic = find(work.tx, name)
    work.tx.run("add_group", topic=name, name=group, next=min(start, topic.last) + 1, created=work.now)
    given = _again(work, name, group, consumer, most, ttl)
    row = work.tx.one("group", topic=name, name=group)
    assert row is not None
    fresh = work.tx.all("events_after", topic=name, after=row["next"] - 1, most=most - len(given))
    for event in fresh:
        given.append(_give(work, name, group, consumer, {**event, "tries": 0}, ttl))
    if fresh:
        work.tx.run("move_group", topic=name, name=group, next=fresh[-1]["position"] + 1)
    return given


def _again(work: Work, name: str, group: str, consumer: str, most: int, ttl: int) -> list[Delivery]:
    """Deliveries that nobody acknowledged in time; one that was tried too often is put aside."""
    given = []
    for row in work.tx.all("deliveries_over", topic=name, name=group, now=work.now, most=most):
        if row["event"] is None:  # retention took it
            work.tx.run("drop_lost", topic=name, name=group, position=row["position"])
        elif row["tries"] >= MAX_TRIES:
            _set(work, name, group, row["position"], consumer="", tries=row["tries"], dead=1, until=work.now)
        else:
            given.append(_give(work, name, group, consumer, row, ttl))
    return given


def _give(work: Work, name: str, group: str, consumer: str, row: dict[str, object], ttl: int) -> Delivery:
    position, tries = int(str(row["position"])), int(str(row["tries"])) + 1
    until = work.now + ttl
    token = _set(work, name, group, position, consumer=consumer, tries=tries, dead=0, until=until)
    return Delivery(
        position=position, at=int(str(row["at"])), event=str(row["event"]), token=token, tries=tries, until=until
    )


def _set(work: Work, name: str, group: str, position: int, *, consumer: str, tries: int, dead: int, until: int) -> str:
    token = work.new_id("d")
    work.tx.run(
        "set_delivery",
        topic=name,
        name=group,
        position=position,
        token=token,
        consumer=consumer,
        tries=tries,
        dead=dead,
        until=until,
    )
    return token


def settle(work: Work, name: str, group: str, tokens: Sequence[str], good: bool) -> list[str]:
    """Acknowledges deliveries or gives them back; returns the tokens that are not current."""
    stale = []
    for token in tokens:
        if good:
            done = work.tx.run("drop_delivery", topic=name, name=group, token=token)
        else:
            done = work.tx.run("return_delivery", topic=name, name=group, token=token, now=work.now)
        if not done:
            stale.append(token)
    return stale
