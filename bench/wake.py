"""10,000 agents that listen for *beat now*: what a channel weighs, and how soon all of them are told."""

import asyncio
import contextlib
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import uvloop

from bench import simulated
from bench.fleet import Fleet, running
from bench.load import Pool, flood, request
from bench.place import Place, cores, on_core
from bench.proc import CpuShare, memory_mb
from bench.report import Limit, Report, best, quantile, say
from paddock.wire.keys import Signer

# Connections that are not channels, here and in the control plane.
SPARE = 200
BATCH = 1_000
LONGEST_S = 60.0


@dataclass(frozen=True)
class Shape:
    """How many channels there are, and how often all are told."""

    channels: int = 10_000
    rounds: int = 5
    links: int = 64


QUICK = Shape(channels=40, rounds=1, links=4)


def measure(place: Place) -> Report:
    """A paused project with a job for each agent is resumed: one decision that concerns everybody.

    The clock runs from before the request to resume until the last channel has spoken, in another process.
    """
    shape = QUICK if place.quick else Shape()
    signer = simulated.key()
    server, load = cores()
    (place.path / "wake").mkdir(mode=0o700)
    simulated.load(place.path / "wake" / "paddock.db", signer, 0, shape.channels)
    with _few_files(), running(place, "wake", server, beat_s=3_600) as fleet, on_core(load), _files(shape.channels):
        fleet.add_project()
        figures, floor, rounds = uvloop.run(_session(fleet, signer, shape))
    return Report(
        name="wake",
        about=f"{shape.channels:,} idle wake channels, held by another process",
        figures={**figures, **best(rounds, lambda one: one["all_ms"])},
        floor=floor,
        budget={"lost": Limit(most=0)},
        runs=shape.rounds,
        notes=(
            "kb_per_channel: what the control plane's own memory grew by, a connection without a request is the "
            "floor; first_ms, half_ms, all_ms: from the request to resume a project until so many were told",
            "the control plane was started with a soft limit of 1,024 open files",
        ),
    )


@contextlib.contextmanager
def _few_files() -> Iterator[None]:
    """What is started meanwhile gets as few open files as most systems give at first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1_024, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def _files(channels: int) -> Iterator[None]:
    """Room for the channels' other ends here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = channels + channels // 10 + SPARE
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise RuntimeError(f"{wanted:,} open files are needed and {hard:,} allowed; raise `ulimit -Hn`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Ears:
    """The other ends of the channels."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._heard: list[float] = []
        self._all = asyncio.Event()

    def __len__(self) -> int:
        return self._channels

    def told(self) -> None:
        """A channel has spoken."""
        self._heard.append(time.perf_counter())
        if len(self._heard) == self._channels:
            self._all.set()

    async def all(self, began: float) -> dict[str, float]:
        """Milliseconds from `began` until the first, half of them and all have spoken. Raises: TimeoutError."""
        async with asyncio.timeout(LONGEST_S):
            await self._all.wait()
        took = [(at - began) * 1e3 for at in self._heard]
        return {"first_ms": took[0], "half_ms": quantile(took, 0.5), "all_ms": took[-1]}

    def forget(self) -> None:
        """Begins anew."""
        self._heard.clear()
        self._all.clear()


async def _session(
    fleet: Fleet, signer: Signer, shape: Shape
) -> tuple[dict[str, float], dict[str, float], list[dict[str, float]]]:
    pool = Pool(fleet.port, reopen=True)  # where files are few, none is kept between beats
    ears = Ears(shape.channels)
    channels: list[asyncio.Transport] = []
    agents = range(shape.channels)
    try:
        await pool.open(shape.links)
        say("wake: every agent's first beat")
        bearers = await _bearers(pool, simulated.idle_beats(signer, fleet.port, agents, 1), shape.links)
        say(f"wake: opening {shape.channels:,} channels")
        before, share = memory_mb(fleet.pid)["anonymous_mb"], CpuShare(fleet.pid)
        channels += [await simulated.listen(bearer, ears.told, fleet.port) for bearer in bearers]
        figures = {
            "kb_per_channel": (memory_mb(fleet.pid)["anonymous_mb"] - before) * 1_024 / shape.channels,
            "open_cpu_us_per_channel": share.used() * 1e6 / shape.channels,
            "server_rss_mb": memory_mb(fleet.pid)["rss_mb"],
        }
        _submit(fleet, shape.channels)
        rounds = []
        for at in range(shape.rounds):
            say(f"wake: round {at + 1} of {shape.rounds}")
            await flood(pool, simulated.idle_beats(signer, fleet.port, agents, 2 + at, want=1), shape.links)
            rounds.append(await _round(fleet, pool, ears))
        floor = await _bare(fleet, shape.channels // 10)
        figures["lost"] = sum(channel.is_closing() for channel in channels)
        return figures, floor, rounds
    finally:
        for channel in channels:
            channel.abort()
        pool.close()


async def _bearers(pool: Pool, beats: Sequence[bytes], at_once: int) -> list[str]:
    """What the answers to these first beats allow to listen with, in the order of the beats."""
    found: list[str] = []
    for first in range(0, len(beats), at_once):
        for status, body in await asyncio.gather(*(pool.ask(beat) for beat in beats[first : first + at_once])):
            if status != 200:
                raise RuntimeError(f"a beat is answered {status}: {body[:200]!r}")
            found.append(simulated.read_reply(body).bearer)
    return found


async def _bare(fleet: Fleet, connections: int) -> dict[str, float]:
    """The floor: connections over which nothing was asked yet."""
    before = memory_mb(fleet.pid)["anonymous_mb"]
    pool = Pool(fleet.port)
    try:
        await pool.open(connections)
        await pool.ask(request("GET", "/v1/health", fleet.port))  # by then the others are accepted
        return {"kb_per_connection": (memory_mb(fleet.pid)["anonymous_mb"] - before) * 1_024 / connections}
    finally:
        pool.close()


def _submit(fleet: Fleet, jobs: int) -> None:
    fleet.post("/v1/projects/bench/pause", {})
    for first in range(0, jobs, BATCH):
        batch = [{"id": f"n{at}", "kind": "noop", "payload": {}} for at in range(first, min(first + BATCH, jobs))]
        fleet.post("/v1/jobs", {"project": "bench", "jobs": batch})


async def _round(fleet: Fleet, pool: Pool, ears: Ears) -> dict[str, float]:
    ears.forget()
    share, began = CpuShare(fleet.pid), time.perf_counter()
    status, body = await pool.ask(request("POST", "/v1/projects/bench/resume", fleet.port, b"{}"))
    if status != 200:
        raise RuntimeError(f"resuming is answered {status}: {body[:200]!r}")
    took = await ears.all(began)
    took["cpu_us_per_channel"] = share.used() * 1e6 / len(ears)
    await pool.ask(request("POST", "/v1/projects/bench/pause", fleet.port, b"{}"))
    return took
