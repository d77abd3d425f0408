"""One watcher of the registry: what happened since it last looked, bounded, with a new start when it is too much."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal

from paddock.control.presence import Presence
from paddock.core.errors import Overloaded

Happening = Literal["joined", "changed", "left"]
# What may wait for one watcher before it gets a fresh snapshot instead, and how many may watch.
MOST_WAITING = 1_000
MOST_WATCHES = 500


class Watch:
    """Written by the registry, read by one stream. It begins lost: it wants a snapshot first."""

    def __init__(self, fits: Callable[[Presence], bool], others: int) -> None:
        if others >= MOST_WATCHES:
            raise Overloaded("too many watch the registry", hint="poll GET /v1/registry with If-None-Match instead")
        self._fits = fits
        # Agents that the watcher knows of.
        self._shown: set[str] = set()
        self._waiting: deque[tuple[Happening, Presence, int]] = deque()
        # While a snapshot is on its way: how far it has come.
        self._upto: str | None = None
        self.lost = True
        self.closed = False
        self.ready = asyncio.Event()

    def begin(self) -> None:
        """A snapshot begins."""
        self.lost, self._upto = False, ""
        self._shown.clear()
        self._waiting.clear()

    def show(self, agents: list[Presence], upto: str | None) -> None:
        """These stand in the snapshot; what comes next lies beyond `upto`, and after None comes nothing."""
        self._shown.update(agent.agent for agent in agents)
        self._upto = upto

    def told(self, agent: Presence, state: int) -> None:
        """An agent has come, or says something else of itself."""
        known = agent.agent in self._shown
        if not self._fits(agent):
            if known:
                self.gone(agent, state)
            return
        if self._comes_later(agent):
            return
        self._shown.add(agent.agent)
        self._add("changed" if known else "joined", agent, state)

    def gone(self, agent: Presence, state: int) -> None:
        """An agent has gone, or is no longer meant."""
        if agent.agent in self._shown:
            self._shown.discard(agent.agent)
            self._add("left", agent, state)

    def take(self) -> list[tuple[Happening, Presence, int]]:
        """What has happened since this was last asked."""
        self.ready.clear()
        found, self._waiting = list(self._waiting), deque()
        return found

    def close(self) -> None:
        """Ends the stream that reads it."""
        self.closed = True
        self.ready.set()

    def _comes_later(self, agent: Presence) -> bool:
        return self._upto is not None and agent.agent > self._upto

    def _add(self, what: Happening, agent: Presence, state: int) -> None:
        if self.lost:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.lost = True
            self._waiting.clear()
        else:
            self._waiting.append((what, agent, state))
        self.ready.set()
