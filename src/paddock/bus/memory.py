"""The bus of one process, and the process's own part of every other."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import islice

from paddock.bus.base import Listener, Sighting

# Wake-ups that are passed on in one go, so that whoever else waits for the event loop waits a few milliseconds.
_AT_ONCE = 500


class _Line:
    """One listener: a flag that is raised any number of times and read once."""

    def __init__(self) -> None:
        self.raised = asyncio.Event()
        self.closed = False

    def wake(self) -> None:
        self.raised.set()

    def end(self) -> None:
        self.closed = True
        self.raised.set()

    async def listen(self) -> AsyncIterator[None]:
        while True:
            await self.raised.wait()
            self.raised.clear()
            if self.closed:
                return
            yield


class MemoryBus:
    """Wake-ups and news within one process; one listener per agent, the newest one."""

    def __init__(self) -> None:
        self.connected = True
        self.faults = 0
        self._agents: dict[str, Listener] = {}
        self._watchers: dict[str, set[_Line]] = {}
        self._heard = _Line()
        self._topics: set[str] = set()

    @property
    def peers(self) -> int:
        return 0

    def wake(self, agents: Iterable[str]) -> None:
        left = iter(agents)
        for agent in islice(left, _AT_ONCE):
            listener = self._agents.get(agent)
            if listener is not None:
                listener.wake()
        rest = tuple(left)
        if rest:
            asyncio.get_running_loop().call_soon(MemoryBus.wake, self, rest)

    def news(self, topic: str = "") -> None:
        for line in self._watchers.get(topic, ()):
            line.raised.set()

    def listen(self, agent: str, listener: Listener) -> None:
        earlier = self._agents.get(agent)
        self._agents[agent] = listener
        if earlier is not None:
            earlier.end()

    def unlisten(self, agent: str, listener: Listener) -> None:
        if self._agents.get(agent) is listener:
            del self._agents[agent]

    async def wakes(self, agent: str) -> AsyncIterator[None]:
        line = _Line()
        self.listen(agent, line)
        try:
            async for _ in line.listen():
                yield
        finally:
            self.unlisten(agent, line)

    async def watch(self, topic: str = "") -> AsyncIterator[None]:
        line = _Line()
        lines = self._watchers.setdefault(topic, set())
        lines.add(line)
        try:
            async for _ in line.listen():
                yield
        finally:
            lines.discard(line)
            if not lines and self._watchers.get(topic) is lines:
                del self._watchers[topic]

    async def heard(self) -> AsyncIterator[frozenset[str]]:
        async for _ in self._heard.listen():
            topics, self._topics = frozenset(self._topics), set()
            yield topics

    def seen(self, sighting: Sighting) -> None:
        """There is nobody else to tell."""

    def sightings(self) -> list[Sighting]:
        return []

    async def close(self) -> None:
        lines = (line for lines in self._watchers.values() for line in lines)
        for listener in (*self._agents.values(), *lines, self._heard):
            listener.end()
