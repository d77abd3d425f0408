"""100 agents that have nothing to do, for two minutes: what the control plane and its database do meanwhile."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import uvloop

from bench import servers, simulated
from bench.fleet import Fleet, running
from bench.load import Pool
from bench.place import Place, cores, on_core
from bench.proc import CpuShare, wakeups
from bench.report import Limit, Report, say
from paddock.wire.keys import Signer
from paddock.wire.messages import Reply

# 0 % CPU to one decimal.
NOTHING = 0.0499


@dataclass(frozen=True)
class Shape:
    """How many agents there are, and seconds: between an agent's beats, before the look, and of the look."""

    agents: int = 100
    beat: float = 60.0
    settle: float = 10.0
    look: float = 120.0
    replicas: int = 3


QUICK = Shape(agents=6, beat=1.0, settle=0.1, look=0.3, replicas=1)


def measure(place: Place) -> Report:
    """One control plane on SQLite, then three replicas on PostgreSQL, each with the same agents beside it."""
    shape = QUICK if place.quick else Shape()
    signer = simulated.key()
    say(f"idle: SQLite, {shape.look:.0f} s")
    alone = _alone(place, signer, shape)
    say(f"idle: {shape.replicas} replicas on PostgreSQL, {shape.look:.0f} s")
    several = _replicas(place, signer, shape)
    return Report(
        name="idle",
        about=f"{shape.agents} idle agents that listen, beats set to {shape.beat:g} s; figures over {shape.look:g} s",
        figures={
            f"{on}_{name}": figure
            for on, found in (("sqlite", alone), ("replicas", several))
            for name, figure in found.items()
        },
        floor={"beats_per_s_asked": shape.agents / shape.beat},
        budget={
            "sqlite_statements_per_s": Limit(most=1.0),
            "sqlite_cpu_percent": Limit(most=NOTHING),
            "replicas_statements_per_s": Limit(most=1.0),
            "replicas_cpu_percent": Limit(most=NOTHING),
        },
        runs=1,
        notes=(
            "replicas: statements of all three together, the bus's own among them; CPU and wake-ups of the busiest one",
            "SQLite counts its own statements, those for one look at /metrics among them; PostgreSQL logs each of them",
        ),
    )


def _alone(place: Place, signer: Signer, shape: Shape) -> dict[str, float]:
    server, load = cores()
    (place.path / "idle").mkdir(mode=0o700)
    simulated.load(place.path / "idle" / "paddock.db", signer, shape.agents, 0)
    with running(place, "idle", server, beat_s=shape.beat) as fleet, on_core(load):
        return uvloop.run(_watch([fleet], signer, shape, lambda: fleet.metric("paddock_store_statements_total")))


def _replicas(place: Place, signer: Signer, shape: Shape) -> dict[str, float]:
    server, load = cores()
    with servers.postgres() as database, ExitStack() as stack:
        database.fill(signer, shape.agents, 0)
        database.log_statements()
        fleets = [
            stack.enter_context(running(place, f"replica-{at}", server, beat_s=shape.beat, store=database.dsn))
            for at in range(shape.replicas)
        ]
        with on_core(load):
            return uvloop.run(_watch(fleets, signer, shape, lambda: len(database.logged())))


async def _watch(
    fleets: Sequence[Fleet], signer: Signer, shape: Shape, statements: Callable[[], float]
) -> dict[str, float]:
    """Has the agents live, each at its own control plane, and looks once all of them have beaten."""
    agents = []
    pools = [Pool(fleet.port) for fleet in fleets]
    try:
        for at in range(shape.agents):
            pool = pools[at % len(fleets)]
            await pool.open(1)
            agents.append(Agent(at, signer, fleets[at % len(fleets)].port, pool))
            await agents[-1].begin()
        await asyncio.sleep(shape.settle)
        ran, beats = statements(), sum(agent.beats for agent in agents)
        looks = [_Look(fleet.pid) for fleet in fleets]  # what the question itself costs is behind us
        await asyncio.sleep(shape.look)
        found = [look.found() for look in looks]
        out = {name: max(one[name] for one in found) for name in found[0]}
        out["statements_per_s"] = (statements() - ran) / shape.look
        out["beats_per_s"] = (sum(agent.beats for agent in agents) - beats) / shape.look
        return out
    finally:
        for agent in agents:
            agent.end()
        for pool in pools:
            pool.close()


class _Look:
    """What a process does from now on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._woken = wakeups(pid)
        self._share = CpuShare(pid)

    def found(self) -> dict[str, float]:
        seconds, share = self._share.seconds(), self._share.value()
        return {"cpu_percent": share * 100, "wakeups_per_s": (wakeups(self._pid) - self._woken) / seconds}


class Agent:
    """One that beats when it was told to and listens on its push channel."""

    def __init__(self, at: int, signer: Signer, port: int, pool: Pool) -> None:
        self._at = at
        self._signer = signer
        self._port = port
        self._pool = pool
        self._task: asyncio.Task[None] | None = None
        self._channel: asyncio.BaseTransport | None = None
        self.beats = 0

    async def begin(self) -> None:
        """Beats, opens the channel, beats again as that says and goes on by itself."""
        reply = await self._beat()
        self._channel = await simulated.listen(reply.bearer, lambda: None, self._port)
        reply = await self._beat()
        # The agents of a fleet that has run for a while beat at moments of their own.
        self._task = asyncio.create_task(self._live(random.Random(self._at).uniform(0, reply.next_ms)))

    async def _live(self, wait_ms: float) -> None:
        while True:
            await asyncio.sleep(wait_ms / 1_000)
            wait_ms = (await self._beat()).next_ms

    async def _beat(self) -> Reply:
        self.beats += 1
        (data,) = simulated.idle_beats(self._signer, self._port, [self._at], self.beats)
        status, body = await self._pool.ask(data)
        if status != 200:
            raise RuntimeError(f"the beat of agent {self._at} is answered {status}: {body[:200]!r}")
        return simulated.read_reply(body)

    def end(self) -> None:
        """Leaves."""
        if self._task is not None:
            self._task.cancel()
        if self._channel is not None:
            self._channel.close()
