"""The part of the contract that is publish and subscribe: topics, their events, and groups of consumers."""

from collections.abc import Sequence
from typing import Protocol

from paddock.store.records import Record

# Deliveries after which an event is put aside for a person to look at.
MAX_TRIES = 5


class Topic(Record, frozen=True, kw_only=True):
    """A topic; `last` is its latest position, 0 before the first event. 0 in `keep_ms` or `keep_count` is no bound."""

    name: str
    keep_ms: int
    keep_count: int
    last: int
    created: int
    events: int = 0


class Published(Record, frozen=True, kw_only=True):
    """An event at its position; `event` is the CloudEvent in JSON."""

    position: int
    at: int
    event: str


class NewEvent(Record, frozen=True, kw_only=True):
    """A checked CloudEvent on its way in; source and id together name it once and for all."""

    source: str
    id: str
    event: str


class Group(Record, frozen=True, kw_only=True):
    """Consumers that share events: `pending` deliveries were not acknowledged, `dead` ones were tried too often."""

    topic: str
    name: str
    next: int
    created: int
    pending: int = 0
    dead: int = 0


class Delivery(Record, frozen=True, kw_only=True):
    """An event given to one consumer of a group, until `until`; only this token acknowledges it."""

    position: int
    at: int
    event: str
    token: str
    tries: int
    until: int


class TopicStore(Protocol):
    """Events stay at positions that rise by one, in the order of commits."""

    async def keep_topic(self, name: str, keep_ms: int, keep_count: int, now: int) -> Topic:
        """Makes a topic, or sets what it keeps."""

    async def topic(self, name: str) -> Topic:
        """Raises: NotFound."""

    async def topics(self) -> list[Topic]: ...
    async def publish(self, topic: str, events: Sequence[NewEvent], now: int) -> list[int]:
        """Stores events of a topic, made when it is new; the position of each. One that is known keeps the first's."""

    async def events(self, topic: str, after: int, most: int) -> list[Published]:
        """Events behind a position. Raises: NotFound."""

    async def groups(self, topic: str) -> list[Group]: ...
    async def take(
        self, topic: str, group: str, consumer: str, most: int, ttl: int, start: int, now: int
    ) -> list[Delivery]:
        """Gives a consumer what is next, deliveries that ran out before anything new; a new group begins at `start`.

        Raises: NotFound.
        """

    async def settle(self, topic: str, group: str, tokens: Sequence[str], good: bool, now: int) -> list[str]:
        """Acknowledges deliveries, or gives them back at once; returns the tokens that are not current."""
