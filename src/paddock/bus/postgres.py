"""The bus on PostgreSQL: LISTEN and NOTIFY on one connection of its own."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import psycopg

from paddock.bus.base import BusUnavailable

# A payload has fewer than 8,000 bytes.
_LIMIT = 7_900
_STATEMENT_S = 10.0
_NOTIFY = "SELECT pg_notify(%s, frame) FROM unnest(%s::text[]) AS frame"
# A cut is noticed within some ten seconds of sending, and by the server within twenty.
_WATCHFUL: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 10_000,
}
_WATCHED = b"SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 2"


class PostgresWay:
    """One channel of one database. It must be reached directly: a pooler of transactions drops LISTEN."""

    limit = _LIMIT

    def __init__(self, url: str, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._link: psycopg.AsyncConnection | None = None
        self._hear: Callable[[str | bytes], None] | None = None
        self._broken = False
        found = urlsplit(url)
        self.where = f"{found.hostname or 'a local socket'}{f':{found.port}' if found.port else ''}{found.path}"

    async def connect(self) -> None:
        """Raises: BusUnavailable, also where notifications do not come back."""
        heard: list[str] = []
        try:
            self._link = link = await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, application_name="paddock bus", **_WATCHFUL
            )
            link.add_notify_handler(lambda notice: (self._hear or heard.append)(notice.payload))
            async with asyncio.timeout(_STATEMENT_S):
                # NOTIFY writes a commit record; nothing on the bus is worth waiting for the disk.
                await link.execute("SET synchronous_commit TO off")
                await link.execute(_WATCHED)
                await link.execute(f'LISTEN "{self._channel}"'.encode())
                await link.execute(_NOTIFY, (self._channel, ["probe"]))
                await link.execute("SELECT 1")
        except (psycopg.Error, OSError, TimeoutError) as error:
            raise self._fault(error) from None
        if not heard:
            hint = "a pooler of transactions drops LISTEN; give --bus an address that leads to the server itself"
            raise BusUnavailable(f"notifications of the database {self.where} do not arrive", hint=hint)

    def _fault(self, error: Exception) -> BusUnavailable:
        words = str(error).strip().splitlines() or [type(error).__name__]
        return BusUnavailable(
            f"the bus on PostgreSQL at {self.where} cannot be used: {words[0]}", hint="look at --bus or --store"
        )

    async def talk(
        self, ready: asyncio.Event, take: Callable[[], list[str]], hear: Callable[[str | bytes], None]
    ) -> None:
        link = self._link
        if link is None:
            raise BusUnavailable()
        self._hear = hear
        loop = asyncio.get_running_loop()
        try:
            while True:
                socket = link.fileno()
                loop.add_reader(socket, self._read, link, ready)
                try:
                    await ready.wait()
                finally:
                    loop.remove_reader(socket)
                said = take()
                if said or self._broken:
                    async with asyncio.timeout(_STATEMENT_S):
                        await link.execute(_NOTIFY, (self._channel, said))
        except (psycopg.Error, OSError, TimeoutError) as error:
            raise self._fault(error) from None

    def _read(self, link: psycopg.AsyncConnection, ready: asyncio.Event) -> None:
        """Hears what has come while nothing was being said."""
        try:
            link.pgconn.consume_input()
            while (notice := link.pgconn.notifies()) is not None:
                if self._hear is not None:
                    self._hear(notice.extra)
        except psycopg.Error:  # the next statement says why
            self._broken = True
            ready.set()

    async def disconnect(self) -> None:
        if self._link is not None:
            link, self._link, self._hear, self._broken = self._link, None, None, False
            await link.close()
