"""Processes killed, stopped and cut off: no job lost, none done twice with effect, every byte reachable."""

import itertools
import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from support.fleet import Fleet
from support.proxy import Proxy
from support.wait import wait_until

BATCH = 10


def writers(number: int) -> list[dict[str, Any]]:
    """Jobs that each write a file of their own."""
    script = "sleep 0.1; echo {0} > file-{0}.txt"
    return [{"id": f"w{n}", "payload": {"argv": ["sh", "-c", script.format(n)]}} for n in range(number)]


def ended(fleet: Fleet, jobs: dict[str, str], *states: str, least: int) -> None:
    """Waits until at least so many of the jobs are in these states."""
    wait_until(
        lambda: sum(job["state"] in states for job in fleet.api.get("/v1/jobs") if job["id"] in jobs.values()) >= least,
        60,
        what=f"{least} jobs in {states}",
    )


def test_a_control_plane_killed_mid_batch_and_mid_merge_loses_nothing_and_merges_once(fleet: Fleet) -> None:
    fleet.agent("a1", slots=2)
    fleet.agent("a2", slots=2)
    jobs = fleet.submit(*writers(BATCH))
    ended(fleet, jobs, "in_review", least=2)
    _crash(fleet)
    ended(fleet, jobs, "in_review", least=BATCH)
    for job in jobs.values():
        fleet.approve(job)
    ended(fleet, jobs, "done", least=2)
    _crash(fleet)
    ended(fleet, jobs, "done", least=BATCH)
    subjects = Counter(fleet.repo.git("log", "--merges", "--first-parent", "--format=%s", "main").splitlines())
    assert subjects == {f"Merge {name}": 1 for name in jobs}
    for name, job in jobs.items():
        assert fleet.repo.show(f"file-{name[1:]}.txt") == name[1:]
        attempts = fleet.job(job)["attempts"]
        assert [attempt["epoch"] for attempt in attempts] == list(range(1, len(attempts) + 1))
        assert [attempt["state"] for attempt in attempts].count("done") == 1
    assert len(fleet.repo.git("for-each-ref", "refs/heads/paddock").splitlines()) == BATCH


def _crash(fleet: Fleet) -> None:
    assert fleet.control is not None
    fleet.control.kill()
    fleet.start_control()


def test_a_paused_agent_that_wakes_after_its_lease_changes_nothing(fleet: Fleet) -> None:
    zombie = fleet.agent("a1", slots=3)
    wait = "while ! test -e go; do echo tick; sleep 0.1; done"
    jobs = fleet.submit(
        {"id": "runs", "payload": {"argv": ["sh", "-c", f"echo half > half.txt; echo started; {wait}"]}},
        {"id": "ends", "payload": {"argv": ["sh", "-c", "echo by $$ > end.txt; echo started; sleep 2"]}},
    )
    for job in jobs.values():
        fleet.printed(job, b"started")
    zombie.send(signal.SIGSTOP)
    for job in jobs.values():
        fleet.until(job, "ready", seconds=10)
    fleet.repo.commit({"go": ""})
    fleet.agent("a2", slots=2)
    before = {}
    for name, job in jobs.items():
        shown = fleet.until(job, "in_review")
        assert [(a["agent"], a["state"]) for a in shown["attempts"]] == [("a1", "lost"), ("a2", "done")]
        before[name] = (shown["change"], fleet.repo.tip(f"refs/heads/paddock/{job}"))
    zombie.send(signal.SIGCONT)
    for job in jobs.values():
        wait_until(lambda job=job: "outcome.stale" in fleet.events(job), 20, what="its outcome is refused")  # type: ignore[misc]
        wait_until(lambda job=job: fleet.repo.tip(f"refs/paddock/wip/{job}/1"), 20, what="its work is kept")  # type: ignore[misc]
    assert {"lease.stale", "log.stale"} <= set(fleet.events(jobs["runs"]))
    assert fleet.repo.show("half.txt", f"refs/paddock/wip/{jobs['runs']}/1") == "half"
    assert fleet.repo.show("end.txt", f"refs/paddock/wip/{jobs['ends']}/1").startswith("by ")
    for name, job in jobs.items():
        shown = fleet.job(job)
        assert (shown["change"], fleet.repo.tip(f"refs/heads/paddock/{job}")) == before[name]
        assert (shown["state"], shown["epoch"]) == ("in_review", 2)
        assert b"tick" not in fleet.log(job, epoch=2)
    # It was only paused, so it goes on as a member of the fleet.
    fleet.agents["a2"].stop()
    assert fleet.until(fleet.submit({"id": "after", "kind": "noop", "payload": {}})["after"])["state"] == "done"


def test_an_agent_that_gets_its_own_lost_job_again_runs_both_attempts_apart(fleet: Fleet) -> None:
    only = fleet.agent("a1", slots=3)
    job = fleet.run(["sh", "-c", "echo started; while ! test -e go; do sleep 0.05; done; echo ok > ok.txt"])
    fleet.printed(job, b"started")
    only.send(signal.SIGSTOP)
    fleet.until(job, "ready", seconds=10)
    fleet.repo.commit({"go": ""})
    only.send(signal.SIGCONT)
    shown = fleet.until(job, "in_review")
    assert [(a["agent"], a["state"]) for a in shown["attempts"]] == [("a1", "lost"), ("a1", "done")]
    wait_until(lambda: fleet.api.get("/v1/agents")[0]["running"] == 0, 10)
    more = fleet.submit(*({"id": f"n{n}", "kind": "noop", "payload": {}} for n in range(6)))
    ended(fleet, more, "done", least=6)


def test_lost_answers_lose_no_job_and_double_none(traversable_tmp: Path) -> None:
    count = itertools.count()
    dropped: Counter[str] = Counter()

    def every_third(path: str, _body: bytes, answer: bytes) -> bytes | None:
        # Always those with orders or acknowledgements in them, and every third of all.
        reply = json.loads(answer) if path == "/v1/beat" else {}
        what = "jobs" if reply.get("jobs") else "directive" if reply.get("directive") else path
        first = dropped[what] < 3
        if first or next(count) % 3 == 0:
            dropped[what] += 1
            return None
        return answer

    with Fleet(traversable_tmp, lease=20) as fleet, Proxy(fleet.port, every_third) as proxy:
        fleet.agent("a1", slots=2, server=proxy.url)
        jobs = fleet.submit(*writers(4), *({"id": f"n{n}", "kind": "noop", "payload": {}} for n in range(4)))
        ended(fleet, jobs, "in_review", "done", least=8)
        ends = [fleet.job(job) for job in jobs.values()]
    assert dropped["jobs"] >= 3 and dropped["directive"] >= 3
    for shown in ends:
        assert [a["state"] for a in shown["attempts"] if a["started"]] == ["done"], shown["attempts"]
        assert shown["losses"] == 0
