"""The bus of one process, and the process's own part of every other."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from paddock.bus.base import Sighting


class _Line:
    """One listener: a flag that is raised any number of times and read once."""

    def __init__(self) -> None:
        self.raised = asyncio.Event()
        self.closed = False

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
        self._agents: dict[str, _Line] = {}
        self._watchers: dict[str, set[_Line]] = {}
        self._heard = _Line()
        self._topics: set[str] = set()

    @property
    def peers(self) -> int:
        return 0

    def wake(self, agents: Iterable[str]) -> None:
        for agent in agents:
            line = self._agents.get(agent)
            if line is not None:
                line.raised.set()

    def news(self, topic: str = "") -> None:
        for line in self._watchers.get(topic, ()):
            line.raised.set()

    async def wakes(self, agent: str) -> AsyncIterator[None]:
        earlier = self._agents.get(agent)
        if earlier is not None:
            _end(earlier)
        line = self._agents[agent] = _Line()
        try:
            async for _ in line.listen():
                yield
        finally:
            if self._agents.get(agent) is line:
                del self._agents[agent]

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
        for line in (
            *self._agents.values(),
            *(line for lines in self._watchers.values() for line in lines),
            self._heard,
        ):
            _end(line)


def _end(line: _Line) -> None:
    line.closed = True
    line.raised.set()
