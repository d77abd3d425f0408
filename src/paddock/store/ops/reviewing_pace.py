"""The merge queue as it stands, and dispatch that slows where changes wait for too long."""

import json

from paddock.core import matching
from paddock.core.limits import Limit
from paddock.core.states import JobState
from paddock.store.ops import limiting
from paddock.store.ops.work import Work
from paddock.store.reviews import Queued
from paddock.store.statements import Row, Tx

# The kind of job that brings changes.
KIND = "command"


def queue(tx: Tx, project: str) -> list[Queued]:
    """Who merges and who waits, in the order in which they come: those that were sent back first, then the oldest."""
    rows = tx.all("merge_queue", lane=matching.lane(project, "change.merge", ()), key=f"merge:{project}")
    together = {
        other["change"]
        for row in rows
        if row["state"] == JobState.LEASED
        for other in json.loads(row["payload"]).get("with") or ()
    }
    return [
        Queued(
            change=row["subject"],
            job=row["id"],
            name=row["name"].removeprefix("merge-"),
            running=row["state"] == JobState.LEASED or row["subject"] in together,
            not_before=row["not_before"],
        )
        for row in rows
    ]


def due(tx: Tx, now: int) -> bool:
    """Whether some project's pace is to change."""
    return any(_slow(row, now) != bool(row["slowed"]) for row in tx.all("paces"))


def _slow(row: Row, now: int) -> bool:
    oldest = row["oldest"]
    return bool(row["slow_after"] and oldest and now - oldest > row["slow_after"] * 1_000)


def keep_pace(work: Work) -> int:
    """Bounds the jobs of projects whose changes wait for too long, lets go where they do no more; returns how many.

    A limit of the same name that somebody set stays as it is, and is then not ours to remove.
    """
    changed = 0
    for row in work.tx.all("paces"):
        slow = _slow(row, work.now)
        if slow == bool(row["slowed"]):
            continue
        changed += 1
        limit = Limit(project=row["project"], kind=KIND, most=row["slow_to"])
        if slow:
            taken = any(level.name == limit.name for level in limiting.levels(work.tx, work.now))
            if taken:
                work.tx.run("set_slowed", project=row["project"], slowed=-1)
                continue
            limiting.set_limit(work, limit)
            waited = (work.now - row["oldest"]) // 1_000
            work.journal("review.slowed", project=row["project"], seconds=waited, most=row["slow_to"])
        elif row["slowed"] > 0:
            work.tx.run("remove_limit", name=limit.name)
            work.journal("review.caught_up", project=row["project"])
            work.readied = True
        work.tx.run("set_slowed", project=row["project"], slowed=work.now if slow else 0)
    return changed
