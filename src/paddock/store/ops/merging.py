"""Changes that are merged together: who joins when a merge is granted, and what becomes of it when one drops out."""

import json
from typing import Any

import msgspec

from paddock.core import matching
from paddock.core.system_jobs import MOST_TOGETHER
from paddock.store.ops import reviewing as reviews
from paddock.store.ops.work import Work, to_json
from paddock.store.records import Change, Granted
from paddock.store.statements import Row

KIND = "change.merge"
# What the order of a merge says of each change that comes along.
_TOLD = ("change", "head", "message", "accept")


def join(work: Work, lead: Granted) -> Granted:
    """The merge as it is ordered: the next ones of the queue come along, as many as the project's batch takes now.

    They stay in the queue; their own jobs cannot start while this one holds the project's branch.
    """
    payload = json.loads(lead.payload)
    payload.pop("with", None)
    room = _size(work, lead.project) - 1
    if room > 0:
        rows = work.tx.all("merge_queue", lane=matching.lane(lead.project, KIND, ()), key="")
        waiting = [row for row in rows if row["not_before"] <= work.now and row["id"] != lead.id]
        payload["with"] = [_told(work, row) for row in waiting if _alike(work, lead, row)][:room]
        if payload["with"]:
            changes = [one["change"] for one in payload["with"]]
            work.journal("merge.together", lead.id, change=payload["change"], others=changes)
    text = to_json(payload)
    if text != lead.payload:
        work.tx.run("set_payload", id=lead.id, payload=text)
    return msgspec.structs.replace(lead, payload=text)


def _size(work: Work, project: str) -> int:
    most = reviews.rules_of(work.tx, project).batch
    return min(most, MOST_TOGETHER, work.tx.value("batch_now", project=project) or 1) if most > 1 else 1


def _alike(work: Work, lead: Granted, row: Row) -> bool:
    """Whether a waiting merge may run in the same box, on the same branch, with the same checks."""
    other = work.job(row["id"])
    same = ("branch", "checks")
    mine = json.loads(lead.payload)
    return to_json(other.scope) == to_json(json.loads(lead.scope)) and all(
        other.payload.get(name) == mine.get(name) for name in same
    )


def _told(work: Work, row: Row) -> dict[str, Any]:
    payload = work.job(row["id"]).payload
    return {name: payload[name] for name in _TOLD if name in payload}


def adapt(work: Work, project: str, size: int, *, red: bool) -> None:
    """Doubles the next batch after a green one, halves it after a red one; for projects that merge in batches."""
    if reviews.rules_of(work.tx, project).batch > 1:
        now = max(1, size // 2) if red else min(MOST_TOGETHER, size * 2)
        work.tx.run("set_batch_now", project=project, size=now)


def drop(work: Work, change: Change) -> None:
    """Takes back a merge that a closed change came along with, so that what is left is merged without it."""
    # Both sides know each other: how an attempt ends opens and closes changes.
    from paddock.store.ops import finishing

    for row in work.tx.all("merges_live", key=f"merge:{change.project}"):
        others = json.loads(row["payload"]).get("with") or ()
        if any(one.get("change") == change.id for one in others):
            finishing.take_back(work, work.job(row["id"]), "left_the_batch")
