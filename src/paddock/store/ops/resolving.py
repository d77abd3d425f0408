"""Changes that somebody goes on with on their own branch: those that conflict, and those that a person asks more of.

Who is asked, how often, and for what is derived from decisions and from the jobs that served the change.
"""

import json
from collections.abc import Sequence

from paddock.core import review_jobs
from paddock.core.states import FINAL, ChangeState
from paddock.store.ops import attempts
from paddock.store.ops import reviewing as reviews
from paddock.store.ops.submitting import add_job
from paddock.store.ops.work import Work
from paddock.store.records import Change, JobRecord
from paddock.store.statements import Row, Tx

KIND = "change.resolve"
ASK = "ask"


def objections(tx: Tx, change: Change) -> list[str]:
    """What people ask for on this head, and what is being done about it."""
    live = [row for row in _runs(tx, change) if row["state"] not in FINAL]
    asked = _asked(tx, change)
    wishes = [f"{row['by']} asks for changes" + (f": {row['note']}" if row["note"] else "") for row in asked]
    return [*map(_goal, live), *wishes]


def _goal(row: Row) -> str:
    onto = json.loads(row["payload"]).get("onto")
    return f"its conflicts with {onto} are being resolved" if onto else "what was asked for is being done"


def _runs(tx: Tx, change: Change) -> list[Row]:
    return [row for row in tx.all("jobs_serving", change=change.id) if row["kind"] == KIND]


def _asked(tx: Tx, change: Change) -> list[Row]:
    said = tx.all("decisions", change=change.id)
    return [row for row in said if row["decision"] == ASK and row["head"] == change.head]


def go_on(work: Work, change: Change, author: JobRecord) -> str:
    """Submits the run that is due for this head; returns why none will come though one was wanted, else nothing."""
    resolver = reviews.rules_of(work.tx, change.project).resolver
    runs = [row for row in _runs(work.tx, change) if json.loads(row["payload"])["commit"] == change.head]
    if resolver is None or change.state is not ChangeState.OPEN or any(row["state"] not in FINAL for row in runs):
        return ""
    asked = _asked(work.tx, change)
    since = max((row["at"] for row in asked), default=0)
    tried = [row for row in runs if row["created"] >= since and not json.loads(row["payload"])["onto"]]
    if asked and len(tried) < resolver.rounds:
        wish = "\n\n".join(f"{row['by']} asks for changes:\n{row['note']}" for row in asked)
        _submit(work, change, author, brief=_asking(change, wish), onto="")
        return ""
    conflicts = [row for row in runs if json.loads(row["payload"])["onto"]]
    if not conflicts or _clean(work.tx, conflicts[-1]):
        return ""
    last = json.loads(conflicts[-1]["payload"])
    if len(_conflicting(work.tx, change)) < resolver.rounds:
        _submit(work, change, author, brief=last["brief"], onto=last["onto"])
        return ""
    return f"its conflicts with {last['onto']} were not resolved in {resolver.rounds} runs"


def _conflicting(tx: Tx, change: Change) -> list[Row]:
    return [row for row in _runs(tx, change) if json.loads(row["payload"])["onto"]]


def _clean(tx: Tx, run: Row) -> bool:
    """Whether a run found that nothing conflicts any more."""
    ended = attempts.one(tx, run, run["epoch"])
    return ended is not None and bool(json.loads(ended["result"] or "{}").get("clean"))


def count(tx: Tx, change: Change) -> int:
    """How often somebody went on with the change; each time it may come to the queue anew."""
    return len(_runs(tx, change))


def may_resolve(tx: Tx, change: Change) -> bool:
    """Whether somebody is there to resolve a conflict of the change, and has not tried too often."""
    resolver = reviews.rules_of(tx, change.project).resolver
    return resolver is not None and len(_conflicting(tx, change)) < resolver.rounds


def may_be_asked(tx: Tx, change: Change) -> bool:
    """Whether somebody goes on with the change when a person asks for more."""
    return reviews.rules_of(tx, change.project).resolver is not None


def resolve(work: Work, change: Change, author: JobRecord, onto: str, paths: Sequence[str]) -> None:
    """Asks for a conflict to be resolved; the change is open again by now."""
    listed = "\n".join(f"- {path}" for path in paths)
    brief = (
        f"The change {author.name} conflicts with the branch {onto}. Both are merged in your worktree as far as git "
        f"could; the places where it could not hold both sides between conflict markers, in these files:\n{listed}\n\n"
        "Make each of these files what it should be with both sides' intent in it, and leave no marker behind."
    )
    _submit(work, change, author, brief=brief, onto=onto)


def _asking(change: Change, wish: str) -> str:
    return f"Your change {change.name} was read, and more is wanted of it. Go on with it as it stands.\n\n{wish}"


def _submit(work: Work, change: Change, author: JobRecord, *, brief: str, onto: str) -> None:
    resolver = reviews.rules_of(work.tx, change.project).resolver
    assert resolver is not None, "the caller has looked"
    number = len(_runs(work.tx, change)) + 1
    job = review_jobs.resolve_job(
        resolver,
        author.name,
        author.typed_scope(),
        author.payload,
        author.requires,
        change=change.id,
        head=change.head,
        base=change.base,
        branch=change.branch,
        epoch=change.epoch,
        onto=onto,
        brief=brief,
    )
    key = f"resolve:{change.id}:{number}"
    add_job(work, job, change.project, subject=change.id, unique_key=key, exclusive=f"fix:{change.id}")
