"""The bus carries what may be lost: wake-ups, the nudge that there is news, and who was seen.

Losing any of it costs time, never truth. A bus joins the replicas of one control plane; no method blocks or raises, so
that a bus that is down slows nothing. A bus exists only if it passes `paddock.bus.conformance`.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Protocol

import msgspec

from paddock.core.errors import PaddockError

# What `heard` yields when anything may have been missed.
EVERYTHING = "*"


class BusUnavailable(PaddockError):
    """The bus cannot be reached."""

    code = "bus_unavailable"
    status = 503
    exit_code = 2
    retryable = True


class Sighting(msgspec.Struct, frozen=True, array_like=True):
    """An agent as one replica saw it at a beat; `last_seen` is epoch milliseconds, `interval` milliseconds."""

    agent: str
    last_seen: int
    interval: int
    free: int
    session: str


class Listener(Protocol):
    """Whoever hears wake-ups for one agent. Neither method waits or raises."""

    def wake(self) -> None:
        """The agent should beat."""

    def end(self) -> None:
        """Nothing more will come: the bus is closed, or another listens for this agent now."""


class Bus(Protocol):
    """Wake-ups to agents, news to whoever watches, sightings to the other replicas."""

    # Whether other replicas can be reached at present, how many were heard of lately, and how often the way was lost.
    connected: bool
    faults: int

    @property
    def peers(self) -> int:
        """Other replicas heard of within the last minute."""

    def wake(self, agents: Iterable[str]) -> None:
        """Tells these agents to beat now, whichever replica holds their wake channel."""

    def news(self, topic: str = "") -> None:
        """Tells everyone on every replica who watches the topic; the empty one says that the journal has grown."""

    def listen(self, agent: str, listener: Listener) -> None:
        """Tells this listener whenever the agent should beat, and no longer the one before."""

    def unlisten(self, agent: str, listener: Listener) -> None:
        """Tells it nothing more."""

    def wakes(self, agent: str) -> AsyncIterator[None]:
        """Yields whenever this agent should beat; several wakes before it looks are one."""

    def watch(self, topic: str = "") -> AsyncIterator[None]:
        """Yields whenever there is news of the topic; several pieces before the watcher looks are one."""

    def heard(self) -> AsyncIterator[frozenset[str]]:
        """Yields the topics of which other replicas had news since it last looked, for the one who refreshes caches.

        EVERYTHING is among them after a time without the bus; there are none when other replicas only saw agents.
        """

    def seen(self, sighting: Sighting) -> None:
        """Tells other replicas of an agent: within two seconds what has changed, now and then that it still comes."""

    def sightings(self) -> list[Sighting]:
        """What other replicas told since this was last asked, the newest of each agent."""

    async def close(self) -> None:
        """Ends every iterator."""
