"""`command`: one argv in a boxed worktree; what it wrote becomes a change."""

import asyncio
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from paddock.core.errors import PaddockError, Stale
from paddock.core.money import plain
from paddock.core.scope_env import kept
from paddock.core.settlement import OVER_BUDGET, RATE_LIMITED
from paddock.runners.base import SOCKET, Run, Sink, Talk, outcome, stopped
from paddock.runners.boxed import run_boxed
from paddock.runners.disk import FULL, watched
from paddock.runners.lending import SEEN, laid, seen_in
from paddock.runners.process import CannotStart, Ended
from paddock.runners.telling import NAME, Meter, gather, limited_for
from paddock.runners.way_out import LOST, way_out
from paddock.sandbox import Bind
from paddock.wire.messages import ChangeReport, FileChange, JobOrder, Outcome
from paddock.workspace import RepoCache, Snapshot, Worktree, collect, create, publish, remove
from paddock.workspace.errors import NotProven

# Why the fence itself ended a run.
FENCED: Mapping[str, str] = {
    LOST: "its way out broke, so it was ended",
    OVER_BUDGET: "it used more than its budget lets it",
    FULL: "it wrote more than it may, or left the host too little room",
}
# What shells, and who becomes the job in a box with a way out, say of a program that is not there.
NOT_FOUND = 127
# What an outcome names of a change, and the bytes that the names take as JSON; the rest is counted.
MOST_FILES = 500
MOST_NAME_BYTES = 60_000


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a run starts: its argv, its variables, and the message of the change that comes of it."""

    argv: Sequence[str]
    env: Mapping[str, str]
    message: str
    binds: Sequence[Bind] = ()
    # What it reads on its standard input.
    stdin: bytes | None = None
    # What is said with it in place of that, once there is a log to tell of it.
    talk: Callable[[Sink], Talk] | None = None
    # How it is called where few words are said of it.
    shown: str = ""


async def run(job: Run) -> Outcome:
    """Runs the payload's argv."""
    return await carry_out(job, _given(job.order))


def _given(order: JobOrder) -> Start:
    """What a payload says of its start."""
    argv, message = order.payload["argv"], order.payload.get("message")
    return Start(
        argv=argv,
        env=kept(order.payload.get("env") or {}, rules=order.scope.commands is not None),
        message=str(message)[:4_000] if message else f"{order.name}\n\n$ {' '.join(argv)[:500]}",
    )


async def carry_out(job: Run, start: Start) -> Outcome:
    """Runs it, saves what it wrote whatever happened, and publishes it when it ended well and in scope."""
    order = job.order
    assert order.base is not None
    job.say("preparing its worktree")
    cache = RepoCache(job.work, order.base.repo)
    base = await asyncio.to_thread(cache.resolve, order.base.branch, fresh=True)
    tree = await asyncio.to_thread(
        create, cache, order.job, order.epoch, base, f"paddock/{order.job}", degraded=job.fence.degraded
    )
    try:
        ended = await execute(job, tree, start)
        job.say("saving what it wrote")
        snapshot = await asyncio.to_thread(collect, tree, start.message)
    except BaseException:
        tree.release()  # kept on disk: the next sweep saves what is in it
        raise
    return with_facts(job, await _conclude(job, cache, tree, ended, snapshot))


def with_facts(job: Run, outcome: Outcome) -> Outcome:
    """The outcome with what the run told and what was seen of it, however it ended."""
    return msgspec.structs.replace(outcome, result=outcome.result | job.facts) if job.facts else outcome


async def execute(job: Run, tree: Worktree, start: Start | None = None) -> Ended:
    """Runs the payload's argv, or `start`, beside a socket to its agent, which is gone when the run is."""
    order = job.order
    start = start or _given(order)
    agent, result = tree.socket_dir(), tree.result_dir()
    seen, kept_at = ((bind.target if tree.record.contained else bind.source) for bind in (agent, result))
    files, lent = laid(job)
    env = {
        **start.env,
        **lent,
        "PADDOCK_SOCKET": str(seen / SOCKET),
        "PADDOCK_JOB": order.job,
        "PADDOCK_EPOCH": str(order.epoch),
        "PADDOCK_RESULT": str(kept_at / NAME),
        **_budget(order),
    }
    meter = Meter(job)
    metered = dataclasses.replace(job, log=meter)
    async with job.socket(agent.source):
        with way_out(job, contained=tree.record.contained) as egress:
            if egress is not None:
                env |= egress.env()
            link = egress.theirs.fileno() if egress is not None else None
            job.began()
            job.say(f"running {start.shown or ' '.join(start.argv)[:80]}")
            binds = [agent, result, *start.binds]
            async with watched(job, tree.written, result.source):
                ended = await run_boxed(
                    metered,
                    tree,
                    start.argv,
                    binds=binds,
                    env=env,
                    way_out=link,
                    files=files,
                    stdin=start.stdin,
                    talk=start.talk(meter) if start.talk else None,
                )
    await asyncio.to_thread(gather, job, meter, result.source, ended.exit_code)
    return ended


def _budget(order: JobOrder) -> dict[str, str]:
    """What the run may use, for a program that can keep to it."""
    money, tokens = order.limits.money, order.limits.tokens
    told = {} if money is None else {"PADDOCK_BUDGET_MONEY": plain(money)}
    return told if tokens is None else {**told, "PADDOCK_BUDGET_TOKENS": str(tokens)}


async def _conclude(job: Run, cache: RepoCache, tree: Worktree, ended: Ended, snapshot: Snapshot) -> Outcome:
    """Publishes what may be published; the work itself is saved under its wip ref either way."""
    facts: dict[str, Any] = {
        "exit_code": ended.exit_code,
        "wip": snapshot.wip,
        "containment": "contained" if tree.record.contained else "none",
    }
    verdict = verdict_on(job, ended, snapshot)
    seen = await seen_in(job, snapshot.diff)
    if seen:
        return await keep(job, tree, seen, facts)
    try:
        if verdict is None and snapshot.head is not None and not await still_ours(job):
            verdict = _stopped(job)
        job.say("publishing")
        head = snapshot.head if verdict is None else None
        await asyncio.to_thread(publish, cache, job.order.job, job.order.epoch, head, snapshot.wip)
    except PaddockError as error:
        tree.release()  # the cache has the work; the sweep pushes it when the repository answers again
        return outcome(job, "failed", code=error.code, detail=error.message[:4_000], **facts)
    if snapshot.unsaved:
        tree.release()
    else:
        await asyncio.to_thread(remove, tree)
    if verdict is not None:
        return verdict(facts)
    job.diff.write(snapshot.diff)
    report = report_of(snapshot) if snapshot.head else None
    return outcome(job, "done", change=report, result=_result(snapshot), **facts)


async def keep(job: Run, tree: Worktree, name: str, facts: dict[str, Any]) -> Outcome:
    """What holds a secret does not leave the host, not even as saved work; this host's cache has it."""
    try:
        await asyncio.to_thread(remove, tree)
    except NotProven:
        tree.release()
    text = f"it wrote the secret {name} into its worktree, so nothing of it leaves the host; change that secret"
    return outcome(job, "failed", code=SEEN, detail=text, **facts | {"wip": ""})


async def still_ours(job: Run) -> bool:
    """Whether what the run wrote is still wanted: it was not replaced and not cancelled meanwhile."""
    try:
        await job.confirm()
    except Stale:
        return False
    return job.stop.why in ("", "shutdown")


Ending = Callable[[dict[str, Any]], Outcome]


def verdict_on(job: Run, ended: Ended, snapshot: Snapshot) -> Ending | None:
    """None when the run ended well and stayed in its scope; else what makes its outcome from the facts."""
    if ended.why in ("cancel", "stale", "shutdown"):
        return _stopped(job)
    if ended.why in FENCED:
        return lambda facts: outcome(job, "failed", code=ended.why, detail=FENCED[ended.why], **facts)
    if ended.why != "exit":
        limit = job.order.limits.wall_s if ended.why == "timeout" else job.order.limits.silence_s
        text = f"ended after {limit} s" + (" without output" if ended.why == "silence" else "")
        return lambda facts: outcome(job, "failed", code=ended.why, detail=text, **facts)
    if RATE_LIMITED in job.facts:
        text = f"a limit of its model's provider stopped it {limited_for(job.facts)}"
        return lambda facts: outcome(job, "returned", code=RATE_LIMITED, detail=text, **facts)
    if ended.absent:
        text = "its program could not be started: it is not in the box, or cannot be run there"
        return lambda facts: outcome(job, "failed", code=CannotStart.code, detail=text, **facts)
    if ended.exit_code != 0:
        text = f"exit code {ended.exit_code}" + (": a program was not found" if ended.exit_code == NOT_FOUND else "")
        return lambda facts: outcome(job, "failed", code="exit_code", detail=text, **facts)
    paths = job.fence.outside(file.path for file in snapshot.files)
    if paths:
        text = f"wrote outside its scope: {', '.join(paths[:20])}"
        told = {"paths": [path[:500] for path in paths[:200]]}
        return lambda facts: outcome(job, "failed", code="scope_violation", detail=text[:4_000], result=told, **facts)
    return None


def _stopped(job: Run) -> Ending:
    return lambda facts: stopped(job, **facts)


def _result(snapshot: Snapshot) -> dict[str, object]:
    return {"base": snapshot.base, "notes": snapshot.notes[:20], "unsaved": snapshot.unsaved[:20]}


def report_of(snapshot: Snapshot) -> ChangeReport:
    assert snapshot.head is not None
    files = []
    room = MOST_NAME_BYTES
    for file in snapshot.files[:MOST_FILES]:
        path = _printable(file.path)
        room -= len(msgspec.json.encode(path))
        if room < 0:
            break
        files.append(FileChange(path=path, added=file.added, removed=file.removed, status=file.status))
    return ChangeReport(
        branch=f"paddock/{snapshot.job}",
        base=snapshot.base,
        head=snapshot.head,
        tree=snapshot.tree,
        files=tuple(files),
        more_files=len(snapshot.files) - len(files),
    )


def _printable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()[:4_096]
