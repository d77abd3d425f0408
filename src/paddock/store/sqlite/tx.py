"""Named statements on an SQLite connection."""

from collections.abc import Sequence
from typing import Any

import apsw

from paddock.store.statements import Row, statements

# A statement's columns, learnt at its first row; the schema does not change while a store is open.
_columns: dict[str, tuple[str, ...]] = {}


class SqliteTx:
    """Runs named statements on one connection; the engine decides what transaction they are in."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._sql = statements("sqlite")

    def all(self, name: str, /, **values: Any) -> list[Row]:
        cursor = self._connection.execute(self._sql[name], values)
        first = next(cursor, None)
        if first is None:
            return []
        names = _columns.get(name)
        if names is None:
            names = _columns[name] = tuple(column[0] for column in cursor.get_description())
        return [dict(zip(names, row, strict=True)) for row in (first, *cursor)]

    def one(self, name: str, /, **values: Any) -> Row | None:
        rows = self.all(name, **values)
        return rows[0] if rows else None

    def value(self, name: str, /, **values: Any) -> Any:
        for row in self._connection.execute(self._sql[name], values):
            return row[0]
        return None

    def run(self, name: str, /, **values: Any) -> int:
        self._connection.execute(self._sql[name], values)
        return self._connection.changes()

    def many(self, name: str, rows: Sequence[Row], /) -> None:
        self._connection.executemany(self._sql[name], rows)
