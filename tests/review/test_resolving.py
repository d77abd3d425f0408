"""Changes that somebody goes on with: a conflict resolved on the same branch, and what a person asked for done."""

import json

from review.test_loop import begin
from support.fleet import PATIENCE, Fleet
from support.repos import git
from support.wait import wait_until

# Keeps both sides of every conflict; leaves the markers where it is told to. For a wish it writes it down.
GOES_ON = r"""
import pathlib, sys
brief = pathlib.Path(sys.argv[1]).read_text()
path = pathlib.Path("same.txt")
if "asks for changes" in brief:
    path.write_text(path.read_text() + brief.rstrip().splitlines()[-1] + "\n")
elif path.read_text().count("lazy") < 1:
    path.write_text("".join(line for line in path.open() if line[:7] not in ("<<<<<<<", "=======", ">>>>>>>")))
else:
    path.write_text(path.read_text() + "done!\n")
"""
RESOLVER = {"argv": ["python3", "-c", GOES_ON, "{brief}"], "requires": ["python"]}


def _approved(fleet: Fleet, job: str, *states: str) -> None:
    wait_until(lambda: fleet.api.get(f"/v1/changes/{job}/gate")["reasons"] == ["no person has approved it"], PATIENCE)
    fleet.approve(job)
    fleet.until(job, *states)


def test_a_conflict_is_resolved_on_the_same_branch_and_approved_anew(fleet: Fleet) -> None:
    first = begin(fleet, "both", "echo one > same.txt", resolver=RESOLVER)
    second, lazy = fleet.submit(
        {"id": "second", "payload": {"argv": ["sh", "-c", "echo two > same.txt"]}},
        {"id": "lazy", "payload": {"argv": ["sh", "-c", "echo lazy > same.txt"]}, "max_attempts": 1},
        project="both",
    ).values()
    for job in (second, lazy):
        fleet.until(job, "in_review")
    _approved(fleet, first, "done")
    fleet.approve(second)
    wait_until(lambda: fleet.api.get(f"/v1/changes/{second}")["authors"] != [] and _moved(fleet, second), PATIENCE)
    change = fleet.api.get(f"/v1/changes/{second}")
    assert (change["state"], change["approved_by"]) == ("open", [])
    # What is shown is what the change adds to the branch as it is now.
    assert [(file["path"], file["added"], file["removed"]) for file in change["files"]] == [("same.txt", 1, 0)]
    _approved(fleet, second, "done")
    assert set(git(fleet.folder / "both", "show", "main:same.txt").split()) == {"one", "two"}
    # One that leaves the markers has its rounds, and then its job is sent back.
    fleet.approve(lazy)
    shown = fleet.until(lazy, "failed")
    assert "were not resolved in 2 runs" in shown["reason"]
    runs = [job for job in fleet.api.get(f"/v1/changes/{lazy}")["jobs"] if job["kind"] == "change.resolve"]
    assert [job["reason"] for job in runs] == ["unresolved", "unresolved"]


def _moved(fleet: Fleet, job: str) -> bool:
    return "change.fixed" in fleet.events(job)


def test_a_person_asks_for_changes_and_for_another_run(fleet: Fleet) -> None:
    job = begin(fleet, "wishes", "echo one > same.txt", resolver=RESOLVER)
    assert fleet.cli("review", "ask-changes", "wishes", "--as", "bob").returncode == 2
    told = fleet.cli("review", "ask-changes", "wishes", "--note", "say please", "--as", "bob")
    assert told.stdout.startswith("asked for changes of wishes")
    wait_until(lambda: _moved(fleet, job), PATIENCE, what="somebody goes on with it")
    assert b"+say please" in fleet.api.raw(f"/v1/changes/{job}/diff")[0]
    # It was of another head.
    assert json.loads(fleet.cli("gate", "wishes", "--json").stdout)["reasons"] == ["no person has approved it"]
    _approved(fleet, job, "done")
    # Where nobody goes on with a change, its job starts again.
    job = begin(fleet, "anew", "echo $PADDOCK_EPOCH > same.txt")
    fleet.cli("review", "ask-changes", "anew", "--note", "another number", "--as", "bob")
    wait_until(lambda: fleet.job(job)["epoch"] == 2 and fleet.job(job)["state"] == "in_review", PATIENCE)
    assert fleet.job(job)["attempt"] == 1
    assert fleet.cli("review", "rerun", "anew", "--as", "bob").returncode == 0
    assert "change.rerun" in fleet.events(job)
