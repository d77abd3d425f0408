"""SQLite behind asyncio: one thread owns the only write connection and groups operations into commits.

Every operation runs in a savepoint of its own, so one that fails takes nothing of its neighbours with it. A result
is handed out only when the commit that holds it is on disk; the next group is at work meanwhile.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from paddock.store.engine import Op, StoreUnavailable
from paddock.store.sqlite.disk import Disk
from paddock.store.sqlite.tx import SqliteTx
from paddock.store.threads import Done, Job, ThreadedEngine, call, groups

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


class SqliteEngine(ThreadedEngine):
    """A writer, a reader, a thread that does checkpoints and one that brings the log to disk (`sync`, of its file)."""

    def __init__(self, path: Path, sync: Callable[[int], None] = os.fdatasync) -> None:
        super().__init__()
        self.path = path
        self._checkpoint = threading.Event()
        self._writer = connect(path)
        make_room(self._writer, path)
        self._tx = SqliteTx(self._writer)
        self._writer.set_wal_hook(self._after_commit)
        # SQLite leaves the log to `disk`, and syncs it itself only before a checkpoint copies from it.
        self._writer.execute("PRAGMA synchronous=NORMAL")
        self.disk = Disk(path.with_name(f"{path.name}-wal"), self.hand_out, sync)
        self.start("writer", self._write_loop)
        self.start("reader", self._read_loop)
        self.start("disk", lambda: self.disk.serve(ends=2))
        self.start("checkpoint", self._checkpoint_loop)

    def wake(self) -> None:
        self._checkpoint.set()

    def _after_commit(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self.disk.wrote()
        if pages >= CHECKPOINT_PAGES:
            self._checkpoint.set()
        return apsw.SQLITE_OK

    def _write_loop(self) -> None:
        busy = False
        for group in groups(self.writes):
            done = self._commit(group)
            # Who has nothing else to do brings it to disk himself: that spares two changes of threads.
            self.disk.release(done, at_once=self.writes.empty() and not busy)
            busy = not self.writes.empty()
        self.disk.end()
        self._writer.close()

    def _commit(self, group: list[Job]) -> list[Done]:
        if self.disk.broken:
            return [(future, None, self.disk.refusal()) for _, future in group]
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            done: list[Done] = [(future, *self._savepoint(op)) for op, future in group]
            with self.disk.commit():
                self._writer.execute("COMMIT")
            call(self._tx.nearly)
            self.commits += 1
            self.wrote = self._tx.ran
        except apsw.Error as error:
            self._tx.nearly.clear()
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            unavailable = StoreUnavailable(f"the store cannot write: {error}")
            return [(future, None, unavailable) for _, future in group]
        return done

    def _savepoint(self, op: Op[Any]) -> tuple[Any, BaseException | None]:
        self._writer.execute("SAVEPOINT op")
        before = len(self._tx.nearly)
        try:
            result = op(self._tx)
        except (apsw.IOError, apsw.FullError, apsw.CorruptError):
            raise
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
            del self._tx.nearly[before:]
            self._writer.execute("ROLLBACK TO op")
            self._writer.execute("RELEASE op")
            return None, error
        self._writer.execute("RELEASE op")
        return result, None

    def _read_loop(self) -> None:
        reader = connect(self.path)
        reader.execute("PRAGMA query_only=ON")
        tx = SqliteTx(reader)
        for group in groups(self.reads):
            for op, future in group:
                try:
                    # All its statements see one moment; by itself each would see its own.
                    with reader:
                        done: Done = (future, op(tx), None)
                except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
                    done = (future, None, error)
                self.looked = tx.ran
                self.disk.release([done], at_once=False)
        self.disk.end()
        reader.close()

    def _checkpoint_loop(self) -> None:
        own = connect(self.path)
        while not self.closing:
            self._checkpoint.wait()
            self._checkpoint.clear()
            own.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        own.close()
