"""`change.fix`: a project's fixer mends findings on a change's own branch, fenced by the head that was reviewed.

Doing it again is harmless: a commit of an earlier attempt of the same job is replaced on the branch, any other stays.
"""

import asyncio
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import msgspec

from paddock.core.errors import PaddockError
from paddock.runners.base import Run, outcome, stopped
from paddock.runners.coding import prepared
from paddock.runners.command import Start, execute, keep, report_of, still_ours, verdict_on, with_facts
from paddock.runners.lending import seen_in
from paddock.runners.process import Ended
from paddock.wire.messages import Outcome
from paddock.workspace import (
    RepoCache,
    Snapshot,
    Worktree,
    changes,
    collect,
    create,
    joined,
    move_branch,
    patch,
    publish,
    remove,
)
from paddock.workspace.git import git
from paddock.workspace.layout import give, locked
from paddock.workspace.remote import fetch, ls_remote

_SEEN = "refs/paddock/seen/fix"


async def run(job: Run) -> Outcome:
    """Runs the fixer on the reviewed head, saves what it wrote whatever happened, and moves the branch when it fits."""
    order = job.order
    assert order.base is not None
    job.say("preparing its worktree")
    cache = RepoCache(job.work, order.base.repo)
    head = await asyncio.to_thread(cache.resolve, order.payload["commit"])
    degraded = job.fence.degraded
    tree = await asyncio.to_thread(
        create, cache, order.job, order.epoch, head, f"paddock/{order.job}", degraded=degraded
    )
    told = json.dumps(order.payload["findings"], indent=1)
    ended, snapshot = await work(job, tree, "findings", told)
    return with_facts(job, await conclude(job, cache, tree, ended, snapshot, lambda: _move(job, cache, snapshot)))


async def work(job: Run, tree: Worktree, name: str, told: str) -> tuple[Ended, Snapshot]:
    """Runs the order's command with `told` in a file that `{name}` and PADDOCK_NAME stand for; saves what it wrote."""
    try:
        ended = await execute(*_briefed(job, tree, name, told))
        job.say("saving what it wrote")
        return ended, await asyncio.to_thread(collect, tree, f"{job.order.name}: work on a change")
    except BaseException:
        tree.release()  # kept on disk: the next sweep saves what is in it
        raise


def _briefed(job: Run, tree: Worktree, name: str, told: str) -> tuple[Run, Worktree, Start | None]:
    """The run with what it is told: an agent in its brief, a command in a file beside its socket."""
    order = job.order.payload
    if order.get("agent"):
        brief = told if name == "brief" else f"{order['brief']}\n\n{told}"
        return job, tree, prepared(job, order["agent"], order.get("model") or "", brief)
    folder = tree.socket_dir()
    path = folder.source / name
    path.write_text(told)
    give(path)
    shown = str((folder.target if tree.record.contained else folder.source) / path.name)
    given = job.order.payload.get("env") or {}
    payload = {
        "argv": [part.replace(f"{{{name}}}", shown) for part in job.order.payload["argv"]],
        "env": {**given, f"PADDOCK_{name.upper()}": shown, "PADDOCK_BASE": job.order.payload["base"]},
    }
    return dataclasses.replace(job, order=msgspec.structs.replace(job.order, payload=payload)), tree, None


async def conclude(
    job: Run, cache: RepoCache, tree: Worktree, ended: Ended, snapshot: Snapshot, moved: Callable[[], dict[str, object]]
) -> Outcome:
    """Publishes what the run wrote, has the branch `moved` when that is called for, and clears its worktree away."""
    facts: dict[str, Any] = {
        "exit_code": ended.exit_code,
        "wip": snapshot.wip,
        "containment": "contained" if tree.record.contained else "none",
    }
    verdict = verdict_on(job, ended, snapshot)
    seen = await seen_in(job, snapshot.diff)
    if seen:
        return await keep(job, tree, seen, facts)
    result: dict[str, object] = {}
    try:
        job.say("publishing")
        await asyncio.to_thread(publish, cache, job.order.job, job.order.epoch, None, snapshot.wip)
        if verdict is None and snapshot.head is not None:
            if not await still_ours(job):
                verdict = lambda facts: stopped(job, **facts)  # noqa: E731
            else:
                result = await asyncio.to_thread(moved)
    except PaddockError as error:
        tree.release()  # the cache has the work; the sweep pushes it when the repository answers again
        return outcome(job, "failed", code=error.code, detail=error.message[:4_000], **facts)
    if snapshot.unsaved:
        tree.release()
    else:
        await asyncio.to_thread(remove, tree)
    return verdict(facts) if verdict is not None else outcome(job, "done", result=result, **facts)


def _move(job: Run, cache: RepoCache, snapshot: Snapshot) -> dict[str, object]:
    """Puts the fixer's tree onto the branch as one commit on the head, and tells the change as it then stands."""
    payload = job.order.payload
    head = joined(cache, snapshot.tree, [payload["commit"]], _message(job))
    return put(job, cache, snapshot, head, payload["base"])


def put(job: Run, cache: RepoCache, snapshot: Snapshot, head: str, base: str) -> dict[str, object]:
    """Moves the change's branch to `head` and tells the change as it then stands on `base`."""
    payload = job.order.payload
    move_branch(cache, payload["branch"], _replaceable(job, cache), head)
    files = changes(cache.git, base, head)
    diff, _ = patch(cache.git, base, head)
    job.diff.write(diff)
    whole = msgspec.structs.replace(snapshot, base=base, head=head, files=files)
    report = msgspec.structs.replace(report_of(whole), branch=payload["branch"])
    return {"report": msgspec.to_builtins(report), "from": payload["commit"]}


def _message(job: Run) -> str:
    order = job.order
    lines = [f"{one['reviewer']}/{one['rule']} {one['path']}" for one in order.payload["findings"]]
    ids = ", ".join(str(one["id"]) for one in order.payload["findings"])
    # The epoch is that of the change's own job, by which its later attempts are told from earlier ones.
    trailers = [
        f"Paddock-Fix: {order.job}",
        f"Paddock-Change: {order.payload['change']}",
        f"Paddock-Findings: {ids}",
        f"Paddock-Epoch: {order.payload.get('epoch', 1)}",
    ]
    return f"{order.name}\n\n" + "\n".join(lines) + "\n\n" + "\n".join(trailers) + "\n"


def _replaceable(job: Run, cache: RepoCache) -> str:
    """What the branch may be moved from: the reviewed head, or what an earlier attempt of this job put on it."""
    payload = job.order.payload
    target = f"refs/heads/{payload['branch']}"
    there = ls_remote(cache.url, target).get(target, "")
    if not there or there == payload["commit"]:
        return str(payload["commit"])
    with locked(cache.path / "lock"):
        fetch(cache.git, cache.url, f"+{target}:{_SEEN}")
    told = git("log", "-1", "--format=%P%n%(trailers:key=Paddock-Fix,valueonly)", there, git_dir=cache.git).split()
    ours = told[:1] == [payload["commit"]] and told[-1] == job.order.job
    return there if ours else str(payload["commit"])
