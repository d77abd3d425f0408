"""Events in topics: published once, read from any position, followed as they come, shared by a group's consumers."""

import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from paddock.client.transport import Transport

_HEADERS = {"Content-Type": "application/json"}
# Events that one question asks for, and seconds for which it waits where there are none.
PAGE = 500
WAIT_S = 20
_KNOWN = ("specversion", "id", "source", "type", "subject", "time", "data", "data_base64", "sequence")


class Event(NamedTuple):
    """A CloudEvent at its position. `data` is what its JSON holds, or bytes; `more` are its further attributes."""

    position: int
    id: str
    source: str
    type: str
    data: Any
    subject: str
    time: str
    more: dict[str, Any]


class Delivery(NamedTuple):
    """An event given to one consumer until `until`, epoch milliseconds; `tries` is 1 the first time."""

    token: str
    tries: int
    until: int
    event: Event


class GroupInfo(NamedTuple):
    """A group as a list shows it: events it was not given yet, open deliveries, and events that were put aside."""

    name: str
    next: int
    behind: int
    pending: int
    dead: int


class Group:
    """Consumers that share a topic; `consumer` is who takes."""

    def __init__(self, transport: Transport, path: str, consumer: str) -> None:
        self._transport = transport
        self._path = path
        self._consumer = consumer

    def take(self, most: int = 1, *, seconds: int = 30, start: str | int = "earliest") -> list[Delivery]:
        """What is next, for so many seconds; what is not acknowledged by then goes to the next who asks.

        A new group begins at `start`: `earliest`, `latest` or behind a position. Raises: NotFound.
        """
        asked = {"consumer": self._consumer, "max": most, "seconds": seconds, "start": start}
        told = self._post("take", asked)
        return [
            Delivery(one["token"], one["tries"], one["until"], event_of(one["event"])) for one in told["deliveries"]
        ]

    def ack(self, *given: Delivery) -> list[Delivery]:
        """Says that these are done; returns those that are not the current delivery any more."""
        return self._settle("ack", given)

    def nack(self, *given: Delivery) -> list[Delivery]:
        """Gives these back at once; returns those that are not the current delivery any more."""
        return self._settle("nack", given)

    def _settle(self, how: str, given: Sequence[Delivery]) -> list[Delivery]:
        stale = set(self._post(how, {"tokens": [one.token for one in given]})["stale"])
        return [one for one in given if one.token in stale]

    def _post(self, how: str, body: object) -> Any:
        return self._transport.call("POST", f"{self._path}/{how}", json.dumps(body).encode(), _HEADERS).json()


class Topic:
    """One topic. Every method raises Unreachable, and within a job Stale once another attempt has it."""

    def __init__(
        self, transport: Transport, path: str, source: str = "", query: Mapping[str, object] | None = None
    ) -> None:
        self._transport = transport
        self._path = path
        self._source = source
        self._query = dict(query or {})

    def publish(self, data: Any = None, *, type: str = "paddock.said", id: str = "", **attributes: Any) -> int:
        """Publishes an event and returns its position. `data` is anything that JSON can hold, or bytes.

        Source and `id` name the event for ever: published again it is not stored again, and the position is the first
        one's. So give the id of what happened where it may happen that you say it twice, such as the number of a step.
        Raises: TooLarge, Full.
        """
        event: dict[str, Any] = {"type": type, **({"id": id} if id else {}), **attributes}
        if isinstance(data, bytes):
            event["data_base64"] = b64encode(data).decode()
        elif data is not None:
            event["data"] = data
        return self.publish_all([event])[0]

    def publish_all(self, events: Sequence[Mapping[str, Any]]) -> list[int]:
        """Publishes CloudEvents, all or none, up to 1,000; the position of each. Raises: TooLarge, Full."""
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
        given = {"specversion": "1.0", "time": now, **({"source": self._source} if self._source else {})}
        # Named here, so that a call which is sent again because its answer was lost doubles nothing.
        made = [{**given, "id": secrets.token_hex(12), **event} for event in events]
        answer: Any = self._transport.call("POST", self._path, json.dumps(made).encode(), _HEADERS).json()
        return list(answer["positions"])

    def read(self, after: int = 0, limit: int = 100) -> list[Event]:
        """Events behind a position, as many as one answer holds. Raises: NotFound."""
        return self._page(after, limit, 0)[0]

    def last(self) -> int:
        """The position of the latest event; 0 before the first. Raises: NotFound."""
        return self._page("latest", 1, 0)[1]

    def follow(self, after: int | None = 0, *, quiet: float | None = None) -> Iterator[Event]:
        """Events behind a position, as they come; None: only those to come. It ends after `quiet` seconds without one.

        Keep the position of what you have done, and go on behind it: nothing is missed, whoever was away. Raises:
        NotFound; within a job a topic may be followed before it begins.
        """
        position = self.last() if after is None else after
        waited = 0.0
        while quiet is None or waited < quiet:
            wait = WAIT_S if quiet is None else max(1, round(min(WAIT_S, quiet - waited)))
            before = position
            events, position = self._page(before, PAGE, wait)
            waited = 0.0 if position > before else waited + wait
            yield from events

    def _page(self, after: int | str, limit: int, wait: int) -> tuple[list[Event], int]:
        query = {**self._query, "after": after, "limit": limit, "wait": wait or ""}
        answer = self._transport.call("GET", self._path, query=query)
        found: Any = answer.json()
        return [event_of(raw) for raw in found], int(answer.headers["paddock-position"])

    def group(self, name: str, consumer: str) -> Group:
        """A group that shares this topic, which its first take makes. Operators' only."""
        return Group(self._transport, f"{self._path}/groups/{name}", consumer)

    def groups(self) -> list[GroupInfo]:
        """The topic's groups. Operators' only. Raises: NotFound."""
        found: Any = self._transport.call("GET", f"{self._path}/groups").json()
        return [GroupInfo(*(row[name] for name in GroupInfo._fields)) for row in found]


def event_of(raw: Mapping[str, Any]) -> Event:
    """A CloudEvent in JSON as an Event."""
    data = b64decode(raw["data_base64"]) if "data_base64" in raw else raw.get("data")
    return Event(
        position=int(raw["sequence"]),
        id=raw["id"],
        source=raw["source"],
        type=raw["type"],
        data=data,
        subject=raw.get("subject", ""),
        time=raw.get("time", ""),
        more={name: value for name, value in raw.items() if name not in _KNOWN},
    )
