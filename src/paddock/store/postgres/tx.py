"""Named statements on a PostgreSQL connection."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import msgspec
import psycopg
from psycopg.rows import tuple_row

from paddock.store.postgres.dialect import translated, translated_sets
from paddock.store.postgres.link import Link
from paddock.store.statements import Row


class PostgresTx:
    """Runs named statements on one connection; the engine decides what transaction they are in."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._sql = translated()
        # Statements that were run.
        self.ran = 0
        self.nearly: list[Callable[[], None]] = []

    def _execute(self, name: str, values: Row) -> psycopg.Cursor[Row]:
        self.ran += 1
        return self._link.execute(self._sql[name].encode(), _storable(values))

    def all(self, name: str, /, **values: Any) -> list[Row]:
        return self._execute(name, values).fetchall()

    def tuples(self, name: str, /, **values: Any) -> list[tuple[Any, ...]]:
        self.ran += 1
        with self._link.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(self._sql[name].encode(), _storable(values)).fetchall()

    def one(self, name: str, /, **values: Any) -> Row | None:
        return self._execute(name, values).fetchone()

    def value(self, name: str, /, **values: Any) -> Any:
        row = self.one(name, **values)
        return next(iter(row.values())) if row else None

    def run(self, name: str, /, **values: Any) -> int:
        return self._execute(name, values).rowcount

    def many(self, name: str, rows: Sequence[Row], /) -> None:
        """An INSERT of rows gets them all at once; any other statement is run for each."""
        kept = [_storable(row) for row in rows]
        together = translated_sets().get(name)
        self.ran += 1 if together else len(rows)
        if together is None or len(rows) == 1:
            with self._link.cursor() as cursor:
                cursor.executemany(self._sql[name].encode(), kept)
        elif together.streams(kept):
            with self._link.cursor() as cursor, cursor.copy(together.copy.encode()) as stream:
                for row in map(itemgetter(*together.columns), kept):
                    stream.write_row(row)
        else:
            self._link.execute(together.insert.encode(), {"rows": msgspec.json.encode(kept).decode()})


def _storable(values: Row) -> Row:
    """The values without NUL characters, which PostgreSQL's texts cannot hold: the sign for what is unknown instead."""
    for value in values.values():
        if isinstance(value, str) and "\0" in value:
            return {k: v.replace("\0", "\ufffd") if isinstance(v, str) else v for k, v in values.items()}
    return values
