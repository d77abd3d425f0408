"""The bus on Redis or Valkey: publish and subscribe. It keeps nothing there, so a server may come back empty."""

import asyncio
import contextlib
from collections.abc import Callable
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from paddock.bus.base import BusUnavailable

_LIMIT = 60_000
_CONNECT_S = 10.0
_COMMAND_S = 10.0


class RedisWay:
    """One channel, whatever the number of the database: channels belong to the whole server."""

    limit = _LIMIT

    def __init__(self, url: str, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._client: Redis | None = None
        self._listening: PubSub | None = None
        found = urlsplit(url)
        self.where = f"{found.hostname}:{found.port or 6379}" if found.hostname else found.path

    async def connect(self) -> None:
        """Raises: BusUnavailable."""
        try:
            self._client = Redis.from_url(
                self._url,
                socket_connect_timeout=_CONNECT_S,
                socket_timeout=None,
                **({"socket_keepalive": True} if self._url.startswith("redis") else {}),
                retry=Retry(NoBackoff(), 0),
                client_name="paddock-bus",
            )
            async with asyncio.timeout(_CONNECT_S):
                await self._client.ping()
                self._listening = self._client.pubsub(ignore_subscribe_messages=True)
                await self._listening.subscribe(self._channel)
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            raise self._fault(error) from None

    def _fault(self, error: Exception) -> BusUnavailable:
        words = str(error).strip().splitlines() or [type(error).__name__]
        return BusUnavailable(f"the bus on Redis at {self.where} cannot be used: {words[0]}", hint="look at --bus")

    async def talk(
        self, ready: asyncio.Event, take: Callable[[], list[str]], hear: Callable[[str | bytes], None]
    ) -> None:
        client, listening = self._client, self._listening
        if client is None or listening is None:
            raise BusUnavailable()
        both = [
            asyncio.ensure_future(self._listen(listening, hear)),
            asyncio.ensure_future(self._send(client, ready, take)),
        ]
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except (RedisError, OSError, TimeoutError) as error:
            raise self._fault(error) from None
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _listen(self, listening: PubSub, hear: Callable[[str | bytes], None]) -> None:
        async for message in listening.listen():
            if message["type"] == "message":
                hear(message["data"])

    async def _send(self, client: Redis, ready: asyncio.Event, take: Callable[[], list[str]]) -> None:
        while True:
            await ready.wait()
            said = take()
            if said:
                async with asyncio.timeout(_COMMAND_S), client.pipeline(transaction=False) as pipe:
                    for frame in said:
                        pipe.publish(self._channel, frame)
                    await pipe.execute()

    async def disconnect(self) -> None:
        client, listening, self._client, self._listening = self._client, self._listening, None, None
        with contextlib.suppress(RedisError, OSError):
            if listening is not None:
                await listening.aclose()  # type: ignore[no-untyped-call]
        with contextlib.suppress(RedisError, OSError):
            if client is not None:
                await client.aclose()
