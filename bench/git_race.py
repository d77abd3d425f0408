"""A race for tasks: agents, each a process of its own, all begin at the same moment; what each saw is counted."""

import multiprocessing
import random
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from bench import git_plain
from bench.report import quantile
from paddock.gitnative import branch, claiming, presence
from paddock.gitnative.claiming import Claimed
from paddock.gitnative.fleet import Agent, Fleet
from paddock.gitnative.home import Home
from paddock.gitnative.remote import Remote

# On refs, announced or not; not announced and each on a host of its own; the shared branch; as it was founded.
PROTOCOLS = ("announced", "refs", "apart", "branch", "plain")
# Seconds after which an agent of the founding protocol gives up.
PLAIN_S = 90.0
_WAIT_S = 300.0
_TRIES = 60


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one agent saw."""

    task: str
    ms: float
    pushes: int
    cpu_s: float


@dataclass(frozen=True, kw_only=True)
class Race:
    """What all of them saw together. Times in milliseconds, of the claims that came about."""

    agents: int
    claims: int
    doubles: int
    pushes_per_claim: float
    conflict_rate: float
    p50: float
    p99: float
    wall_s: float
    cpu_ms: float


def race(protocol: str, url: str, home: Path, agents: int) -> Race:
    """All agents go for the tasks of a remote at the same moment."""
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(agents + 1), context.SimpleQueue()
    works = [_prepared(protocol, url, home, number) for number in range(agents)]
    processes = [
        context.Process(target=_child, args=(work, barrier, results, number), daemon=True)
        for number, work in enumerate(works)
    ]
    for process in processes:
        process.start()
    barrier.wait(_WAIT_S)
    began = time.monotonic()
    runs: list[Run] = [results.get() for _ in processes]
    wall = time.monotonic() - began
    for process in processes:
        process.join()
    return _counted(runs, wall)


def _child(work: Callable[[], Run], barrier: Barrier, results: Any, number: int) -> None:
    random.seed(number)
    barrier.wait(_WAIT_S)
    results.put(work())


def _prepared(protocol: str, url: str, home: Path, number: int) -> Callable[[], Run]:
    name = f"agent-{number:03}"
    rng = random.Random(number)
    if protocol == "plain":
        where = git_plain.clone(Path(url), home / name)
        return lambda: _measured(lambda: _plain(where, name, rng))
    apart = protocol == "apart"
    fleet = Fleet(Remote(url), Home(home / name if apart else home, url), rng=rng)
    agent = Agent(name=name)
    if protocol == "announced":
        presence.announce(fleet, agent)
    if number == 0 or apart:
        fleet.look()  # the tasks are known here before the race; it is claims that are measured
    act = branch.claim if protocol == "branch" else claiming.claim
    return lambda: _measured(lambda: _claimed(act(fleet, agent, None, _TRIES)))


def _claimed(got: object) -> tuple[str, int]:
    assert isinstance(got, claiming.Claimed | claiming.Missed)
    return (got.record.key if isinstance(got, Claimed) else ""), got.tries


def _plain(where: Path, name: str, rng: random.Random) -> tuple[str, int]:
    until = time.monotonic() + PLAIN_S
    tries = 0
    while time.monotonic() < until:
        tries += 1
        code, task = git_plain.claim(where, name, rng)
        if code != git_plain.LOST:
            return task, tries
    return "", tries


def _measured(act: Callable[[], tuple[str, int]]) -> Run:
    before, began = _cpu(), time.perf_counter()
    task, pushes = act()
    return Run(task=task, ms=(time.perf_counter() - began) * 1e3, pushes=pushes, cpu_s=_cpu() - before)


def _cpu() -> float:
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in found)


def _counted(runs: Sequence[Run], wall: float) -> Race:
    won = [run for run in runs if run.task]
    pushes = sum(run.pushes for run in runs)
    took = [run.ms for run in won]
    claims = max(1, len(won))
    return Race(
        agents=len(runs),
        claims=len(won),
        doubles=len(won) - len({run.task for run in won}),
        pushes_per_claim=pushes / claims,
        conflict_rate=(pushes - len(won)) / pushes if pushes else 0.0,
        p50=quantile(took, 0.5),
        p99=quantile(took, 0.99),
        wall_s=wall,
        cpu_ms=sum(run.cpu_s for run in runs) / claims * 1e3,
    )
