"""`change.resolve`: the author's kind of agent goes on with a change on its own branch, told by a brief that is data.

For a conflict its worktree holds both sides as far as git could merge them; what it makes of that becomes a merge of
the branch into the change. The change's branch moves only from the head that the brief is about.
"""

import asyncio
from dataclasses import dataclass

from paddock.core.errors import PaddockError
from paddock.runners.base import Run, outcome
from paddock.runners.command import with_facts
from paddock.runners.review_fix import conclude, put, work
from paddock.wire.messages import Outcome
from paddock.workspace import RepoCache, Snapshot, create, half_merged, joined, marked


class Unresolved(PaddockError):
    """Conflict markers are left."""

    code = "unresolved"


@dataclass(frozen=True)
class Start:
    """Where the run starts: a commit, its parents, and the paths that hold conflict markers."""

    commit: str
    parents: list[str]
    paths: list[str]
    # What the change is held against afterwards.
    base: str


async def run(job: Run) -> Outcome:
    """Ends `done` with the change as it stands then, without one where the run wrote nothing; `unresolved` else."""
    order = job.order
    assert order.base is not None
    job.say("preparing its worktree")
    cache = RepoCache(job.work, order.base.repo)
    start = await asyncio.to_thread(_begin, job, cache)
    if len(start.parents) > 1 and not start.paths:
        # Nothing conflicts by now: what waits for an agent is the merge alone, and the queue does that.
        job.began()
        return outcome(job, "done", result={"clean": True})
    branch, degraded = f"paddock/{order.job}", job.fence.degraded
    tree = await asyncio.to_thread(create, cache, order.job, order.epoch, start.commit, branch, degraded=degraded)
    ended, snapshot = await work(job, tree, "brief", order.payload["brief"])
    done = await conclude(job, cache, tree, ended, snapshot, lambda: _move(job, cache, start, snapshot))
    return with_facts(job, done)


def _begin(job: Run, cache: RepoCache) -> Start:
    payload = job.order.payload
    head, onto = cache.resolve(payload["commit"]), payload.get("onto")
    if not onto:
        return Start(head, [head], [], payload["base"])
    tip = cache.resolve(onto, fresh=True)
    commit, paths = half_merged(cache, head, tip, f"{job.order.name}: both sides\n")
    return Start(commit, [head, tip], paths, tip)


def _move(job: Run, cache: RepoCache, start: Start, snapshot: Snapshot) -> dict[str, object]:
    assert snapshot.head is not None, "the caller has looked"
    left = marked(cache, snapshot.head, start.paths)
    if left:
        raise Unresolved(f"conflict markers are left in {', '.join(left[:5])}")
    head = joined(cache, snapshot.tree, start.parents, _message(job))
    return put(job, cache, snapshot, head, start.base)


def _message(job: Run) -> str:
    order = job.order
    onto = order.payload.get("onto")
    what = f"resolve its conflicts with {onto}" if onto else "what a person asked for"
    trailers = [
        f"Paddock-Fix: {order.job}",
        f"Paddock-Change: {order.payload['change']}",
        # That of the change's own job, by which its later attempts are told from earlier ones.
        f"Paddock-Epoch: {order.payload.get('epoch', 1)}",
    ]
    return f"{order.name}: {what}\n\n" + "\n".join(trailers) + "\n"
