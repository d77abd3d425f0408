"""PostgreSQL behind asyncio: one writer thread that groups operations into commits, one reader thread.

A group's transaction begins with a lock that all replicas share, so that there is one writer at a time and every
operation means here what it means on SQLite. A result is handed out only after the commit that holds it.
"""

import asyncio
import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import psycopg

from paddock.core.errors import PaddockError
from paddock.core.schedule import backoff
from paddock.store.engine import Op, StoreUnavailable
from paddock.store.postgres.link import Link, connect, words
from paddock.store.postgres.tx import PostgresTx

T = TypeVar("T")
_Job = tuple[Op[Any], asyncio.Future[Any]]
_Done = tuple[asyncio.Future[Any], Any, BaseException | None]

GROUP = 256
# The advisory lock of whoever writes; any number will do as long as nobody else takes it.
WRITER = 7_205_759_403_792_793
_BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({WRITER})".encode()
_HINT = "look whether PostgreSQL runs and can be reached from here"
_log = logging.getLogger("paddock.store")


class _Gone(Exception):
    """The connection was lost, or the server gave this transaction up, before its commit."""


class PostgresEngine:
    """Two connections, a thread each."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._loop = asyncio.get_running_loop()
        self.commits = 0
        self._closing = False
        self._writes: SimpleQueue[_Job | None] = SimpleQueue()
        self._reads: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, args=(queue, work), name=name, daemon=True)
            for name, queue, work in (
                ("store-writer", self._writes, self._write_group),
                ("store-reader", self._reads, self._read_group),
            )
        ]
        for thread in self._threads:
            thread.start()

    async def write(self, op: Op[T]) -> T:
        """Runs the operation in the next group commit and returns its result once that is on disk."""
        return await self._put(self._writes, op)

    async def read(self, op: Op[T]) -> T:
        """Runs a read on the reader's own connection; it sees every commit made before."""
        return await self._put(self._reads, op)

    async def _put(self, queue: SimpleQueue[_Job | None], op: Op[T]) -> T:
        if self._closing:
            raise StoreUnavailable("the store is closed", hint="")
        future: asyncio.Future[T] = self._loop.create_future()
        queue.put((op, future))
        return await future

    async def close(self) -> None:
        """Finishes what was asked for and closes."""
        if self._closing:
            return
        self._closing = True
        self._writes.put(None)
        self._reads.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _serve(self, queue: SimpleQueue[_Job | None], work: Callable[[Link, list[_Job]], list[_Done]]) -> None:
        way = _Way(self._dsn)
        while True:
            job = queue.get()
            group: list[_Job] = []
            while job is not None:
                group.append(job)
                if len(group) == GROUP:
                    break
                try:
                    job = queue.get_nowait()
                except Empty:
                    break
            if group:
                self._hand_out(_tried(way, work, group))
            if job is None:
                way.drop()
                return

    def _write_group(self, link: Link, group: list[_Job]) -> list[_Done]:
        with _lost():
            link.execute(_BEGIN, prepare=False)
        try:
            done = self._operate(PostgresTx(link), link, group)
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                link.execute(b"ROLLBACK", prepare=False)
            raise
        try:
            link.execute(b"COMMIT", prepare=False)
            self.commits += 1
        except psycopg.Error as error:
            link.close()
            doubt = StoreUnavailable(f"whether the store has written is not known: {words(error)}", hint=_HINT)
            return [(future, None, doubt) for _, future in group]
        return done

    def _operate(self, tx: PostgresTx, link: Link, group: list[_Job]) -> list[_Done]:
        """Each operation in a savepoint of its own, so that one that fails takes nothing of its neighbours with it."""
        done: list[_Done] = []
        for op, future in group:
            with _lost():
                link.execute(b"SAVEPOINT op" if not done else b"RELEASE op; SAVEPOINT op", prepare=False)
                try:
                    done.append((future, op(tx), None))
                except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
                    _raise_if_lost(error)
                    link.execute(b"ROLLBACK TO op", prepare=False)
                    done.append((future, None, error))
        return done

    def _read_group(self, link: Link, group: list[_Job]) -> list[_Done]:
        done: list[_Done] = []
        tx = PostgresTx(link)
        for op, future in group:
            try:
                done.append((future, op(tx), None))
            except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
                _raise_if_lost(error)
                done.append((future, None, error))
        return done

    def _hand_out(self, done: list[_Done]) -> None:
        try:
            self._loop.call_soon_threadsafe(_resolve, done)
        except RuntimeError:  # the loop is gone: nobody waits any more
            return


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


def _tried(way: _Way, work: Callable[[Link, list[_Job]], list[_Done]], group: list[_Job]) -> list[_Done]:
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


def _resolve(done: list[_Done]) -> None:
    for future, result, error in done:
        if future.cancelled():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
