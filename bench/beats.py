"""100,000 agents that beat once a minute, with jobs beside them, on one core of the control plane."""

import asyncio
import contextlib
import gc
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvloop

from bench import simulated
from bench.fleet import Fleet, running
from bench.load import Offered, Pool, flood, offer, request, until
from bench.place import Place, cores, on_core
from bench.proc import CpuShare, memory_mb
from bench.report import Limit, Report, best, quantile, say
from paddock.wire.keys import Signer

RUNS = 2
LONGEST_S = 85


@dataclass(frozen=True)
class Shape:
    """How large the fleet is and how it is loaded."""

    agents: int = 100_000
    workers: int = 100
    connections: int = 900
    beats_per_s: float = 1_667.0
    jobs_per_s: float = 150.0
    seconds: float = 15.0
    # Jobs come so many batches a second.
    batches_per_s: float = 10.0

    @property
    def beats(self) -> int:
        return int(self.beats_per_s * self.seconds)


QUICK = Shape(agents=500, workers=10, connections=40, beats_per_s=200, jobs_per_s=40, seconds=1.5)


def measure(place: Place) -> Report:
    """Latency from the moment a beat was due to its answer, open loop; the floor is GET /v1/health at the same rate."""
    shape, runs = (QUICK, 1) if place.quick else (Shape(), RUNS)
    signer = simulated.key()
    server, load = cores()
    (place.path / "beats").mkdir(mode=0o700)
    say(f"beats: registering {shape.agents:,} agents")
    simulated.load(place.path / "beats" / "paddock.db", signer, shape.agents - shape.workers, shape.workers)
    with running(place, "beats", server) as fleet, on_core(load):
        fleet.add_project()
        rest, floor, found = uvloop.run(_session(fleet, signer, shape, runs))
    return Report(
        name="beats",
        about=f"{shape.agents:,} agents, {shape.beats_per_s:,.0f} beats/s, {shape.jobs_per_s:.0f} jobs/s, one core",
        figures={**best(found, lambda run: run["all_beats_ms_p99"]), **rest},
        floor=floor,
        budget={
            "beat_ms_p99": Limit(most=20.0),
            "all_beats_ms_p99": Limit(most=20.0),
            "job_beat_ms_p99": Limit(most=20.0),
            "server_core_share": Limit(most=0.6),
            "jobs_per_s": Limit(least=0.97 * shape.jobs_per_s),
            "failed": Limit(most=0),
        },
        runs=runs,
    )


async def _session(
    fleet: Fleet, signer: Signer, shape: Shape, runs: int
) -> tuple[dict[str, float], dict[str, float], list[dict[str, float]]]:
    async with asyncio.timeout(LONGEST_S), open_pool(fleet.port, shape.connections) as pool:
        agents = range(shape.workers, shape.workers + min(shape.beats, shape.agents - shape.workers))
        say("beats: every agent's first beat since the start of the control plane")
        first = await flood(pool, simulated.idle_beats(signer, fleet.port, agents, 1), 64)
        say("beats: the floor")
        floor = await _floor(fleet, pool, shape)
        found = []
        async with working(fleet, signer, pool, shape) as workers:
            for run in range(runs):
                say(f"beats: run {run + 1} of {runs}, {shape.seconds:.0f} s")
                beats = simulated.idle_beats(signer, fleet.port, agents, 2 + run)
                found.append(await one_round(fleet, pool, workers, beats, shape))
        rest = {
            "first_beats_per_s": first,
            "server_rss_mb": memory_mb(fleet.pid)["rss_mb"],
            "connections_lost": pool.lost,
        }
        return rest, floor, found


async def _floor(fleet: Fleet, pool: Pool, shape: Shape) -> dict[str, float]:
    health = request("GET", "/v1/health", fleet.port)
    share = CpuShare(fleet.pid)
    offered = await offer(pool, [health] * int(shape.beats / 5), shape.beats_per_s)
    return {
        "health_ms_p50": quantile(offered.latencies_ms, 0.5),
        "health_ms_p99": quantile(offered.latencies_ms, 0.99),
        "health_core_share": share.value(),
        "health_per_s_saturated": await flood(pool, [health] * (shape.beats // 2), 64),
    }


class Workers:
    """The agents that take the jobs, and the milliseconds their beats took."""

    def __init__(self) -> None:
        self.all: list[simulated.Worker] = []
        self.took_ms: list[float] = []
        self.submit_ms: list[float] = []

    @property
    def done(self) -> int:
        """Outcomes that stand in the store."""
        return sum(worker.done for worker in self.all)

    @property
    def failed(self) -> int:
        """Beats that were refused."""
        return sum(worker.failed for worker in self.all)


async def one_round(fleet: Fleet, pool: Pool, workers: Workers, beats: list[bytes], shape: Shape) -> dict[str, float]:
    """Offers these beats and, beside them, jobs; what became of both."""
    workers.took_ms.clear()
    workers.submit_ms.clear()
    done, refused = workers.done, workers.failed
    gc.collect()
    gc.disable()
    share = CpuShare(fleet.pid)
    submitting = asyncio.create_task(_submit(pool, fleet.port, workers, shape))
    try:
        offered = await offer(pool, beats, shape.beats_per_s)
        core_share, jobs = share.value(), workers.done - done
    finally:
        gc.enable()
        submitting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await submitting
    return _figures(offered, workers, core_share, jobs, refused)


def _figures(offered: Offered, workers: Workers, core_share: float, jobs: int, refused: int) -> dict[str, float]:
    out: dict[str, float] = {"beats_per_s": len(offered.latencies_ms) / offered.seconds}
    for name, values in (("beat", offered.latencies_ms), ("job_beat", workers.took_ms), ("submit", workers.submit_ms)):
        out[f"{name}_ms_p50"], out[f"{name}_ms_p99"] = quantile(values, 0.5), quantile(values, 0.99)
        out[f"{name}_ms_max"] = max(values, default=0.0)
    out["all_beats_ms_p99"] = quantile([*offered.latencies_ms, *workers.took_ms], 0.99)
    out["jobs_per_s"] = jobs / offered.seconds
    out["job_beats_per_s"] = len(workers.took_ms) / offered.seconds
    out["server_core_share"] = core_share
    out["generator_late_ms_p99"] = quantile(offered.late_ms, 0.99)
    out["failed"] = offered.failed + workers.failed - refused
    return out


async def _submit(pool: Pool, port: int, workers: Workers, shape: Shape) -> None:
    """Offers jobs in small batches at an even rate."""
    size = round(shape.jobs_per_s / shape.batches_per_s)
    if not size:
        return
    jobs = [{"id": f"n{at}", "kind": "noop", "payload": {}} for at in range(size)]
    data = request("POST", "/v1/jobs", port, json.dumps({"project": "bench", "jobs": jobs}).encode())
    due = time.perf_counter()
    while True:
        due += 1 / shape.batches_per_s
        await until(due)
        status, body = await pool.ask(data)
        workers.submit_ms.append((time.perf_counter() - due) * 1e3)
        if status != 201:
            raise RuntimeError(f"submitting answers {status}: {body[:200]!r}")


@asynccontextmanager
async def open_pool(port: int, connections: int) -> AsyncIterator[Pool]:
    """Kept connections, closed on the way out."""
    pool = Pool(port)
    try:
        await pool.open(connections)
        yield pool
    finally:
        pool.close()


@asynccontextmanager
async def working(fleet: Fleet, signer: Signer, pool: Pool, shape: Shape) -> AsyncIterator[Workers]:
    """Workers that have beaten once and listen on their push channels."""
    workers = Workers()
    channels: list[asyncio.BaseTransport] = []
    try:
        for at in range(shape.workers):
            workers.all.append(simulated.Worker(at, 4, signer, fleet.port, pool, workers.took_ms.append))
            workers.all[-1].kick()
        while not all(worker.bearer for worker in workers.all):
            if workers.failed:
                raise RuntimeError("the control plane refuses the workers")
            await asyncio.sleep(0.01)
        channels += [await simulated.listen(one.bearer, one.kick, fleet.port) for one in workers.all]
        yield workers
    finally:
        for channel in channels:
            channel.close()
