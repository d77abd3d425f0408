"""The store on PostgreSQL."""

import asyncio

import psycopg

from paddock.store.driver import StoreDriver
from paddock.store.engine import StoreUnavailable
from paddock.store.postgres.engine import PostgresEngine
from paddock.store.postgres.link import StoreRefused, connect, where, words
from paddock.store.postgres.migrate import migrate

_RIGHTS = "its role needs USAGE of the schema and all rights on what is in it; to migrate, CREATE too"
_LOG = "look at the server's log"


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
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName) as error:
        raise StoreRefused(
            f"the store at {where(dsn)} is not open to this role: {words(error)}", hint=_RIGHTS
        ) from None
    except psycopg.Error as error:
        raise StoreUnavailable(f"the store at {where(dsn)} cannot be used: {words(error)}", hint=_LOG) from None
