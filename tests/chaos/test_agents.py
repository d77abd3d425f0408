"""Agents that are killed, cancelled or told to go while they run a job: it ends once, and no work is lost."""

from typing import Any

from support.chaos import accepted, label, labelled, merges, said
from support.fleet import Fleet
from support.wait import wait_until

# The first attempt starts from a base without `go`, writes and waits; a later one finds `go` and ends.
SCRIPT = "if [ -f go ]; then echo second > work.txt; exit; fi; echo first > work.txt; echo started; {wait}"


def run_first(fleet: Fleet, wait: str = "sleep 600") -> str:
    """Submits the script and returns its job once the first attempt has written and waits."""
    job = fleet.run(["sh", "-c", SCRIPT.format(wait=wait)])
    fleet.printed(job, b"started")
    return job


def open_way(fleet: Fleet) -> None:
    """Lets the next attempt end well."""
    fleet.repo.commit({"go": ""}, "Go")


def is_kept(fleet: Fleet, job: str) -> None:
    """Waits until what the first attempt wrote is in the project's repository."""
    ref = f"refs/paddock/wip/{job}/1"
    wait_until(lambda: fleet.repo.tip(ref), 40, what=f"{ref} is in the repository")
    assert fleet.repo.show("work.txt", ref) == "first"


def is_merged_once(fleet: Fleet, job: str) -> None:
    """Approves the one change that the second attempt proposes, and holds that it is merged once."""
    assert accepted(fleet.until(job, "in_review")) == [2]
    assert [change["job"] for change in fleet.api.get("/v1/changes")] == [job]
    fleet.approve(job)
    fleet.until(job, "done")
    assert merges(fleet) == [job]
    assert fleet.repo.show("work.txt") == "second"


def attempts(job: dict[str, Any]) -> list[tuple[str, str]]:
    """Who held a job and how that ended, in order."""
    return [(attempt["agent"], attempt["state"]) for attempt in job["attempts"]]


def test_a_killed_agent_comes_back_and_saves_what_its_dead_run_wrote(fleet: Fleet) -> None:
    fleet.agent("a1")
    job = run_first(fleet)
    token = label(fleet, job, 1)
    fleet.agents["a1"].kill()
    open_way(fleet)
    fleet.agent("a1")
    is_merged_once(fleet, job)
    is_kept(fleet, job)
    assert labelled(token) == []
    shown = fleet.job(job)
    assert (attempts(shown), shown["losses"], shown["attempt"]) == ([("a1", "lost"), ("a1", "done")], 1, 1)


def test_the_job_of_a_killed_agent_goes_to_another_which_saves_the_dead_run_s_work(fleet: Fleet) -> None:
    fleet.agent("a1")
    job = run_first(fleet)
    fleet.agents["a1"].kill()
    open_way(fleet)
    fleet.agent("a2")
    is_merged_once(fleet, job)
    is_kept(fleet, job)
    shown = fleet.job(job)
    assert attempts(shown) == [("a1", "lost"), ("a2", "done")]
    assert [data["code"] for data in said(shown, "attempt.lost")] == ["lease_expired"]


def test_a_cancelled_run_is_ended_and_its_work_is_kept(fleet: Fleet) -> None:
    fleet.agent("a1")
    job = run_first(fleet, "sleep 600 & sleep 600")
    token = label(fleet, job, 1)
    assert labelled(token)
    assert fleet.api.post(f"/v1/jobs/{job}/cancel", {})["cancel"] == "requested"
    shown = fleet.until(job, "cancelled")
    assert shown["cancel"] == "confirmed"
    steps = ["cancel.requested", "cancel.delivered", "attempt.cancelled"]
    assert [event for event in fleet.events(job) if event in steps] == steps
    assert labelled(token) == []
    assert (fleet.api.get("/v1/changes"), fleet.repo.tip(f"paddock/{job}")) == ([], "")
    is_kept(fleet, job)


def test_an_agent_told_to_go_hands_its_job_back(fleet: Fleet) -> None:
    fleet.agent("a1", drain=0.2)
    job = run_first(fleet)
    assert fleet.agents["a1"].stop() == 0
    shown = fleet.until(job, "ready")
    assert (attempts(shown), shown["attempt"], shown["losses"]) == ([("a1", "returned")], 0, 0)
    is_kept(fleet, job)
    open_way(fleet)
    fleet.agent("a2")
    is_merged_once(fleet, job)
    assert attempts(fleet.job(job)) == [("a1", "returned"), ("a2", "done")]
