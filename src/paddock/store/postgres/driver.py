"""The store on PostgreSQL."""

import asyncio

import psycopg

from paddock.store.driver import StoreDriver
from paddock.store.engine import StoreUnavailable
from paddock.store.postgres.engine import PostgresEngine
from paddock.store.postgres.link import connect, where, words
from paddock.store.postgres.migrate import migrate


class PostgresStore(StoreDriver):
    """A store that any number of replicas share."""

    @classmethod
    async def open(cls, dsn: str) -> "PostgresStore":
        """Connects, and makes or migrates the tables as needed.

        Raises: BadInput, StoreRefused, NewerSchema, OlderSchema, StoreUnavailable.
        """
        await asyncio.to_thread(_prepare, dsn)
        return cls(PostgresEngine(dsn))


def _prepare(dsn: str) -> None:
    try:
        with connect(dsn) as link:
            migrate(link)
    except psycopg.Error as error:
        raise StoreUnavailable(f"the store at {where(dsn)} cannot be used: {words(error)}") from None
