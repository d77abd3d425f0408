"""PostgreSQL behind asyncio: one writer thread that groups operations into commits, one reader thread.

A group's transaction begins with a lock that all replicas share, so that there is one writer at a time and every
operation means here what it means on SQLite. A result is handed out only after the commit that holds it.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from typing import Any

import psycopg

from paddock.core.errors import PaddockError
from paddock.core.schedule import backoff
from paddock.store.engine import Glance, Op, StoreUnavailable
from paddock.store.postgres.link import Link, connect, words
from paddock.store.postgres.tx import PostgresTx
from paddock.store.threads import Done, Job, Queue, ThreadedEngine, call, groups

_Work = Callable[[Link, list[Job]], list[Done]]

# The advisory lock of whoever writes; any number will do as long as nobody else takes it.
WRITER = 7_205_759_403_792_793
_BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({WRITER})".encode()
# All statements of a read see one moment; by itself each would see its own.
_LOOK = b"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_HINT = "look whether PostgreSQL runs and can be reached from here"
_log = logging.getLogger("paddock.store")


class _Gone(Exception):
    """The connection was lost, or the server gave this transaction up, before its commit."""


class PostgresEngine(ThreadedEngine):
    """Two connections, a thread each."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self._dsn = dsn
        self.start("writer", lambda: self._serve(self.writes, self._write_group))
        self.start("reader", lambda: self._serve(self.reads, self._read_group))

    def _serve(self, queue: Queue, work: _Work) -> None:
        way = _Way(self._dsn)
        for group in groups(queue):
            self.hand_out(_tried(way, work, group))
        way.drop()

    def _write_group(self, link: Link, group: list[Job]) -> list[Done]:
        with _lost():
            link.execute(_BEGIN, prepare=False)
        tx = PostgresTx(link)
        try:
            done = self._operate(tx, link, group)
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                link.execute(b"ROLLBACK", prepare=False)
            raise
        call(tx.nearly)
        try:
            link.execute(b"COMMIT", prepare=False)
            self.commits += 1
            self.wrote += tx.ran
        except psycopg.Error as error:
            link.close()
            doubt = StoreUnavailable(f"whether the store has written is not known: {words(error)}", hint=_HINT)
            return [(future, None, doubt) for _, future in group]
        return done

    def _operate(self, tx: PostgresTx, link: Link, group: list[Job]) -> list[Done]:
        """Each operation in a savepoint of its own, so that one that fails takes nothing of its neighbours with it.

        One without neighbours needs none.
        """
        if len(group) == 1:
            return [self._alone(tx, link, *group[0])]
        done: list[Done] = []
        for op, future in group:
            with _lost():
                before = len(tx.nearly)
                link.execute(b"SAVEPOINT op" if not done else b"RELEASE op; SAVEPOINT op", prepare=False)
                try:
                    done.append((future, op(tx), None))
                except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
                    _raise_if_lost(error)
                    del tx.nearly[before:]
                    link.execute(b"ROLLBACK TO op", prepare=False)
                    done.append((future, None, error))
        return done

    def _alone(self, tx: PostgresTx, link: Link, op: Op[Any], future: asyncio.Future[Any]) -> Done:
        try:
            return future, op(tx), None
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
            _raise_if_lost(error)
            tx.nearly.clear()
            with _lost():
                link.execute(b"ROLLBACK; BEGIN", prepare=False)
            return future, None, error

    def _read_group(self, link: Link, group: list[Job]) -> list[Done]:
        done: list[Done] = []
        tx = PostgresTx(link)
        looks = not all(isinstance(op, Glance) for op, _ in group)
        with _lost():
            if looks:
                link.execute(_LOOK, prepare=False)
        for op, future in group:
            try:
                done.append((future, op(tx), None))
            except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
                _raise_if_lost(error)
                done.append((future, None, error))
                with _lost():
                    if looks:
                        link.execute(b"ROLLBACK; " + _LOOK, prepare=False)
        with _lost():
            if looks:
                link.execute(b"COMMIT", prepare=False)
        self.looked += tx.ran
        return done


class _Way:
    """A connection that is made when it is needed, and not more often than the server can bear."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._link: Link | None = None
        self._failures = 0
        self._rest_until = 0.0

    def link(self) -> Link:
        """Raises: PaddockError while there is no way to the server."""
        if self._link is not None and not self._link.closed:
            return self._link
        if time.monotonic() < self._rest_until:
            raise StoreUnavailable("the connection to PostgreSQL is lost", hint=_HINT)
        try:
            self._link = connect(self._dsn)
        except PaddockError as error:
            self._failures += 1
            wait = 0.05 + backoff(self._failures, random.random(), base_ms=100, cap_ms=2_000) / 1_000
            self._rest_until = time.monotonic() + wait
            raise StoreUnavailable(error.message, hint=_HINT) from None
        self._failures = 0
        return self._link

    def drop(self) -> None:
        """Closes the connection; the next use makes a new one."""
        if self._link is not None:
            self._link.close()
            self._link = None


def _tried(way: _Way, work: _Work, group: list[Job]) -> list[Done]:
    """The group's results. What was given up before its commit is tried once more on a fresh connection."""
    told: PaddockError
    for _ in range(2):
        try:
            return work(way.link(), group)
        except _Gone as error:
            _log.warning("the store: %s", error, extra={"action": "store.lost"})
            way.drop()
            told = StoreUnavailable(f"the store is out of reach: {error}", hint=_HINT)
        except PaddockError as error:
            told = error
            break
    return [(future, None, told) for _, future in group]


@contextlib.contextmanager
def _lost() -> Any:
    try:
        yield
    except psycopg.Error as error:
        raise _Gone(words(error)) from None


def _raise_if_lost(error: BaseException) -> None:
    """Raises: _Gone when the fault is the connection's or the server's, and not the operation's own."""
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) or (
        isinstance(error, psycopg.Error) and error.sqlstate is not None and error.sqlstate[:2] in ("08", "25", "57")
    ):
        raise _Gone(words(error)) from None
