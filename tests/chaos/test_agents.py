"""Agents that are killed, and runs that will not end: the job ends once, nothing is left behind, no work is lost."""

from support.chaos import accepted, label, labelled, merges, said
from support.fleet import Fleet
from support.wait import wait_until

# The first attempt starts from a base without `go`, writes and waits; a later one finds `go` and ends.
WORK = "if [ -f go ]; then echo second > work.txt; exit; fi; echo first > work.txt; echo started; "


def is_kept(fleet: Fleet, job: str) -> None:
    """Waits until what the first attempt wrote is in the project's repository."""
    ref = f"refs/paddock/wip/{job}/1"
    wait_until(lambda: fleet.repo.tip(ref), 40, what=f"{ref} is in the repository")
    assert fleet.repo.show("work.txt", ref) == "first"


def test_a_killed_agent_comes_back_and_saves_what_its_dead_run_wrote(fleet: Fleet) -> None:
    fleet.agent("a1")
    job = fleet.run(["sh", "-c", f"{WORK} sleep 600 & sleep 600"])
    fleet.printed(job, b"started")
    token = label(fleet, job, 1)
    assert labelled(token)
    fleet.agents["a1"].kill()
    fleet.repo.commit({"go": ""})
    fleet.agent("a1")
    shown = fleet.until(job, "in_review")
    assert [a["state"] for a in shown["attempts"]] == ["lost", "done"]
    # The lease may run out first where a process takes long to start.
    assert shown["attempts"][0]["code"] in ("agent_restarted", "lease_expired")
    assert (shown["losses"], shown["attempt"]) == (1, 1)
    assert labelled(token) == []
    is_kept(fleet, job)
    fleet.approve(job)
    assert accepted(fleet.until(job, "done")) == [2]
    assert (merges(fleet), fleet.repo.show("work.txt")) == ([job], "second")
    assert [change["job"] for change in fleet.api.get("/v1/changes")] == [job]


def test_a_cancelled_run_that_will_not_end_is_ended_whole(fleet: Fleet) -> None:
    fleet.agent("a1")
    stubborn = "trap '' TERM HUP INT; setsid sh -c 'trap \"\" TERM; sleep 600' & while :; do sleep 1; done"
    job = fleet.run(["sh", "-c", WORK + stubborn])
    fleet.printed(job, b"started")
    token = label(fleet, job, 1)
    assert fleet.api.post(f"/v1/jobs/{job}/cancel", {})["cancel"] == "requested"
    wait_until(lambda: fleet.job(job)["cancel"] == "delivered", 10, what="the agent has the order")
    assert fleet.until(job, "cancelled")["cancel"] == "confirmed"
    assert labelled(token) == []
    is_kept(fleet, job)
    assert (fleet.api.get("/v1/changes"), fleet.repo.tip(f"paddock/{job}")) == ([], "")


def test_a_job_whose_agents_die_time_and_again_is_parked_with_all_its_work(fleet: Fleet) -> None:
    fleet.agent("a1")
    job = fleet.run(["sh", "-c", "echo first > work.txt; echo started; sleep 600"])
    for epoch in (1, 2, 3):
        wait_until(lambda epoch=epoch: b"started" in fleet.log(job, epoch=epoch), 20, what=f"attempt {epoch} runs")  # type: ignore[misc]
        fleet.agents["a1"].kill()
        fleet.agent("a1")
    shown = fleet.until(job)
    assert (shown["state"], shown["reason"]) == ("parked", "its agent was lost 3 times")
    # The lease may run out first where a process takes long to start.
    lost = [data["code"] for data in said(shown, "attempt.lost")]
    assert len(lost) == 3 and set(lost) <= {"agent_restarted", "lease_expired"}
    for epoch in (1, 2, 3):
        ref = f"refs/paddock/wip/{job}/{epoch}"
        wait_until(lambda ref=ref: fleet.repo.tip(ref), 40, what=f"{ref} is in the repository")  # type: ignore[misc]
