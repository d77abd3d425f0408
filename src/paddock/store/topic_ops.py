"""Topics over an engine."""

from collections.abc import Sequence

from paddock.store.engine import Glance
from paddock.store.job_news import Moves
from paddock.store.operations import Operations
from paddock.store.ops import job_news, topics
from paddock.store.stating import Place
from paddock.store.topics import MOST_LISTED, Delivery, Group, NewEvent, Published, Taken, Topic, TopicUsage


class TopicOps(Operations):
    """See `TopicStore` and `JobNewsStore`."""

    async def keep_topic(self, name: str, keep_ms: int, keep_count: int, now: int) -> Topic:
        return await self._write(now, lambda work: topics.keep(work, name, keep_ms, keep_count))

    async def topic(self, name: str) -> Topic:
        return await self._read(lambda tx: topics.find(tx, name))

    async def topics(self, after: str = "", prefix: str = "", most: int = MOST_LISTED) -> list[Topic]:
        return await self._read(lambda tx: topics.listed(tx, after, prefix, most))

    async def topic_usage(self) -> TopicUsage:
        return await self._read(topics.usage)

    async def topics_at(self, place: Place) -> list[Topic]:
        return await self._read(lambda tx: topics.at(tx, place))

    async def publish(self, topic: str, events: Sequence[NewEvent], now: int, place: Place | None = None) -> Taken:
        return await self._write(now, lambda work: topics.publish(work, topic, events, place))

    async def events(self, topic: str, after: int, most: int, place: Place | None = None) -> list[Published]:
        return await self._read(lambda tx: topics.after(tx, topic, after, most, place))

    async def job_moves(self, after: int, most: int, place: Place | None = None) -> Moves:
        return await self._read(lambda tx: job_news.moves(tx, after, most, place))

    async def groups(self, topic: str) -> list[Group]:
        return await self._read(lambda tx: topics.groups(tx, topic))

    async def groups_among(self, first: str, last: str, most: int) -> list[Group]:
        return await self._read(lambda tx: topics.groups_among(tx, first, last, most))

    async def take(
        self, topic: str, group: str, consumer: str, most: int, ttl: int, start: int, now: int
    ) -> list[Delivery]:
        return await self._write(now, lambda work: topics.take(work, topic, group, consumer, most, ttl, start))

    async def topic_sweep(self, now: int) -> int:
        if not await self._read(Glance(lambda tx: topics.aged(tx, now))):
            return 0
        return await self._write(now, topics.sweep)

    async def settle(self, topic: str, group: str, tokens: Sequence[str], good: bool, now: int) -> list[str]:
        return await self._write(now, lambda work: topics.settle(work, topic, group, tokens, good))
