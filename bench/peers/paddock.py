"""Paddock's own round: a control plane and two agents, each a process, by the protocol that every agent speaks."""

import time
from collections.abc import Iterator, Sequence

from bench.fleet import Fleet, running
from bench.jobs import AGENTS, BATCH, SLOTS
from bench.peers.figures import PAYLOAD_BYTES, Figures, Sizes
from bench.peers.process import Clock, cpu_seconds
from bench.place import ANYWHERE, Place
from bench.proc import memory_mb

PAYLOAD = {"note": "x" * (PAYLOAD_BYTES - len('{"note":""}'))}
POLL_S = 0.01


def measure(store: str, place: Place, sizes: Sizes) -> Figures:
    """A whole round on the store at an address; on SQLite where there is none. Raises: PeerFailed when too slow."""
    clock = Clock(sizes.longest_s)
    with running(place, "paddock", ANYWHERE, store=store) as fleet:
        fleet.add_project()
        for _ in range(AGENTS):
            fleet.add_agent(ANYWHERE, "--slots", str(SLOTS))
        _finished(fleet, _submit(fleet, sizes.warm), clock)
        used, began = cpu_seconds(), time.monotonic()
        batches = _submit(fleet, sizes.jobs)
        end_to_end = _finished(fleet, batches, clock) - began
        used = cpu_seconds() - used
        late = _pace(fleet, sizes, clock)
        rss = max(memory_mb(pid)["rss_mb"] for pid in fleet.agent_pids)
        _drain(fleet, True)
        began = time.monotonic()
        batches = _submit(fleet, sizes.jobs)
        enqueue = time.monotonic() - began
        _drain(fleet, False)
        ended = time.time() - time.monotonic() + _finished(fleet, batches, clock)
        drain = ended - min(job["started"] for job in _done(fleet, batches[0])) / 1e3
    return Figures(
        jobs=sizes.jobs,
        end_to_end=sizes.jobs / end_to_end,
        enqueue=sizes.jobs / enqueue,
        drain=sizes.jobs / drain,
        late_ms=late,
        rss_mb=rss,
        cpu_us=used / sizes.jobs * 1e6,
    )


def _submit(fleet: Fleet, jobs: int) -> list[str]:
    """Submits so many, and returns their batches."""
    made = []
    for first in range(0, jobs, BATCH):
        batch = [{"id": f"n{at}", "kind": "noop", "payload": PAYLOAD} for at in range(first, min(first + BATCH, jobs))]
        made.append(fleet.post("/v1/jobs", {"project": "bench", "jobs": batch})["batch"])
    return made


def _finished(fleet: Fleet, batches: Sequence[str], clock: Clock) -> float:
    """When the last outcome was seen in the store, by time.monotonic."""
    for batch in batches:  # one after the other, and the last one closely, so that watching costs little
        pause = POLL_S if batch == batches[-1] else 5 * POLL_S
        while any(_left(fleet, batch)):
            clock.left("running the jobs")
            time.sleep(pause)
    return time.monotonic()


def _left(fleet: Fleet, batch: str) -> Iterator[bool]:
    for state in ("ready", "leased"):
        yield bool(fleet.get(f"/v1/jobs?batch={batch}&state={state}&limit=1"))


def _done(fleet: Fleet, batch: str) -> list[dict[str, float]]:
    found: list[dict[str, float]] = fleet.get(f"/v1/jobs?batch={batch}&state=done&limit={BATCH}")
    return found


def _drain(fleet: Fleet, draining: bool) -> None:
    for agent in fleet.get("/v1/agents"):
        fleet.post(f"/v1/agents/{agent['id']}/drain", {"draining": draining})


def _pace(fleet: Fleet, sizes: Sizes, clock: Clock) -> list[float]:
    """Milliseconds from before the POST to the run's start, of jobs that come one at a time."""
    submitted: dict[str, int] = {}
    due = time.monotonic()
    for at in range(sizes.paced):
        due += 1 / sizes.per_s
        time.sleep(max(0.0, due - time.monotonic()))
        began = time.time_ns() // 1_000
        jobs = [{"id": f"p{at}", "kind": "noop", "payload": PAYLOAD}]
        submitted[fleet.post("/v1/jobs", {"project": "bench", "jobs": jobs})["jobs"][0]["id"]] = began
    return [(_began_us(fleet, job, clock) - began) / 1e3 for job, began in submitted.items()]


def _began_us(fleet: Fleet, job: str, clock: Clock) -> int:
    while True:
        found = fleet.get(f"/v1/jobs/{job}")
        if found["state"] == "done":
            return int(found["attempts"][-1]["result"]["began_us"])
        clock.left("running one job")
        time.sleep(POLL_S)
