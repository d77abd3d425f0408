"""The store in one SQLite file."""

from pathlib import Path

import apsw

from paddock.store.driver import StoreDriver
from paddock.store.engine import StoreUnavailable
from paddock.store.sqlite.engine import SqliteEngine, connect
from paddock.store.sqlite.migrate import migrate


class SqliteStore(StoreDriver):
    """A store in one file."""

    @classmethod
    async def open(cls, path: Path) -> "SqliteStore":
        """Opens the file, making and migrating it as needed. Raises: StoreUnavailable, NewerSchema."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            connection = connect(path)
            try:
                migrate(connection)
            finally:
                connection.close()
        except apsw.Error as error:
            raise StoreUnavailable(f"cannot open the store {path}: {error}") from None
        return cls(SqliteEngine(path))
