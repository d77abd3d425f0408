"""`change.merge`: a change onto the branch's tip, the merged result proven, the branch moved by compare-and-set.

Doing it twice is harmless: a branch that holds the change already is told as merged.
"""

import asyncio
from typing import Any

from paddock.core.errors import PaddockError
from paddock.runners.base import Run, RunFailed, outcome, stopped
from paddock.runners.checks import judge
from paddock.wire.messages import Outcome
from paddock.workspace import Conflict, RepoCache, contains, merge, move_branch


async def run(job: Run) -> Outcome:
    """Ends `done` with the commit that holds the change, or fails with `conflict`, `red`, or what the forge said."""
    order = job.order
    payload = order.payload
    assert order.base is not None
    cache = RepoCache(job.work, order.base.repo)
    job.began()
    tip = await asyncio.to_thread(cache.resolve, payload["branch"], fresh=True)
    head = await asyncio.to_thread(cache.resolve, payload["head"])
    if await asyncio.to_thread(contains, cache, tip, head):
        return outcome(job, "done", result={"merged": tip, "already": True})
    job.say("merging")
    merged = await asyncio.to_thread(merge, cache, tip, head, payload["message"])
    if isinstance(merged, Conflict):
        return outcome(job, "failed", code="conflict", result={"paths": merged.paths[:50], "tip": tip})
    result: dict[str, Any] = {"commit": merged.commit, "tree": merged.tree, "base": tip}
    try:
        job.say("testing the merged result")
        green, told = await judge(job, cache, merged.commit, tip, payload["checks"], payload.get("accept") or ())
    except RunFailed as error:
        return stopped(job) if job.stop.why else outcome(job, "failed", code=error.told, detail=error.message)
    result |= {"green": green, "checks": told}
    if not green:
        return outcome(job, "failed", code="red", result=result)
    return await _move(job, cache, tip, merged.commit, result)


async def _move(job: Run, cache: RepoCache, tip: str, commit: str, result: dict[str, Any]) -> Outcome:
    await job.confirm()
    if job.stop.why:
        return stopped(job)
    job.say("moving the branch")
    try:
        await asyncio.to_thread(move_branch, cache, job.order.payload["branch"], tip, commit)
    except PaddockError as error:
        return outcome(job, "failed", code=error.code, detail=f"{error.message}. {error.hint}"[:4_000])
    return outcome(job, "done", result={**result, "merged": commit})
