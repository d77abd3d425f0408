"""What no queue on this machine can be faster than: bare stores at the work of a job, bare HTTP, a bare socket."""

import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import uvloop

from bench.dispatch import echoes_ms
from bench.fleet import running
from bench.jobs import health_per_s
from bench.peers.figures import PAD
from bench.place import ANYWHERE, Place
from bench.report import quantile
from paddock.store.sqlite.engine import connect

JOBS, GROUP, REQUESTS, SAMPLES, PAUSE_S = 20_000, 1_000, 8_000, 150, 0.02
_COLUMNS = """
    state INTEGER NOT NULL DEFAULT 0, epoch INTEGER NOT NULL DEFAULT 0, agent TEXT, payload TEXT NOT NULL, result TEXT
"""
_INDEX = "CREATE INDEX jobs_ready ON jobs (id) WHERE state = 0"
_CLAIM = """
WITH found AS MATERIALIZED (SELECT id FROM jobs WHERE state = 0 ORDER BY id LIMIT {} {})
UPDATE jobs SET state = 1, epoch = epoch + 1, agent = 'agent' WHERE id IN (SELECT id FROM found) RETURNING id
"""


def stores(folder: Path, address: str) -> dict[str, dict[str, float]]:
    """Bare SQLite and bare PostgreSQL: jobs a second through all three steps, and through the claim alone."""
    found = {}
    for name, (jobs, claims) in {"SQLite": sqlite(folder), "PostgreSQL": postgres(address)}.items():
        found[f"insert, claim and outcome in bare {name}"] = {"per_s": jobs}
        found[f"claims in bare {name}"] = {"per_s": claims}
    return found


def sqlite(folder: Path, jobs: int = JOBS) -> tuple[float, float]:
    """Jobs and claims a second with the store's own pragmas, a commit a step for a group."""
    link = connect(folder / "raw.db")
    link.execute(f"CREATE TABLE jobs (id INTEGER PRIMARY KEY, {_COLUMNS}) STRICT; {_INDEX}")

    def claim(count: int) -> list[int]:
        with link:
            found = [row[0] for row in link.execute(_CLAIM.format("?", ""), (count,))]
        return found

    def insert(count: int) -> None:
        with link:
            link.executemany("INSERT INTO jobs (payload) VALUES (?)", [(PAD,)] * count)

    def finish(ids: list[int]) -> None:
        with link:
            link.executemany("UPDATE jobs SET state = 2, result = 'done' WHERE id = ?", [(one,) for one in ids])

    try:
        return _timed(insert, claim, finish, jobs)
    finally:
        link.close()


def postgres(address: str, jobs: int = JOBS) -> tuple[float, float]:
    """The same on PostgreSQL."""
    with psycopg.connect(address, autocommit=True) as link:
        link.execute(f"CREATE TABLE jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {_COLUMNS}); {_INDEX}")
        lock = "FOR UPDATE SKIP LOCKED"
        return _timed(
            lambda count: link.execute("INSERT INTO jobs (payload) SELECT unnest(%s::text[])", ([PAD] * count,)),
            lambda count: [row[0] for row in link.execute(_CLAIM.format("%s", lock), (count,))],
            lambda ids: link.execute("UPDATE jobs SET state = 2, result = 'done' WHERE id = ANY(%s)", (ids,)),
            jobs,
        )


def _timed(
    insert: Callable[[int], object], claim: Callable[[int], list[int]], finish: Callable[[list[int]], object], jobs: int
) -> tuple[float, float]:
    claiming, began = 0.0, time.perf_counter()
    for first in range(0, jobs, GROUP):
        count = min(GROUP, jobs - first)
        insert(count)
        claimed = time.perf_counter()
        ids = claim(count)
        claiming += time.perf_counter() - claimed
        finish(ids)
    return jobs / (time.perf_counter() - began), jobs / claiming


def http(place: Place, requests: int = REQUESTS) -> dict[str, float]:
    """Requests that Paddock's server answers without asking anybody."""
    with running(place, "bare", ANYWHERE) as fleet:
        return {"per_s": uvloop.run(health_per_s(fleet.port, requests))}


def socket(samples: int = SAMPLES) -> dict[str, float]:
    """Milliseconds for a few hundred bytes to a process that waits, and back."""
    took = echoes_ms(samples, PAUSE_S)
    return {"p50": quantile(took, 0.5), "p99": quantile(took, 0.99)}
