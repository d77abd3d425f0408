"""`change.fix`: a project's fixer mends findings on a change's own branch, fenced by the head that was reviewed.

Doing it again is harmless: a commit of an earlier attempt of the same job is replaced on the branch, any other stays.
"""

import asyncio
import dataclasses
import json
from typing import Any

import msgspec

from paddock.core.errors import PaddockError
from paddock.runners.base import Run, outcome, stopped
from paddock.runners.command import execute, report_of, still_ours, verdict_on
from paddock.runners.process import Ended
from paddock.wire.messages import Outcome
from paddock.workspace import (
    RepoCache,
    Snapshot,
    Worktree,
    changes,
    collect,
    create,
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
    try:
        ended = await execute(_briefed(job, tree), tree)
        job.say("saving what it wrote")
        snapshot = await asyncio.to_thread(collect, tree, f"{order.name}: work of a fixer")
    except BaseException:
        tree.release()  # kept on disk: the next sweep saves what is in it
        raise
    return await _conclude(job, cache, tree, ended, snapshot)


def _briefed(job: Run, tree: Worktree) -> Run:
    """The same run with its findings in a file, beside the socket that it may talk through."""
    folder = tree.socket_dir()
    path = folder.source / "findings.json"
    path.write_text(json.dumps(job.order.payload["findings"], indent=1))
    give(path)
    shown = str((folder.target if tree.record.contained else folder.source) / path.name)
    payload = {
        "argv": [part.replace("{findings}", shown) for part in job.order.payload["argv"]],
        "env": {"PADDOCK_FINDINGS": shown, "PADDOCK_BASE": job.order.payload["base"]},
    }
    return dataclasses.replace(job, order=msgspec.structs.replace(job.order, payload=payload))


async def _conclude(job: Run, cache: RepoCache, tree: Worktree, ended: Ended, snapshot: Snapshot) -> Outcome:
    facts: dict[str, Any] = {
        "exit_code": ended.exit_code,
        "wip": snapshot.wip,
        "containment": "contained" if tree.record.contained else "none",
    }
    verdict = verdict_on(job, ended, snapshot)
    result: dict[str, object] = {}
    try:
        job.say("publishing")
        await asyncio.to_thread(publish, cache, job.order.job, job.order.epoch, None, snapshot.wip)
        if verdict is None and snapshot.head is not None:
            if not await still_ours(job):
                verdict = lambda facts: stopped(job, **facts)  # noqa: E731
            else:
                result = await asyncio.to_thread(_move, job, cache, snapshot)
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
    head = git(
        "commit-tree",
        snapshot.tree,
        "-p",
        payload["commit"],
        "-F",
        "-",
        git_dir=cache.git,
        stdin=_message(job).encode(),
    )
    move_branch(cache, payload["branch"], _replaceable(job, cache), head)
    files = changes(cache.git, payload["base"], head)
    diff, _ = patch(cache.git, payload["base"], head)
    job.diff.write(diff)
    whole = msgspec.structs.replace(snapshot, base=payload["base"], head=head, files=files)
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
    return there if told == [payload["commit"], job.order.job] else str(payload["commit"])
