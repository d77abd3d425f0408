"""The part of the contract that is publish and subscribe: topics, their events, and groups of consumers."""

from collections.abc import Sequence
from typing import Protocol

from paddock.core.errors import Conflict
from paddock.store.records import Record
from paddock.store.stating import Place

# Deliveries after which an event is put aside for a person to look at.
MAX_TRIES = 5
# What a project, a job or an agent may have: topics, and bytes of events in each, beyond which the oldest go.
MOST_OWNED = 32
OWNED_BYTES = 16 << 20
# Topics that one list holds, and groups of one topic that are told of.
MOST_LISTED = 1_000
MOST_GROUPS = 1_000
# For how long a job's topics keep events unless they are told otherwise: jobs end, and nobody tidies up after them.
JOB_KEEP_MS = 7 * 86_400_000
# Topics that one sweep looks at.
SWEEP = 50
# Bytes of events that one answer holds, unless the first alone is larger.
PAGE_BYTES = 4 << 20


class TopicsFull(Conflict):
    """The owner has as many topics as it may have."""

    code = "topics_full"
    hint = "tell events apart by their type, within one topic"


class Topic(Record, frozen=True, kw_only=True):
    """A topic. `last` is its latest position, 0 before the first event; `owner` is empty or `space:owner`.

    0 in `keep_ms` or `keep_count` is no bound. `events` and `bytes` are what is kept now; times are epoch milliseconds.
    """

    name: str
    owner: str = ""
    keep_ms: int
    keep_count: int
    last: int
    created: int
    events: int = 0
    bytes: int = 0
    last_at: int | None = None


class Published(Record, frozen=True, kw_only=True):
    """An event at its position; `event` is the CloudEvent in JSON."""

    position: int
    at: int
    event: str


class Taken(Record, frozen=True, kw_only=True):
    """What became of a publication: the topic's whole name, the position of each event, and how many were new."""

    topic: str
    positions: tuple[int, ...]
    fresh: int


class NewEvent(Record, frozen=True, kw_only=True):
    """A checked CloudEvent on its way in; source and id together name it once and for all."""

    source: str
    id: str
    event: str


class Group(Record, frozen=True, kw_only=True):
    """Consumers that share events: `pending` deliveries were not acknowledged, `dead` ones were tried too often.

    `behind` is how many events it was not given yet.
    """

    topic: str
    name: str
    next: int
    created: int
    pending: int = 0
    dead: int = 0
    behind: int = 0


class Delivery(Record, frozen=True, kw_only=True):
    """An event given to one consumer of a group, until `until`; only this token acknowledges it."""

    position: int
    at: int
    event: str
    token: str
    tries: int
    until: int


class TopicUsage(Record, frozen=True, kw_only=True):
    """What is stored: by space topics, events and bytes, and of all of them groups and deliveries.

    `behind` is how many events the group that is furthest behind was not given yet.
    """

    spaces: dict[str, dict[str, int]]
    groups: int
    behind: int
    pending: int
    dead: int


class TopicStore(Protocol):
    """Events stay at positions that rise by one, in the order of commits."""

    async def keep_topic(self, name: str, keep_ms: int, keep_count: int, now: int) -> Topic:
        """Makes a topic, or sets what it keeps."""

    async def topic(self, name: str) -> Topic:
        """Raises: NotFound."""

    async def topics(self, after: str = "", prefix: str = "", most: int = MOST_LISTED) -> list[Topic]:
        """Topics whose names begin so, in their order, from behind one on."""

    async def topic_usage(self) -> TopicUsage:
        """It looks at every topic and every delivery that is open: ask now and then."""

    async def topics_at(self, place: Place) -> list[Topic]:
        """The topics of a place. Raises: Stale."""

    async def publish(self, topic: str, events: Sequence[NewEvent], now: int, place: Place | None = None) -> Taken:
        """Stores events of a topic, made when it is new. One that is known keeps the position of the first.

        With a place the topic is the one of this name there; an attempt's place is looked at in the same transaction.
        Raises: TopicsFull, Stale.
        """

    async def events(self, topic: str, after: int, most: int, place: Place | None = None) -> list[Published]:
        """Events behind a position, as many as an answer holds. Raises: NotFound, or with a place Stale."""

    async def groups(self, topic: str) -> list[Group]:
        """A topic's groups. Raises: NotFound."""

    async def groups_among(self, first: str, last: str, most: int) -> list[Group]:
        """The groups of the topics from one to another, in the order of their names."""

    async def take(
        self, topic: str, group: str, consumer: str, most: int, ttl: int, start: int, now: int
    ) -> list[Delivery]:
        """Gives a consumer what is next, deliveries that ran out before anything new; a new group begins at `start`.

        Raises: NotFound.
        """

    async def topic_sweep(self, now: int) -> int:
        """Drops events that are older than their topics keep, some at a time; of how many topics, at most SWEEP."""

    async def settle(self, topic: str, group: str, tokens: Sequence[str], good: bool, now: int) -> list[str]:
        """Acknowledges deliveries, or gives them back at once; returns the tokens that are not current."""
