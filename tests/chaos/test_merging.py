"""Merges whose agent dies under way: the branch moves once, whatever the dead one had done already."""

from support.chaos import accepted, merges
from support.fleet import Fleet, alive_with
from support.wait import wait_until

# Holds the first push to the branch until told to go on, or until nobody is there any more to tell it.
HOOK = """#!/bin/sh
grep -q refs/heads/main || exit 0
[ -f "{folder}/held" ] && exit 0
touch "{folder}/held"
while [ -d "{folder}" ] && [ ! -f "{folder}/go" ]; do sleep 0.05; done
"""


def hold_push(fleet: Fleet, hook: str) -> None:
    """Makes the repository hold the first push to its branch."""
    path = fleet.repo.path / "hooks" / hook
    path.parent.mkdir(exist_ok=True)
    path.write_text(HOOK.format(folder=fleet.folder))
    path.chmod(0o755)


def let_go(fleet: Fleet) -> None:
    """Lets the dead agent's push go on, and returns once it has ended."""
    tip = fleet.repo.tip()
    (fleet.folder / "go").touch()
    wait_until(lambda: not alive_with(str(fleet.repo.path)), 20, what="the dead agent's push has ended")
    assert fleet.repo.tip() == tip


def merge_of(fleet: Fleet, job: str) -> str:
    """The system job that merges the change of a job."""
    change = fleet.api.get(f"/v1/changes/{job}")
    return str(next(other["id"] for other in change["jobs"] if other["kind"] == "change.merge"))


def killed_at(fleet: Fleet, hook: str) -> tuple[str, str]:
    """Kills the agent while the repository holds its push; the job and its merge, once another has merged it."""
    fleet.agent("a1")
    job = fleet.run(["sh", "-c", "echo one > one.txt"])
    fleet.until(job, "in_review")
    hold_push(fleet, hook)
    fleet.approve(job)
    wait_until((fleet.folder / "held").exists, 20, what="the push is held")
    fleet.agents["a1"].kill()
    fleet.agent("a2")
    fleet.until(job, "done")
    let_go(fleet)
    return job, merge_of(fleet, job)


def test_an_agent_killed_before_the_branch_moved_merges_nothing_and_another_merges_once(fleet: Fleet) -> None:
    job, merge = killed_at(fleet, "pre-receive")
    shown = fleet.job(merge)
    assert [(a["agent"], a["state"]) for a in shown["attempts"]] == [("a1", "lost"), ("a2", "done")]
    assert accepted(shown) == [2]
    assert (merges(fleet), fleet.repo.show("one.txt")) == ([job], "one")


def test_an_agent_killed_after_the_branch_moved_has_merged_and_another_only_tells_it(fleet: Fleet) -> None:
    job, merge = killed_at(fleet, "post-receive")
    shown = fleet.job(merge)
    assert [(a["agent"], a["state"]) for a in shown["attempts"]] == [("a1", "lost"), ("a2", "done")]
    assert shown["attempts"][1]["result"] == {"merged": fleet.repo.tip(), "already": True}
    assert merges(fleet) == [job]
    assert fleet.api.get(f"/v1/changes/{job}")["merged_commit"] == fleet.repo.tip()
