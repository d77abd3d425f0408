"""Named SQL: every statement of the store stands in a `.sql` file under `-- name`, and is run by that name."""

from functools import cache
from importlib import resources
from typing import Any

import apsw

Row = dict[str, Any]


@cache
def statements() -> dict[str, str]:
    """Every named statement: name → SQL."""
    out: dict[str, str] = {}
    for file in resources.files("paddock.store.sqlite").joinpath("sql").iterdir():
        name = ""
        for line in file.read_text().splitlines():
            if line.startswith("-- name: "):
                name = line.removeprefix("-- name: ").strip()
                if name in out:
                    raise ValueError(f"statement {name} stands twice")
                out[name] = ""
            elif name and not line.startswith("--"):
                out[name] += line + "\n"
    return out


# A statement's columns, learnt at its first row; the schema does not change while a store is open.
_columns: dict[str, tuple[str, ...]] = {}


class Tx:
    """Runs named statements on one connection; the engine decides what transaction they are in."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._sql = statements()

    def all(self, name: str, /, **values: Any) -> list[Row]:
        """Every row, each as a dict of its columns."""
        cursor = self._connection.execute(self._sql[name], values)
        first = next(cursor, None)
        if first is None:
            return []
        names = _columns.get(name)
        if names is None:
            names = _columns[name] = tuple(column[0] for column in cursor.get_description())
        return [dict(zip(names, row, strict=True)) for row in (first, *cursor)]

    def one(self, name: str, /, **values: Any) -> Row | None:
        """The first row, or None."""
        rows = self.all(name, **values)
        return rows[0] if rows else None

    def value(self, name: str, /, **values: Any) -> Any:
        """The first column of the first row, or None."""
        for row in self._connection.execute(self._sql[name], values):
            return row[0]
        return None

    def run(self, name: str, /, **values: Any) -> int:
        """Executes a write and returns how many rows it changed."""
        self._connection.execute(self._sql[name], values)
        return self._connection.changes()
