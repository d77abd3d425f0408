"""SQLite behind asyncio: one thread owns the only write connection and groups operations into commits.

Every operation runs in a savepoint of its own, so one that fails takes nothing of its neighbours with it. A result
is handed out only after the commit that holds it is on disk (`synchronous=FULL`).
"""

import asyncio
import threading
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import apsw

from paddock.store.engine import Op, StoreUnavailable
from paddock.store.sqlite.tx import SqliteTx

T = TypeVar("T")
_Job = tuple[Op[Any], asyncio.Future[Any]]

GROUP = 256
CHECKPOINT_PAGES = 1_000
# Checkpoints from a second connection race with writers in SQLite before this (sqlite.org/wal.html#walresetbug).
_SAFE_CHECKPOINT = 3_051_003


def connect(path: Path) -> apsw.Connection:
    """A connection with Paddock's pragmas."""
    if apsw.SQLITE_VERSION_NUMBER < _SAFE_CHECKPOINT:
        raise StoreUnavailable(f"SQLite {apsw.sqlite_lib_version()} is too old", hint="install apsw 3.51.3 or newer")
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(10_000)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-65536",
        "mmap_size=268435456",
    ):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    return connection


def make_room(connection: apsw.Connection, path: Path) -> None:
    """Grows the write-ahead log to its working size once, so that no commit pays for growing it.

    A commit into room that is there takes half the time of one that makes the file longer.
    """
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size >= CHECKPOINT_PAGES * 4_096:
        return
    connection.execute("CREATE TABLE IF NOT EXISTS room (x)")
    connection.execute("INSERT INTO room VALUES (zeroblob(?))", (CHECKPOINT_PAGES * 4_096,))
    connection.execute("DROP TABLE room")
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)


class SqliteEngine:
    """One writer thread, one reader thread, one checkpoint thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.commits = 0
        self._loop = asyncio.get_running_loop()
        self._writes: SimpleQueue[_Job | None] = SimpleQueue()
        self._reads: SimpleQueue[_Job | None] = SimpleQueue()
        self._checkpoint = threading.Event()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._write_loop, name="store-writer", daemon=True),
            threading.Thread(target=self._read_loop, name="store-reader", daemon=True),
            threading.Thread(target=self._checkpoint_loop, name="store-checkpoint", daemon=True),
        ]
        self._writer = connect(path)
        make_room(self._writer, path)
        self._tx = SqliteTx(self._writer)
        self._writer.set_wal_hook(self._after_commit)
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
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        queue.put((op, future))
        return await future

    async def close(self) -> None:
        """Finishes what was asked for, checkpoints and closes."""
        if self._closing:
            return
        self._closing = True
        self._writes.put(None)
        self._reads.put(None)
        self._checkpoint.set()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _after_commit(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        if pages >= CHECKPOINT_PAGES:
            self._checkpoint.set()
        return apsw.SQLITE_OK

    def _write_loop(self) -> None:
        open_ = True
        while open_:
            job = self._writes.get()
            group: list[_Job] = []
            while job is not None:
                group.append(job)
                if len(group) == GROUP:
                    break
                try:
                    job = self._writes.get_nowait()
                except Empty:
                    break
            open_ = job is not None
            if group:
                self._commit(group)
        self._writer.close()

    def _commit(self, group: list[_Job]) -> None:
        done: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for op, future in group:
                done.append((future, *self._savepoint(op)))
            self._writer.execute("COMMIT")
            self.commits += 1
        except apsw.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            unavailable = StoreUnavailable(f"the store cannot write: {error}")
            done = [(future, None, unavailable) for _, future in group]
        self._hand_out(done)

    def _savepoint(self, op: Op[Any]) -> tuple[Any, BaseException | None]:
        self._writer.execute("SAVEPOINT op")
        try:
            result = op(self._tx)
        except (apsw.IOError, apsw.FullError, apsw.CorruptError):
            raise
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
            self._writer.execute("ROLLBACK TO op")
            self._writer.execute("RELEASE op")
            return None, error
        self._writer.execute("RELEASE op")
        return result, None

    def _read_loop(self) -> None:
        reader = connect(self.path)
        reader.execute("PRAGMA query_only=ON")
        tx = SqliteTx(reader)
        while (job := self._reads.get()) is not None:
            op, future = job
            try:
                outcome = (future, op(tx), None)
            except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
                self._hand_out([(future, None, error)])
            else:
                self._hand_out([outcome])
        reader.close()

    def _checkpoint_loop(self) -> None:
        own = connect(self.path)
        while not self._closing:
            self._checkpoint.wait()
            self._checkpoint.clear()
            own.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        own.close()

    def _hand_out(self, done: list[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
        try:
            self._loop.call_soon_threadsafe(_resolve, done)
        except RuntimeError:  # the loop is gone: nobody waits any more
            return


def _resolve(done: list[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
    for future, result, error in done:
        if future.cancelled():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
