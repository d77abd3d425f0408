"""What a beat costs, by the number of registered agents."""

import dataclasses

import uvloop

from bench import beats, simulated
from bench.fleet import Fleet, running
from bench.load import Pool, flood
from bench.place import Place, cores, on_core
from bench.proc import memory_mb
from bench.report import best, say
from paddock.wire.keys import Signer

BEAT_S = 60.0
RUNS = 2
# Seconds of beats: where they are few, long enough for some dozens.
LONG, SHORT = 30.0, 12.0
AT_ONCE = 32
WORKERS, JOBS_PER_S = 100, 150.0


def sizes(place: Place) -> tuple[int, ...]:
    """How many agents are registered."""
    return (100,) if place.quick else (100, 1_000, 10_000, 100_000)


def measure(place: Place) -> dict[str, float]:
    """For each size without jobs, for the largest also with jobs beside the beats."""
    signer = simulated.key()
    server, _ = cores()
    with running(place, "agents-0", server) as fleet:
        fleet.get("/v1/health")
        empty = memory_mb(fleet.pid)["anonymous_mb"]
    out: dict[str, float] = {}
    for size in sizes(place):
        say(f"growth: {size:,} agents")
        out |= {f"agents_{size}_{name}": value for name, value in _at(place, signer, size, empty).items()}
    return out


def _at(place: Place, signer: Signer, size: int, empty_mb: float) -> dict[str, float]:
    server, load = cores()
    largest = size == max(sizes(place))
    name = f"agents-{size}"
    (place.path / name).mkdir(mode=0o700)
    workers = min(WORKERS, size // 10) if largest else 0
    simulated.load(place.path / name / "paddock.db", signer, size - workers, workers)
    with running(place, name, server, beat_s=BEAT_S) as fleet, on_core(load):
        fleet.add_project()
        return uvloop.run(_session(place, fleet, signer, size, workers, empty_mb))


async def _session(
    place: Place, fleet: Fleet, signer: Signer, size: int, workers: int, empty_mb: float
) -> dict[str, float]:
    rate = size / BEAT_S
    shape = beats.Shape(
        agents=size,
        workers=workers,
        connections=max(8, min(900, size // 10)),
        beats_per_s=rate,
        jobs_per_s=0.0,
        seconds=1.0 if place.quick else SHORT if rate > 100 else LONG,
    )
    async with beats.open_pool(fleet.port, shape.connections) as pool:
        first = simulated.idle_beats(signer, fleet.port, range(workers, size), 1)
        await flood(pool, first, AT_ONCE)
        out = {"kb_each": (memory_mb(fleet.pid)["anonymous_mb"] - empty_mb) * 1_024 / size}
        async with beats.working(fleet, signer, pool, shape) as working:
            session = _Session(fleet, signer, pool, working)
            quiet = await session.rounds(shape)
            out |= {name: quiet[name] for name in ("beat_ms_p50", "beat_ms_p99", "cpu_us_per_beat")}
            if workers:
                busy = await session.rounds(dataclasses.replace(shape, jobs_per_s=JOBS_PER_S))
                out["with_jobs_ms_p99"] = busy["all_beats_ms_p99"]
                out["with_jobs_core_share"] = busy["server_core_share"]
                out["with_jobs_jobs_per_s"] = busy["jobs_per_s"]
    return out


class _Session:
    """Rounds of beats at one control plane."""

    def __init__(self, fleet: Fleet, signer: Signer, pool: Pool, working: beats.Workers) -> None:
        self._fleet = fleet
        self._signer = signer
        self._pool = pool
        self._working = working
        # The number of each agent's next beat.
        self._seq = 2

    async def rounds(self, shape: beats.Shape) -> dict[str, float]:
        """The round that the machine's other work disturbed least."""
        found = []
        for _ in range(RUNS):
            agents = range(shape.workers, shape.workers + min(shape.beats, shape.agents - shape.workers))
            offered = simulated.idle_beats(self._signer, self._fleet.port, agents, self._seq)
            self._seq += 1
            took = await beats.one_round(self._fleet, self._pool, self._working, offered, shape)
            if took["failed"]:
                raise RuntimeError(f"{took['failed']:.0f} beats of {len(offered):,} were refused")
            took["cpu_us_per_beat"] = took["server_core_share"] / took["beats_per_s"] * 1e6
            found.append(took)
        return best(found, lambda one: one["all_beats_ms_p99"])
