"""Jobs end to end: submitted, signed, verified, run by real agents, each outcome on disk."""

import time
from collections.abc import Sequence

import uvloop

from bench.commits import raw_sqlite_jobs_per_s
from bench.fleet import Fleet, running
from bench.load import Pool, flood, request
from bench.place import Place, cores, on_core
from bench.report import Report, best, say

RUNS, JOBS, BATCH = 2, 8_000, 1_000
AGENTS, SLOTS = 2, 256
LONGEST_S = 35.0


def measure(place: Place) -> Report:
    """From before the first POST to the last outcome in the store. The floors do a part of the work each."""
    runs, jobs = (1, 200) if place.quick else (RUNS, JOBS)
    server, load = cores()
    found = []
    with running(place, "jobs", server) as fleet:
        fleet.add_project()
        for _ in range(AGENTS):
            fleet.add_agent(load, "--slots", str(SLOTS))
        for run in range(runs):
            say(f"jobs: run {run + 1} of {runs}, {jobs:,} jobs")
            found.append(run_jobs([fleet], jobs))
        with on_core(load):
            bare = uvloop.run(health_per_s(fleet.port, jobs))
    with on_core(server):
        raw = max(raw_sqlite_jobs_per_s(place.folder(f"raw-{run}"), jobs) for run in range(runs))
    took = best(found, lambda run: run["seconds"])
    return Report(
        name="jobs",
        about=f"{jobs:,} noop jobs end to end, {AGENTS} agents",
        figures={**took, "part_of_sqlite_floor": took["jobs_per_s"] / raw},
        floor={"raw_sqlite_jobs_per_s": raw, "bare_http_per_s": bare},
        budget={},
        runs=runs,
        notes=("no budget of its own: it is to be ahead of other queues on the same machine",),
    )


def run_jobs(fleets: Sequence[Fleet], jobs: int) -> dict[str, float]:
    """Runs so many jobs end to end; their batches go to these control planes in turn."""
    fleet = fleets[0]
    batches: list[str] = []
    began, clock = time.time(), time.perf_counter()
    for first in range(0, jobs, BATCH):
        listed = [{"id": f"n{at}", "kind": "noop", "payload": {}} for at in range(first, min(first + BATCH, jobs))]
        taker = fleets[len(batches) % len(fleets)]
        batches.append(taker.post("/v1/jobs", {"project": "bench", "jobs": listed})["batch"])
    submitted = time.perf_counter() - clock
    deadline = time.monotonic() + LONGEST_S
    for batch in batches:  # one after the other, so that watching costs little
        while any(fleet.get(f"/v1/jobs?batch={batch}&state={state}&limit=1") for state in ("ready", "leased")):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the jobs were not done within {LONGEST_S:.0f} s: {fleet.get('/v1/fleet')['jobs']}")
            time.sleep(0.1)
    ended = [job["ended"] for batch in batches for job in fleet.get(f"/v1/jobs?batch={batch}&state=done&limit=20000")]
    if len(ended) != jobs:
        raise RuntimeError(f"{len(ended)} of {jobs} jobs are done")
    seconds = max(ended) / 1_000 - began
    return {"jobs_per_s": jobs / seconds, "seconds": seconds, "submitted_per_s": jobs / submitted}


async def health_per_s(port: int, requests: int) -> float:
    """Health checks that a control plane answers per second."""
    pool = Pool(port)
    try:
        await pool.open(64)
        return await flood(pool, [request("GET", "/v1/health", port)] * requests, 64)
    finally:
        pool.close()
