"""The bus carries what may be lost: wake-ups and the nudge that there is news. Losing any costs time, never truth."""

from collections.abc import AsyncIterator, Iterable
from typing import Protocol


class Bus(Protocol):
    """Wake-ups to agents, news to whoever watches."""

    def wake(self, agents: Iterable[str]) -> None:
        """Tells these agents to beat now."""

    def news(self) -> None:
        """Tells watchers that the journal has grown."""

    def wakes(self, agent: str) -> AsyncIterator[None]:
        """Yields whenever this agent should beat; several wakes before it looks are one."""

    def watch(self) -> AsyncIterator[None]:
        """Yields whenever there is news; several pieces before the watcher looks are one."""

    async def close(self) -> None:
        """Ends every iterator."""
