"""Named statements on an SQLite connection."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

import apsw

from paddock.store.statements import Row, statements

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
# A statement's columns, learnt at its first row; the schema does not change while a store is open.
_columns: dict[str, tuple[str, ...]] = {}


class _Numbered(NamedTuple):
    """A statement whose parameters have numbers, and what takes their values out of a row: quicker than by name."""

    sql: str
    values: Callable[[Row], tuple[Any, ...]]


def _numbered(sql: str) -> _Numbered:
    names = list(dict.fromkeys(_PARAMETER.findall(sql)))
    numbered = _PARAMETER.sub(lambda found: f"?{names.index(found[1]) + 1}", sql)
    if len(names) > 1:
        return _Numbered(numbered, itemgetter(*names))
    return _Numbered(numbered, lambda row: tuple(row[name] for name in names))


@cache
def _all() -> dict[str, _Numbered]:
    return {name: _numbered(sql) for name, sql in statements("sqlite").items()}


class SqliteTx:
    """Runs named statements on one connection; the engine decides what transaction they are in."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._statements = _all()
        # Statements that were run.
        self.ran = 0
        self.nearly: list[Callable[[], None]] = []

    def _execute(self, name: str, values: Row) -> apsw.Cursor:
        statement = self._statements[name]
        self.ran += 1
        return self._connection.execute(statement.sql, statement.values(values))

    def all(self, name: str, /, **values: Any) -> list[Row]:
        cursor = self._execute(name, values)
        first = next(cursor, None)
        if first is None:
            return []
        names = _columns.get(name)
        if names is None:
            names = _columns[name] = tuple(column[0] for column in cursor.get_description())
        return [dict(zip(names, row, strict=True)) for row in (first, *cursor)]

    def tuples(self, name: str, /, **values: Any) -> list[tuple[Any, ...]]:
        return self._execute(name, values).fetchall()

    def one(self, name: str, /, **values: Any) -> Row | None:
        rows = self.all(name, **values)
        return rows[0] if rows else None

    def value(self, name: str, /, **values: Any) -> Any:
        for row in self._execute(name, values):
            return row[0]
        return None

    def run(self, name: str, /, **values: Any) -> int:
        self._execute(name, values)
        return self._connection.changes()

    def many(self, name: str, rows: Sequence[Row], /) -> None:
        statement = self._statements[name]
        self.ran += len(rows)
        self._connection.executemany(statement.sql, map(statement.values, rows))
