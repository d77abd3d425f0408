"""The bus of several replicas: each hears all others through a way that may break at any time and comes back."""

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import Callable, Iterable
from typing import Protocol, Self

from paddock.bus import frames
from paddock.bus.base import EVERYTHING, BusUnavailable, Sighting
from paddock.bus.memory import MemoryBus
from paddock.bus.outbox import Outbox, Pace
from paddock.core import schedule

_log = logging.getLogger("paddock.bus")
# Signs of life missed, one's own included, after which a way counts as broken, and a peer as gone.
_SILENT = 3
_GONE = 4
_LONGEST_WAIT_MS = 5_000


class Way(Protocol):
    """How frames get to every replica, the sender included."""

    # The longest frame, in bytes, and the address as it may be shown.
    limit: int
    where: str

    async def connect(self) -> None:
        """Begins to listen. Raises: BusUnavailable."""

    async def talk(
        self, ready: asyncio.Event, take: Callable[[], list[str]], hear: Callable[[str | bytes], None]
    ) -> None:
        """Sends what there is to take whenever it is ready, and hears, until the way breaks. Raises: BusUnavailable."""

    async def disconnect(self) -> None:
        """Lets go of the way, whatever state it is in."""


class GossipBus(MemoryBus):
    """A process's own bus, and the way to the others'."""

    def __init__(self, way: Way, pace: Pace) -> None:
        super().__init__()
        self._way = way
        self._outbox = Outbox(secrets.token_hex(6), way.limit, pace)
        self._still = pace.still
        # Replica → loop seconds when it was last heard.
        self._peers: dict[str, float] = {}
        self._news_of: dict[str, Sighting] = {}
        self._loop = asyncio.get_running_loop()
        self._last_word = 0.0
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, way: Way, pace: Pace) -> Self:
        """Connects. Raises: BusUnavailable; later faults are only counted."""
        bus = cls(way, pace)
        try:
            await way.connect()
        except BaseException:
            await way.disconnect()
            raise
        bus._task = asyncio.create_task(bus._run(), name="bus")
        return bus

    @property
    def peers(self) -> int:
        return len(self._peers)

    def wake(self, agents: Iterable[str]) -> None:
        agents = tuple(agents)
        super().wake(agents)
        self._outbox.wake(agents)

    def news(self, topic: str = "") -> None:
        super().news(topic)
        self._outbox.news(topic)

    def seen(self, sighting: Sighting) -> None:
        self._outbox.seen(sighting)

    def sightings(self) -> list[Sighting]:
        found, self._news_of = list(self._news_of.values()), {}
        return found

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
            self._outbox.drop()
        self.connected = False
        await super().close()

    async def _run(self) -> None:
        tries = 0
        try:
            while True:
                try:
                    if tries:
                        await self._way.connect()
                        self._back()
                    tries = 1
                    await self._talk()
                except BusUnavailable as error:
                    self._lost(error, tries)
                await self._way.disconnect()
                tries += 1
                wait = schedule.backoff(tries, random.random(), base_ms=100, cap_ms=_LONGEST_WAIT_MS)
                await asyncio.sleep(0.05 + wait / 1_000)
        finally:
            await self._way.disconnect()

    def _back(self) -> None:
        _log.info("the bus at %s is back", self._way.where, extra={"action": "bus.back"})
        self.connected = True
        self._note({EVERYTHING})
        for topic in list(self._watchers):
            super().news(topic)

    def _lost(self, error: BusUnavailable, tries: int) -> None:
        if self.connected:
            self.connected = False
            self.faults += 1
            _log.warning("%s; serving on without it", error.message, extra={"action": "bus.lost"})
        elif tries % 20 == 0:
            _log.warning("%s, still", error.message, extra={"action": "bus.lost"})
        self._peers.clear()
        self._outbox.drop()

    async def _talk(self) -> None:
        """Talks until the way breaks or falls silent: one's own words must come back, too."""
        self._last_word = self._loop.time()
        self._outbox.hello(ask=True)
        talk = asyncio.ensure_future(self._way.talk(self._outbox.ready, self._take, self._hear))
        try:
            while not talk.done():
                await asyncio.wait({talk}, timeout=self._still)
                now = self._loop.time()
                if now - self._last_word > _SILENT * self._still:
                    raise BusUnavailable(f"the bus at {self._way.where} has fallen silent")
                self._peers = {peer: at for peer, at in self._peers.items() if now - at < _GONE * self._still}
                if now - self._outbox.sent > self._still / 2:
                    self._outbox.hello(ask=False)
        finally:
            await self._way.disconnect()  # first, for a statement that hangs would not be given up
            talk.cancel()
            await asyncio.gather(talk, return_exceptions=True)
        await talk

    def _take(self) -> list[str]:
        return self._outbox.take(heard=bool(self._peers))

    def _hear(self, text: str | bytes) -> None:
        self._last_word = self._loop.time()
        frame = frames.decode(text)
        if frame is None or frame.sender == self._outbox.sender:
            return
        self._peers[frame.sender] = self._last_word
        if frame.ask:
            self._outbox.tell_all()
        for sighting in frame.sightings:
            if self._outbox.learn(sighting):
                self._news_of[sighting.agent] = sighting
                self._heard.raised.set()
        if frame.topics:
            self._note(frame.topics)
        for topic in frame.topics:
            super().news(topic)
        super().wake(frame.wakes)

    def _note(self, topics: Iterable[str]) -> None:
        self._topics.update(topics)
        self._heard.raised.set()
