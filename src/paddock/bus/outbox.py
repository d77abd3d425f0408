"""What a replica has to say to the others, gathered until it is worth a statement."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from paddock.bus import frames
from paddock.bus.base import Sighting


@dataclass(frozen=True)
class Pace:
    """Seconds. How far apart sendings are at least, those that only say that the journal has grown farther; how long a
    change of an agent, and how long a mere sign of life, may wait for others to go with it."""

    soon: float = 0.01
    journal: float = 0.1
    changed: float = 1.5
    still: float = 15.0


# A sign of life is told when the last one told is older than this many of the agent's intervals; after three it counts
# as offline.
_DOUBT = 1.5


class Outbox:
    """Gathers; `ready` is set when something is due."""

    def __init__(self, sender: str, limit: int, pace: Pace) -> None:
        self.ready = asyncio.Event()
        self.sender = sender
        # The newest that every replica knows of each agent, this one's own words included.
        self.known: dict[str, Sighting] = {}
        # Loop seconds of the last sending.
        self.sent = 0.0
        self._limit = limit
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        # Loop seconds of the next sending, if one is planned and not yet due.
        self.due: float | None = None
        self._clear()

    def _clear(self) -> None:
        self._ask = self._hello = False
        self._wakes: dict[str, None] = {}
        self._topics: dict[str, None] = {}
        self._sightings: dict[str, Sighting] = {}

    def wake(self, agents: Iterable[str]) -> None:
        """Wake-ups: urgent."""
        self._wakes.update(dict.fromkeys(agents))
        if self._wakes:
            self._plan(self.sent + self._pace.soon)

    def news(self, topic: str) -> None:
        """News: urgent, but for the journal's, which never ends."""
        self._topics[topic] = None
        self._plan(self.sent + (self._pace.soon if topic else self._pace.journal))

    def hello(self, *, ask: bool) -> None:
        """Says that this replica is there, and asks for all sightings if wanted."""
        self._hello = True
        self._ask = self._ask or ask
        self._plan(0)

    def seen(self, sighting: Sighting) -> None:
        """An agent's beat: told when it says something new, or when the others might begin to doubt the agent."""
        known = self.known.get(sighting.agent)
        still = known is not None and (known.session, known.free, known.interval) == (
            sighting.session,
            sighting.free,
            sighting.interval,
        )
        if still and known is not None and sighting.last_seen - known.last_seen < _DOUBT * sighting.interval:
            return
        self.known[sighting.agent] = self._sightings[sighting.agent] = sighting
        wait = min(self._pace.still, sighting.interval / 4_000) if still else self._pace.changed
        self._plan(self._loop.time() + wait)

    def learn(self, sighting: Sighting) -> bool:
        """Another replica's sighting; whether it is news here."""
        known = self.known.get(sighting.agent)
        if known is not None and known.last_seen >= sighting.last_seen:
            return False
        self.known[sighting.agent] = sighting
        self._sightings.pop(sighting.agent, None)
        return True

    def tell_all(self) -> None:
        """Somebody has asked: everything that is known is told, and at least that this replica is there."""
        self._sightings = {**self.known, **self._sightings}
        self._hello = True
        self._plan(self.sent + self._pace.soon)

    def take(self, *, heard: bool) -> list[str]:
        """What is to be sent now; only a greeting when nobody would hear it."""
        self.ready.clear()
        self._cancel()
        if heard:
            said = [
                *frames.encode(self.sender, self._limit, self._ask, self._wakes, self._topics, self._sightings.values())
            ]
        else:
            said = [*frames.encode(self.sender, self._limit, self._ask)] if self._hello else []
        self._clear()
        if said:
            self.sent = self._loop.time()
        return said

    def drop(self) -> None:
        """Forgets what waits: the way is down, and by the time it is up again it would be stale."""
        self.take(heard=False)

    def _plan(self, at: float) -> None:
        if self.ready.is_set() or (self.due is not None and self.due <= at):
            return
        self._cancel()
        if at <= self._loop.time():
            self.ready.set()
        else:
            self.due = at
            self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = self.due = None
        self.ready.set()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self.due = None
