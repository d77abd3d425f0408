"""The agent's memory on disk: which orders it accepted, and which outcomes the control plane has not heard yet."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from paddock.wire.messages import JobOrder, Outcome

# Accepted orders are remembered this long past their last moment to start, so that a replay is known for one.
KEEP_MS = 48 * 3_600_000
# How exactly it is remembered on disk how late it was.
MOMENT_MS = 60_000
# Bytes of write-ahead log between two checkpoints, SQLite's default.
_ROOM = 1_000 * 4_096
_SCHEMA = """
CREATE TABLE IF NOT EXISTS accepted (
    job TEXT PRIMARY KEY, epoch INTEGER NOT NULL, nonce TEXT NOT NULL, exp INTEGER NOT NULL, envelope BLOB NOT NULL,
    manifest INTEGER
);
-- Signatures over many orders; an order without one of its own is proven by the digest of it that stands in there.
CREATE TABLE IF NOT EXISTS manifests (id INTEGER PRIMARY KEY, exp INTEGER NOT NULL, envelope BLOB NOT NULL);
-- Which job a customer's warrant was used for, so that no other job can use it.
CREATE TABLE IF NOT EXISTS warrants (id TEXT PRIMARY KEY, job TEXT NOT NULL, exp INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
    job TEXT NOT NULL, epoch INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (job, epoch)
);
-- The latest moment that a signed order showed.
CREATE TABLE IF NOT EXISTS moment (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL);
"""


class Told(NamedTuple):
    """An outcome as it lies in the outbox: its body is JSON."""

    job: str
    epoch: int
    body: bytes


class Journal:
    """Every write is on disk when it returns. Used from the agent's one loop only."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-512"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_SCHEMA)
        self._make_room(path.with_name(f"{path.name}-wal"))
        self._forget()
        # How many outcomes lie in the outbox, so that an idle beat asks nothing of the disk.
        self._outcomes = int(self._db.execute("SELECT count(*) FROM outbox").fetchone()[0])
        self._latest = int((self._db.execute("SELECT at FROM moment").fetchone() or (0,))[0])

    def _make_room(self, log: Path) -> None:
        """Grows the write-ahead log once; a write into room that is there takes half the time."""
        if log.exists() and log.stat().st_size >= _ROOM:
            return
        self._db.execute("CREATE TABLE IF NOT EXISTS room (x)")
        self._db.execute("INSERT INTO room VALUES (zeroblob(?))", (_ROOM,))
        self._db.execute("DROP TABLE room")
        self._db.execute("PRAGMA wal_checkpoint(RESTART)")

    def latest(self) -> int:
        """A moment that has passed, for orders of it were accepted here; epoch milliseconds, to the minute."""
        return self._latest

    def epochs_of(self, jobs: Sequence[str]) -> dict[str, int]:
        """The highest epoch that was ever accepted here, of each of these jobs that has one."""
        found = self._db.execute(
            "SELECT job, epoch FROM accepted WHERE job IN (SELECT value FROM json_each(?))",
            (msgspec.json.encode(jobs).decode(),),
        )
        return {str(job): int(epoch) for job, epoch in found}

    def accept(
        self, orders: Sequence[tuple[JobOrder, bytes]], manifest: bytes = b"", settled: Sequence[tuple[str, int]] = ()
    ) -> None:
        """Remembers orders with their envelopes, and the manifest that vouches for them, before any of them runs.

        In the same write it forgets outcomes that the control plane has answered, as job and epoch.
        """
        if not orders and not settled:
            return
        told = 0
        with self._transaction():
            if settled:
                told = self._db.executemany("DELETE FROM outbox WHERE job = ? AND epoch = ?", settled).rowcount
            proof = None
            if manifest:
                latest = max(order.exp for order, _ in orders)
                kept = self._db.execute("INSERT INTO manifests (exp, envelope) VALUES (?, ?)", (latest, manifest))
                proof = kept.lastrowid
            rows = [(order.job, order.epoch, order.nonce, order.exp, envelope, proof) for order, envelope in orders]
            self._db.executemany("INSERT OR REPLACE INTO accepted VALUES (?, ?, ?, ?, ?, ?)", rows)
            latest = max((order.nbf for order, _ in orders), default=0)
            if latest > self._latest + MOMENT_MS:
                self._db.execute("INSERT OR REPLACE INTO moment VALUES (1, ?)", (latest,))
                self._latest = latest
        self._outcomes -= told

    def warranted(self, warrant: str, job: str, exp: int) -> str:
        """The job that a warrant is good for: this one, unless another has used it here."""
        with self._transaction():
            self._db.execute("INSERT OR IGNORE INTO warrants VALUES (?, ?, ?)", (warrant, job, exp))
        return str(self._db.execute("SELECT job FROM warrants WHERE id = ?", (warrant,)).fetchone()[0])

    def put(self, outcomes: Sequence[Outcome]) -> None:
        """Puts outcomes into the outbox. The first word on an attempt stands."""
        if not outcomes:
            return
        rows = [(o.job, o.epoch, msgspec.json.encode(o)) for o in outcomes]
        with self._transaction():
            added = self._db.executemany("INSERT OR IGNORE INTO outbox VALUES (?, ?, ?)", rows).rowcount
        self._outcomes += added

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it, or nothing: a write that fails leaves the file as it was and the next one free to begin."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def pending(self, most_bytes: int) -> list[Told]:
        """Outcomes that were not acknowledged, oldest first: at least one, and no more than fit."""
        out: list[Told] = []
        if not self._outcomes:
            return out
        for job, epoch, body in self._db.execute("SELECT job, epoch, body FROM outbox ORDER BY rowid LIMIT 1000"):
            most_bytes -= len(body)
            if out and most_bytes < 0:
                break
            out.append(Told(str(job), int(epoch), body))
        return out

    def waiting(self, session: str, sent: int) -> list[tuple[str, int]]:
        """Attempts of a session whose outcomes were not acknowledged, when there are more outcomes than `sent`."""
        if self._outcomes <= sent:
            return []
        rows = self._db.execute(
            "SELECT job, epoch FROM outbox WHERE json_extract(CAST(body AS TEXT), '$.session') = ?", (session,)
        )
        return [(str(job), int(epoch)) for job, epoch in rows]

    def _forget(self) -> None:
        old = (time.time_ns() // 1_000_000 - KEEP_MS,)
        self._db.execute("DELETE FROM accepted WHERE exp < ?", old)
        self._db.execute("DELETE FROM manifests WHERE exp < ?", old)
        self._db.execute("DELETE FROM warrants WHERE exp < ?", old)

    def close(self) -> None:
        """Closes the file."""
        self._db.close()
