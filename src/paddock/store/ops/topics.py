"""Topics: events stored once at positions without gaps, and given to groups under a fence of their own."""

from collections.abc import Sequence

from paddock.core.errors import NotFound
from paddock.store.ops.stating import owner_of
from paddock.store.ops.work import Work, record, records
from paddock.store.statements import Row, Tx
from paddock.store.stating import Place
from paddock.store.topics import (
    JOB_KEEP_MS,
    MAX_TRIES,
    MOST_GROUPS,
    MOST_OWNED,
    OWNED_BYTES,
    PAGE_BYTES,
    SWEEP,
    Delivery,
    Group,
    NewEvent,
    Published,
    Taken,
    Topic,
    TopicsFull,
    TopicUsage,
)

# Events that are read at a time, so that large ones do not fill the memory.
_READ = 64
# Events of each topic that one sweep drops.
_SWEPT = 500


def keep(work: Work, name: str, keep_ms: int, keep_count: int) -> Topic:
    """Makes a topic, or sets what it keeps. Raises: TopicsFull."""
    if work.tx.one("topic_held", name=name) is None:
        _add(work, name, keep_ms, keep_count)
    else:
        work.tx.run("keep_topic", name=name, keep_ms=keep_ms, keep_count=keep_count)
    return find(work.tx, name)


def _add(work: Work, name: str, keep_ms: int, keep_count: int) -> None:
    owner = name.rpartition(":")[0]
    if owner and work.tx.value("topics_of", owner=owner) >= MOST_OWNED:
        raise TopicsFull(f"{owner} has as many topics as it may have: {MOST_OWNED}")
    work.tx.run("add_topic", name=name, owner=owner, keep_ms=keep_ms, keep_count=keep_count, created=work.now)


def find(tx: Tx, name: str) -> Topic:
    """Raises: NotFound."""
    row = tx.one("topic", name=name)
    if row is None:
        raise NotFound(f"no topic {name!r}", hint="it begins with its first event, or with `paddock topic create`")
    return record(Topic, row)


def listed(tx: Tx, after: str, prefix: str, most: int) -> list[Topic]:
    """Topics in the order of their names."""
    return records(Topic, tx.all("topics", after=after, prefix=prefix, most=most))


def at(tx: Tx, place: Place) -> list[Topic]:
    """The topics of a place. Raises: Stale."""
    return records(Topic, tx.all("topics_owned", owner=name_at(tx, place, "").rpartition(":")[0]))


def name_at(tx: Tx, place: Place | None, topic: str) -> str:
    """A topic's whole name; an attempt's place is what its lease says here and now. Raises: Stale."""
    if place is None:
        return topic
    where = owner_of(tx, place)
    return f"{where['space']}:{where['owner']}:{topic}"


def publish(work: Work, topic: str, events: Sequence[NewEvent], place: Place | None) -> Taken:
    """Stores events, each once, at the next positions. Raises: TopicsFull, Stale."""
    name = name_at(work.tx, place, topic)
    there = work.tx.one("topic_held", name=name)
    if there is None:
        _add(work, name, JOB_KEEP_MS if name.startswith("job:") else 0, 0)
        there = work.tx.one("topic_held", name=name)
        assert there is not None
    last, size = int(there["last"]), int(there["bytes"])
    positions = []
    for event in events:
        known = work.tx.value("event_known", topic=name, source=event.source, id=event.id)
        if known is None:
            last += 1
            size += len(event.event.encode())
            row = {"source": event.source, "id": event.id, "event": event.event}
            work.tx.run("add_event", topic=name, position=last, at=work.now, **row)
        positions.append(last if known is None else int(known))
    fresh = last - int(there["last"])
    if fresh:
        size -= _trim(work, name, {**there, "last": last, "bytes": size}, 2 * fresh + 50)
        work.tx.run("move_topic", name=name, last=last, bytes=max(size, 0))
    return Taken(topic=name, positions=tuple(positions), fresh=fresh)


def _trim(work: Work, name: str, topic: Row, most: int) -> int:
    """Drops from the front what need not be kept, at most so many events; returns their bytes."""
    room = OWNED_BYTES if topic["owner"] else 0
    if not (topic["keep_ms"] or topic["keep_count"] or room):
        return 0
    until, freed = 0, 0
    for at_once in (1, most):  # mostly the first stays, and nothing more is read
        until, freed = 0, 0
        for row in work.tx.all("events_first", topic=name, most=at_once):
            old = topic["keep_ms"] and row["at"] < work.now - topic["keep_ms"]
            behind = topic["keep_count"] and row["position"] <= topic["last"] - topic["keep_count"]
            if not (old or behind or (room and topic["bytes"] - freed > room)):
                break
            until, freed = int(row["position"]), freed + int(row["size"])
        if not until:
            return 0
    work.tx.run("drop_events", topic=name, until=until)
    work.tx.run("drop_deliveries", topic=name, until=until)
    return freed


def aged(tx: Tx, now: int) -> bool:
    """Whether a sweep would find anything."""
    return bool(tx.all("topics_aged", now=now, most=1))


def sweep(work: Work) -> int:
    """Drops events that are older than their topics keep; how many topics it looked at."""
    names = [row["name"] for row in work.tx.all("topics_aged", now=work.now, most=SWEEP)]
    for name in names:
        held = work.tx.one("topic_held", name=name)
        assert held is not None
        freed = _trim(work, name, held, _SWEPT)
        work.tx.run("move_topic", name=name, last=held["last"], bytes=max(int(held["bytes"]) - freed, 0))
    return len(names)


def after(tx: Tx, topic: str, position: int, most: int, place: Place | None = None) -> list[Published]:
    """Events behind a position, as many as an answer holds. Raises: NotFound, or with a place Stale."""
    name = name_at(tx, place, topic)
    if place is None:
        find(tx, name)
    return _page(tx, name, position, most)


def _page(tx: Tx, name: str, position: int, most: int) -> list[Published]:
    found: list[Published] = []
    size = 0
    while len(found) < most:
        rows = tx.all("events_after", topic=name, after=position, most=min(_READ, most - len(found)))
        for row in rows:
            size += len(row["event"])
            if found and size > PAGE_BYTES:
                return found
            found.append(record(Published, row))
            position = found[-1].position
        if len(rows) < _READ:
            break
    return found


def usage(tx: Tx) -> TopicUsage:
    """What is stored."""
    spaces = {row.pop("space"): row for row in tx.all("topics_usage")}
    told = tx.one("groups_usage") or {}
    waiting = {int(row["dead"]): int(row["deliveries"]) for row in tx.all("deliveries_usage")}
    return TopicUsage(spaces=spaces, **told, pending=waiting.get(0, 0), dead=waiting.get(1, 0))


def groups(tx: Tx, name: str) -> list[Group]:
    """The topic's groups. Raises: NotFound."""
    find(tx, name)
    return groups_among(tx, name, name, MOST_GROUPS)


def groups_among(tx: Tx, first: str, last: str, most: int) -> list[Group]:
    """The groups of the topics from one to another, in the order of their names."""
    return records(Group, tx.all("groups", first=first, last=last, most=most))


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
        if row["tries"] >= MAX_TRIES:
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
