"""The end of a demo as git tells it: what stands on the branch, and what the attempts saved."""

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddock.cli.demo_input import Task
from paddock.core.states import CLAIMABLE, FINAL, JobState

# States in which nothing of a job can be lost: ended, at the gate, or still in the queue.
_SETTLED = FINAL | CLAIMABLE | {JobState.IN_REVIEW, JobState.BLOCKED}


@dataclass(frozen=True, kw_only=True)
class Truth:
    """`merged` counts jobs whose work stands on the branch; `lost` and `double_effects` must be 0."""

    tip: str
    merged: int
    lost: int
    double_effects: int


def look(task: Task, jobs: list[dict[str, Any]], submitted: set[str]) -> Truth:
    """Compares what the control plane says of the jobs with the repository itself.

    Raises: RemoteUnreachable, GitFailed.
    """
    from paddock.workspace.remote import ls_remote

    refs = ls_remote(task.repo)
    tip = refs.get(f"refs/heads/{task.branch}", "")
    merges = _merges(task, tip) if tip != task.base else Counter[str]()
    missing = submitted - {job["id"] for job in jobs}
    astray = {job["id"] for job in jobs if job["state"] not in _SETTLED or not _saved(job, refs)}
    unmerged = {job["id"] for job in jobs if job["state"] == JobState.DONE and job["change"] and not merges[job["id"]]}
    return Truth(
        tip=tip,
        merged=sum(1 for job in jobs if merges[job["id"]]),
        lost=len(missing | astray | unmerged),
        double_effects=sum(merges[job["id"]] > 1 or _twice(job) for job in jobs),
    )


def _merges(task: Task, tip: str) -> Counter[str]:
    """How often each job's work was put onto the branch since the demo began: merges name their job in a trailer."""
    from paddock.workspace.git import git
    from paddock.workspace.remote import fetch

    with tempfile.TemporaryDirectory(prefix="paddock-truth-") as scratch:
        where = Path(scratch, "truth.git")
        git("init", "--quiet", "--bare", str(where))
        fetch(where, task.repo, f"+refs/heads/{task.branch}:refs/heads/truth")
        form = "--format=%(trailers:key=Paddock-Job,valueonly,separator=%x20)"
        text = git("log", "--first-parent", form, f"{task.base}..{tip}", git_dir=where)
    return Counter(job for line in text.splitlines() for job in set(line.split()))


def _saved(job: dict[str, Any], refs: dict[str, str]) -> bool:
    """Whether everything that the job's attempts wrote can be reached from a ref of the repository."""
    return all(
        refs.get(f"refs/paddock/wip/{job['id']}/{attempt['epoch']}") == attempt["wip"]
        for attempt in job["attempts"]
        if attempt.get("wip")
    )


def _twice(job: dict[str, Any]) -> bool:
    """Whether a job that proposes no change was taken as done more than once."""
    return not job["change"] and sum(attempt["state"] == JobState.DONE for attempt in job["attempts"]) > 1
