"""The gateway to forges: the one place of a control plane from which requests go out. Without forges it sleeps."""

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from paddock.control.plane import PROJECTS, Control
from paddock.core.errors import PaddockError

if TYPE_CHECKING:
    from paddock.control.forge_work import Desk

_log = logging.getLogger("paddock.control")
# Seconds between two rounds, at least and at most; news among replicas may be lost.
CALM_S, LOOK_S = 0.2, 20.0


class Gateway:
    """One task beside the server."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._stirred = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Starts it."""
        self._tasks = [
            asyncio.create_task(self._run(), name="forges"),
            asyncio.create_task(self._listen(PROJECTS), name="forges: projects"),
        ]

    async def stop(self) -> None:
        """Ends it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self, topic: str) -> None:
        async for _ in self._control.bus.watch(topic):
            self._stirred.set()

    async def _run(self) -> None:
        while True:
            try:
                if await self._control.store.forges():
                    await self._serve()
            except PaddockError as error:
                _log.warning("forges: %s", error.message, extra={"action": "forge.failed"})
                await asyncio.sleep(LOOK_S)
            await self._wait(None if self._control.replica is None else 3 * LOOK_S)

    async def _serve(self) -> None:
        """Works until there is no forge any more. What speaks HTTP is loaded here, for who has none needs none."""
        from paddock.control.forge_work import Desk
        from paddock.forges.link import new_client

        news = asyncio.create_task(self._listen(""), name="forges: news")
        try:
            async with new_client() as client:
                desk = Desk(self._control, client)
                try:
                    await self._rounds(desk)
                finally:
                    await desk.stop()
        finally:
            news.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await news

    async def _rounds(self, desk: "Desk") -> None:
        while (due := await desk.round()) is not None:
            await asyncio.sleep(CALM_S)
            left = (due - self._control.clock.now()) / 1_000
            await self._wait(min(LOOK_S, max(CALM_S, left)))

    async def _wait(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        self._stirred.clear()
