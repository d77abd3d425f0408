"""The bus of one process."""

import asyncio
from collections.abc import AsyncIterator, Iterable


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
        self._agents: dict[str, _Line] = {}
        self._watchers: set[_Line] = set()

    def wake(self, agents: Iterable[str]) -> None:
        for agent in agents:
            line = self._agents.get(agent)
            if line is not None:
                line.raised.set()

    def news(self) -> None:
        for line in self._watchers:
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

    async def watch(self) -> AsyncIterator[None]:
        line = _Line()
        self._watchers.add(line)
        try:
            async for _ in line.listen():
                yield
        finally:
            self._watchers.discard(line)

    async def close(self) -> None:
        for line in (*self._agents.values(), *self._watchers):
            _end(line)


def _end(line: _Line) -> None:
    line.closed = True
    line.raised.set()
