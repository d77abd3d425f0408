"""Many agents at once: each job is granted once, and a job that nobody takes says why, agent by agent."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from paddock.wire.messages import Grant
from support.chaos import said
from support.fleet import Fleet
from support.light import Light, done

AGENTS = 50


@pytest.fixture
def crowded(traversable_tmp: Path) -> Iterator[tuple[Fleet, list[Light]]]:
    """A fleet and agents that have each said who they are; leases outlast the test."""
    with Fleet(traversable_tmp, beat=10, lease=60) as fleet:
        agents = [Light(fleet.api, fleet.port, f"light-{number}") for number in range(AGENTS)]
        for agent in agents:
            agent.beat()
        yield fleet, agents


def noops(first: int, number: int) -> list[dict[str, Any]]:
    """Jobs that any of the agents can take."""
    return [{"id": f"n{first + at}", "kind": "noop", "payload": {}} for at in range(number)]


def race(agents: Sequence[Light]) -> list[tuple[Light, Grant]]:
    """Every agent asks for one job, all at the same moment: who got what."""
    start = Barrier(len(agents))

    def ask(agent: Light) -> list[tuple[Light, Grant]]:
        start.wait(30)
        return [(agent, grant) for grant in agent.beat(want=1)[0]]

    with ThreadPoolExecutor(len(agents)) as pool:
        return [won for wins in pool.map(ask, agents) for won in wins]


def why(fleet: Fleet, job: str) -> tuple[str, Counter[str], int]:
    """What is said of a job that waits: the sum, the reasons counted, the number of agents named."""
    told = fleet.api.get(f"/v1/jobs/{job}/why")
    reasons = told["reasons"]
    return told["summary"], Counter(r["reason"] for r in reasons), len({r["agent"] for r in reasons})


def test_fifty_agents_racing_for_ten_jobs_get_each_of_them_once(crowded: tuple[Fleet, list[Light]]) -> None:
    fleet, agents = crowded
    jobs = fleet.submit(*noops(0, 10))
    won = race(agents)
    assert sorted(grant.job for _, grant in won) == sorted(jobs.values())
    assert len({agent.agent for agent, _ in won}) == 10
    for agent, grant in won:
        order = agent.order(grant)
        assert (order["agent"], order["agent_key"], order["epoch"]) == (agent.agent, agent.key.keyid, 1)
        agent.beat(done(grant))
    for job in jobs.values():
        shown = fleet.job(job)
        assert (shown["state"], len(shown["attempts"]), len(said(shown, "job.leased"))) == ("done", 1, 1)


def test_a_job_that_nobody_can_take_says_why_of_every_agent(crowded: tuple[Fleet, list[Light]]) -> None:
    fleet, agents = crowded
    jobs = fleet.submit(*noops(0, 1), {"id": "wants-gpu", "kind": "noop", "payload": {}, "requires": ["gpu"]})
    assert [grant.job for _, grant in race(agents)] == [jobs["n0"]]
    summary, reasons, named = why(fleet, jobs["wants-gpu"])
    assert (reasons, named) == (Counter({"lacks gpu": AGENTS}), AGENTS)
    assert summary == f"no agent can take it now: {AGENTS} × lacks gpu"
    assert fleet.job(jobs["wants-gpu"])["attempts"] == []


def test_a_job_that_waits_for_busy_agents_says_so(crowded: tuple[Fleet, list[Light]]) -> None:
    fleet, agents = crowded
    jobs = fleet.submit(*noops(0, AGENTS + 1))
    left = set(jobs.values()) - {grant.job for _, grant in race(agents)}
    assert len(left) == 1
    summary, reasons, named = why(fleet, left.pop())
    assert (reasons, named) == (Counter({"is busy with 1 of 1 jobs": AGENTS}), AGENTS)
    assert summary == f"no agent can take it now: {AGENTS} × is busy with 1 of 1 jobs"
