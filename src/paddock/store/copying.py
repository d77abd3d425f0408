"""An embedded store moved to PostgreSQL: every row of every table, in one transaction, counted and compared."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import apsw
import psycopg
from psycopg import sql

from paddock.core.errors import BadInput
from paddock.store.engine import StoreUnavailable
from paddock.store.postgres.link import Link, connect, where, words
from paddock.store.postgres.migrate import migrate
from paddock.store.sqlite.engine import connect as open_file
from paddock.store.sqlite.migrate import migrate as migrate_file

_BATCH = 5_000
_UNHURRIED = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
Say = Callable[[str], None]


def copy(path: Path, dsn: str, say: Say) -> dict[str, int]:
    """Copies the store in a file to an empty database; returns how many rows each table has.

    Nothing may write to the file meanwhile. Raises: BadInput, StoreUnavailable; then the database holds nothing of it.
    """
    if not path.is_file():
        raise BadInput(f"{path} is no store", hint="--home names the directory of the control plane that is to move")
    try:
        source = open_file(path)
        migrate_file(source)
    except apsw.Error as error:
        raise BadInput(f"{path} is no store: {error}") from None
    try:
        with connect(dsn) as link:
            migrate(link)
            with link.transaction():
                link.execute(
                    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0", prepare=False
                )
                return _copy_all(source, link, where(dsn), say)
    except psycopg.Error as error:
        raise StoreUnavailable(f"the store at {where(dsn)} cannot be written: {words(error)}") from None
    finally:
        source.close()


def _copy_all(source: apsw.Connection, link: Link, shown: str, say: Say) -> dict[str, int]:
    tables = _tables(source)
    for table in tables:
        found = link.execute(sql.SQL("SELECT 1 AS n FROM {} LIMIT 1").format(sql.Identifier(table))).fetchone()
        if found:
            raise BadInput(f"the store at {shown} is not empty: {table} has rows", hint="name an empty database")
    counts = {}
    for table in tables:
        columns, keys = _columns(source, table)
        counts[table] = _fill(source, link, table, columns)
        if _digest(_rows(source, table, columns, keys)) != _digest(_stored(link, table, columns, keys)):
            raise StoreUnavailable(f"{table} did not arrive as it is", hint="nothing was kept; report this")
        say(f"{table}: {counts[table]:,} rows")
    link.execute("SELECT setval(pg_get_serial_sequence('journal', 'seq'), max(seq)) FROM journal")
    return counts


def _tables(source: apsw.Connection) -> list[str]:
    """Every table, those that others refer to first."""
    names = [row[0] for row in source.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")]
    return [name for name in names if not name.startswith("sqlite_")]


def _columns(source: apsw.Connection, table: str) -> tuple[list[str], list[str]]:
    """A table's columns, and those of its key."""
    rows = list(source.execute("SELECT name, pk FROM pragma_table_info(?) ORDER BY cid", (table,)))
    keys = [name for name, pk in sorted(rows, key=lambda row: row[1]) if pk]
    return [name for name, _ in rows], keys or [name for name, _ in rows]


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _rows(source: apsw.Connection, table: str, columns: list[str], keys: list[str]) -> Iterator[tuple[Any, ...]]:
    for row in source.execute(f'SELECT {_quoted(columns)} FROM "{table}" ORDER BY {_quoted(keys)}'):
        yield tuple(value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in row)


def _fill(source: apsw.Connection, link: Link, table: str, columns: list[str]) -> int:
    named = sql.SQL(", ").join(map(sql.Identifier, columns))
    count = 0
    with (
        link.cursor() as cursor,
        cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), named)) as into,
    ):
        for row in _rows(source, table, columns, ["rowid"] if table == "batches" else columns[:1]):
            into.write_row(row)
            count += 1
    return count


def _stored(link: Link, table: str, columns: list[str], keys: list[str]) -> Iterator[tuple[Any, ...]]:
    asked = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, keys)),
    )
    with link.cursor(name="stored") as cursor:
        cursor.itersize = _BATCH
        cursor.execute(asked)
        for row in cursor:
            yield tuple(row.values())


def _digest(rows: Iterable[tuple[Any, ...]]) -> str:
    found = hashlib.sha256()
    for row in rows:
        found.update(repr(row).encode())
    return found.hexdigest()
