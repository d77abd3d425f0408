"""What a job costs, by the number of finished jobs that the table holds."""

import time
from pathlib import Path

import apsw

from bench import dispatch, jobs
from bench.fleet import running
from bench.place import Place, cores
from bench.proc import CpuShare
from bench.report import quantile, say
from paddock.store.sqlite.engine import connect
from paddock.store.sqlite.migrate import migrate

RUNS = 3
AGENTS, SLOTS = 2, 256
# Jobs of one run, and how many are sent one at a time to see how long they wait.
JOBS, SAMPLES = 6_000, 60
STEP = 100_000

# Ids sort before those of today. Each job ended well some time within the thirty days before.
_SERIES = "WITH RECURSIVE n (i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :last)"
_JOBS = f"""
INSERT INTO jobs (id, name, batch, project, kind, lane, state, priority, urgency, payload, scope, requires, accept,
    timeout, max_attempts, attempt, epoch, agent, created, started, ended)
{_SERIES}
SELECT printf('j%020d', i), printf('old-%09d', i), printf('b%020d', i / 100), 'bench', 'noop', 'bench|noop|', 'done',
    5, 5, '{{"words":"' || hex(zeroblob(140)) || '"}}', '{{}}', '[]', '[]', 60, 3, 1, 1, 'a00000000000000000000',
    :began + i * :apart, :began + i * :apart + 5, :began + i * :apart + 9
FROM n
"""
_ATTEMPTS = f"""
INSERT INTO attempts (job, epoch, agent, session, state, claimed, started, ended, settled)
{_SERIES}
SELECT printf('j%020d', i), 1, 'a00000000000000000000', 's00000000000000000000', 'done', :began + i * :apart + 5,
    :began + i * :apart + 6, :began + i * :apart + 8, :began + i * :apart + 9
FROM n
"""
_JOURNAL = f"""
INSERT INTO journal (at, type, job, agent, data)
{_SERIES}
SELECT :began + i * :apart + told.after, told.type, printf('j%020d', i), 'a00000000000000000000', '{{"epoch":1}}'
FROM n, (SELECT 'job.submitted' AS type, 0 AS after UNION ALL SELECT 'job.leased', 5 UNION ALL
    SELECT 'attempt.done', 9) AS told
"""
_DAYS_MS = 30 * 86_400_000


def sizes(place: Place) -> tuple[int, ...]:
    """How many finished jobs there are."""
    if place.quick:
        return (100, 1_000)
    return (10_000, 100_000, 1_000_000, *((10_000_000,) if place.full else ()))


def measure(place: Place) -> dict[str, float]:
    """Jobs end to end and one at a time beside each number of finished ones."""
    out: dict[str, float] = {}
    for size in sizes(place):
        say(f"growth: {size:,} finished jobs")
        out |= {f"finished_{size}_{name}": value for name, value in _at(place, size).items()}
    return out


def cost(found: dict[str, float], place: Place) -> float:
    """Processor time for a job beside the most finished ones, in parts of that beside the fewest."""
    return found[f"finished_{sizes(place)[-1]}_cpu_us_per_job"] / fewest(found, place)


def fewest(found: dict[str, float], place: Place) -> float:
    """Processor time for a job beside the fewest finished ones, in microseconds."""
    return found[f"finished_{sizes(place)[0]}_cpu_us_per_job"]


def _at(place: Place, size: int) -> dict[str, float]:
    server, load = cores()
    name = f"finished-{size}"
    (place.path / name).mkdir(mode=0o700)
    path = place.path / name / "paddock.db"
    fill(path, size, time.time_ns() // 1_000_000)
    wanted, samples, runs = (40, 5, 1) if place.quick else (JOBS, SAMPLES, RUNS)
    took, used = [], []
    with running(place, name, server) as fleet:
        fleet.add_project()
        for _ in range(1 if place.quick else AGENTS):
            fleet.add_agent(load, "--slots", str(SLOTS))
        for _ in range(runs):
            share = CpuShare(fleet.pid)
            took.append(jobs.run_jobs([fleet], wanted)["jobs_per_s"])
            used.append(share.used() * 1e6 / wanted)
        waited = dispatch.sample(fleet, samples)
    megabytes = path.stat().st_size / (1 << 20)
    path.unlink()
    return {
        "jobs_per_s": max(took),
        "cpu_us_per_job": min(used),
        "submit_to_start_ms_p50": quantile(waited, 0.5),
        "file_mb": megabytes,
    }


def fill(path: Path, size: int, now: int) -> None:
    """Makes a store with so many finished jobs, each with its attempt and its rows in the journal."""
    migrating = connect(path)
    migrate(migrating)
    migrating.close()
    connection = apsw.Connection(str(path))
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-262144"):
        connection.execute(f"PRAGMA {pragma}")
    values = {"began": now - _DAYS_MS, "apart": _DAYS_MS // size}
    for first in range(0, size, STEP):
        step = {**values, "first": first, "last": min(first + STEP, size)}
        with connection:
            for statement in (_JOBS, _ATTEMPTS, _JOURNAL):
                connection.execute(statement, step)
    connection.close()
