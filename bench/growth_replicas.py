"""How many jobs a second one, two and four replicas on one PostgreSQL take to their end."""

from contextlib import ExitStack

from bench import jobs, servers
from bench.fleet import Fleet, running
from bench.place import ANYWHERE, Place
from bench.proc import CpuShare
from bench.report import say

RUNS = 3
AGENTS, SLOTS = 4, 128
JOBS = 6_000


def measure(place: Place) -> dict[str, float]:
    """The same agents and the same jobs for each number of replicas; each number has a fresh PostgreSQL."""
    out: dict[str, float] = {}
    for count in (1,) if place.quick else (1, 2, 4):
        say(f"growth: {count} replicas")
        out |= {f"replicas_{count}_{name}": value for name, value in _at(place, count).items()}
    return out


def _at(place: Place, count: int) -> dict[str, float]:
    """Everything shares all cores here: with more processes than cores there is no sharing them out."""
    wanted, runs, agents = (40, 1, 1) if place.quick else (JOBS, RUNS, AGENTS)
    took, used = [], []
    with servers.postgres() as database, ExitStack() as stack:
        name = f"of-{count}"
        fleets: list[Fleet] = [
            stack.enter_context(running(place, f"{name}-{at}", ANYWHERE, store=database.dsn)) for at in range(count)
        ]
        fleets[0].add_project()
        for at in range(agents):
            fleets[at % count].add_agent(ANYWHERE, "--slots", str(SLOTS))
        for _ in range(runs):
            shares = [CpuShare(fleet.pid) for fleet in fleets]
            took.append(jobs.run_jobs(fleets, wanted)["jobs_per_s"])
            used.append(sum(share.used() for share in shares) * 1e6 / wanted)
    return {"jobs_per_s": max(took), "cpu_us_per_job": min(used)}
