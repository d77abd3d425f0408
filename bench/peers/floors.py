"""What no queue on this machine can be faster than: bare stores at the work of a job, bare HTTP, a bare socket."""

import time
from pathlib import Path

import psycopg
import uvloop

from bench.commits import GROUP, raw_sqlite_jobs_per_s
from bench.dispatch import echoes_ms
from bench.fleet import running
from bench.jobs import health_per_s
from bench.peers.figures import PAD
from bench.place import ANYWHERE, Place
from bench.report import quantile

JOBS, REQUESTS, SAMPLES, PAUSE_S = 20_000, 8_000, 150, 0.02
_SCHEMA = """
CREATE TABLE jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state int NOT NULL DEFAULT 0,
    epoch int NOT NULL DEFAULT 0, agent text, payload text NOT NULL, result text);
CREATE INDEX jobs_ready ON jobs (id) WHERE state = 0;
"""
_INSERT = "INSERT INTO jobs (payload) SELECT unnest(%s::text[])"
_CLAIM = """
WITH found AS MATERIALIZED (SELECT id FROM jobs WHERE state = 0 ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
UPDATE jobs SET state = 1, epoch = epoch + 1, agent = 'agent' FROM found WHERE jobs.id = found.id RETURNING jobs.id
"""
_FINISH = "UPDATE jobs SET state = 2, result = 'done' WHERE id = ANY(%s) AND state = 1"


def sqlite(folder: Path, jobs: int = JOBS) -> dict[str, float]:
    """Insert, claim and outcome of each job in groups, and nothing else, on SQLite."""
    return {"per_s": raw_sqlite_jobs_per_s(folder, jobs)}


def postgres(address: str, jobs: int = JOBS) -> dict[str, float]:
    """The same on PostgreSQL, a commit a step; how many jobs a second, and how many claims a second."""
    with psycopg.connect(address, autocommit=True) as link:
        link.execute(_SCHEMA)
        claiming, began = 0.0, time.perf_counter()
        for _ in range(0, jobs, GROUP):
            link.execute(_INSERT, ([PAD] * GROUP,))
            claim = time.perf_counter()
            ids = [row[0] for row in link.execute(_CLAIM, (GROUP,))]
            claiming += time.perf_counter() - claim
            link.execute(_FINISH, (ids,))
        took = time.perf_counter() - began
    return {"per_s": jobs / took, "claims_per_s": jobs / claiming}


def http(place: Place, requests: int = REQUESTS) -> dict[str, float]:
    """Requests that Paddock's server answers without asking anybody."""
    with running(place, "bare", ANYWHERE) as fleet:
        return {"per_s": uvloop.run(health_per_s(fleet.port, requests))}


def socket(samples: int = SAMPLES) -> dict[str, float]:
    """Milliseconds for a few hundred bytes to a process that waits, and back."""
    took = echoes_ms(samples, PAUSE_S)
    return {"p50": quantile(took, 0.5), "p99": quantile(took, 0.99)}
