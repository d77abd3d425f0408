"""How cost grows: with the agents that are registered, with the jobs that are behind them, with the replicas beside."""

from bench import growth_agents, growth_jobs, growth_replicas
from bench.place import Place
from bench.report import Limit, Report

# What a figure at the largest size may cost beside that at the smallest, for it to be called flat. The smallest fits
# the processor's caches, and two rounds of the same thing differ by a tenth.
FLAT = 1.3


def measure(place: Place) -> Report:
    """Each size has a store and processes of its own; the smallest is the floor of the larger ones."""
    agents = growth_agents.measure(place)
    jobs = growth_jobs.measure(place)
    replicas = growth_replicas.measure(place)
    largest = max(growth_agents.sizes(place))
    return Report(
        name="growth",
        about="cost by registered agents, by finished jobs in the table, by replicas",
        figures={**agents, **jobs, **replicas, "finished_jobs_cost": growth_jobs.cost(jobs, place)},
        floor={"cpu_us_per_job_beside_fewest": growth_jobs.fewest(jobs, place)},
        budget={
            f"agents_{largest}_beat_ms_p99": Limit(most=20.0),
            f"agents_{largest}_with_jobs_ms_p99": Limit(most=20.0),
            f"agents_{largest}_with_jobs_core_share": Limit(most=0.6),
            "finished_jobs_cost": Limit(most=FLAT),
        },
        runs=growth_jobs.RUNS,
        notes=(
            "agents: beats come at the rate of that many agents at 60 s; kb_each is what an agent adds to the control "
            "plane's own memory (the pages of the store's file are not counted) once it has beaten",
            "finished_jobs_cost: the control plane's processor time for a job beside the most of them, as a part of "
            "that beside the fewest",
            "replicas: all of them, their PostgreSQL and the agents share this machine's cores",
        ),
    )
