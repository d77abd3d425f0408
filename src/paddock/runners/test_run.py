"""`test.run`: the project's checks on a change's head, in a fresh worktree that its author never touched."""

import asyncio

from paddock.runners.base import Run, RunFailed, outcome, stopped
from paddock.runners.checks import judge
from paddock.wire.messages import Outcome
from paddock.workspace import RepoCache


async def run(job: Run) -> Outcome:
    """Runs the checks; red is a result like green, not a failure of this job."""
    order = job.order
    assert order.base is not None
    cache = RepoCache(job.work, order.base.repo)
    commit = await asyncio.to_thread(cache.resolve, order.payload["commit"])
    base = await asyncio.to_thread(cache.resolve, order.payload.get("base") or order.base.branch)
    job.began()
    job.say("running the checks")
    try:
        green, told = await judge(job, cache, commit, base, order.payload["checks"], order.payload.get("accept") or ())
    except RunFailed as error:
        if job.stop.why:
            return stopped(job)
        return outcome(job, "failed", code=error.told, detail=error.message)
    tree = await asyncio.to_thread(cache.tree_of, commit)
    return outcome(job, "done", result={"commit": commit, "tree": tree, "base": base, "green": green, "checks": told})
