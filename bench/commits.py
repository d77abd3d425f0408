"""Floors of everything durable: a bare commit to disk, and bare SQLite at the work of a job."""

import os
import time
from pathlib import Path

import apsw

from bench.report import quantile
from paddock.store.sqlite.engine import connect

GROUP = 256
_SCHEMA = """
CREATE TABLE jobs (id INTEGER PRIMARY KEY, state INTEGER NOT NULL, epoch INTEGER NOT NULL DEFAULT 0,
    agent TEXT, payload TEXT NOT NULL, result TEXT) STRICT;
CREATE INDEX jobs_ready ON jobs (id) WHERE state = 0;
"""
_CLAIM = """
UPDATE jobs SET state = 1, epoch = epoch + 1, agent = ?
WHERE id IN (SELECT id FROM jobs WHERE state = 0 ORDER BY id LIMIT ?) RETURNING id
"""


def fsync_ms(folder: Path, samples: int, pause_s: float) -> float:
    """The median of overwriting 4 KB in a file and bringing them to disk, as a write-ahead log with room does.

    After a pause, as a lone job comes, it takes several times as long as one after the other.
    """
    took = []
    path = folder / "fsync"
    path.write_bytes(b"x" * 4_096 * samples)
    handle = os.open(path, os.O_WRONLY)
    try:
        os.fsync(handle)
        for at in range(samples):
            time.sleep(pause_s)
            began = time.perf_counter()
            os.pwrite(handle, b"y" * 4_096, at * 4_096)
            os.fdatasync(handle)
            took.append((time.perf_counter() - began) * 1e3)
    finally:
        os.close(handle)
        path.unlink()
    return quantile(took, 0.5)


def raw_sqlite_jobs_per_s(folder: Path, jobs: int) -> float:
    """Insert, claim and outcome per job and nothing else, in groups, with the store's own pragmas."""
    connection = connect(folder / "raw.db")
    connection.execute(_SCHEMA)
    began = time.perf_counter()
    for first in range(0, jobs, GROUP):
        count = min(GROUP, jobs - first)
        _group(connection, [("x" * 200,)] * count)
    took = time.perf_counter() - began
    connection.close()
    return jobs / took


def _group(connection: apsw.Connection, payloads: list[tuple[str]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO jobs (state, payload) VALUES (0, ?)", payloads)
    connection.execute("COMMIT")
    connection.execute("BEGIN IMMEDIATE")
    claimed = [("done", *row) for row in connection.execute(_CLAIM, ("agent", len(payloads)))]
    connection.execute("COMMIT")
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("UPDATE jobs SET state = 2, result = ? WHERE id = ? AND state = 1", claimed)
    connection.execute("COMMIT")
