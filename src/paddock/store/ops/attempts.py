"""Attempts that are over: those that ended well in one beat are one row together, every other has a row of its own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from paddock.core.states import AttemptState, JobState
from paddock.store.ops.work import Work, to_json
from paddock.store.statements import Row, Tx
from paddock.wire.messages import Outcome

# What one entry of `attempts_alike.each` holds, in this order; the rest stands beside the list.
_EACH = (
    "job",
    "claimed",
    "code",
    "detail",
    "exit_code",
    "started",
    "ended",
    "spawn_ms",
    "wip",
    "containment",
    "result",
)
_entries = msgspec.json.Decoder(list[tuple[Any, ...]]).decode


def add(work: Work, lease: Row, state: AttemptState, outcome: Outcome) -> None:
    """Stores how one attempt ended; the lease says whose it was, and since when."""
    work.tx.run(
        "add_attempt",
        job=outcome.job,
        epoch=outcome.epoch,
        agent=lease["agent"],
        session=lease["session"],
        claimed=lease["started"],
        state=state,
        code=outcome.code,
        detail=outcome.detail,
        exit_code=outcome.exit_code,
        started=outcome.started or None,
        ended=outcome.ended or work.now,
        settled=work.now,
        spawn_ms=outcome.spawn_ms,
        wip=outcome.wip or lease["wip"],
        containment=outcome.containment,
        result=to_json(outcome.result),
    )


def add_done(work: Work, agent: str, session: str, leases: Sequence[Row], outcomes: Mapping[str, Outcome]) -> None:
    """Stores attempts of one session and one epoch that ended well; outcomes are by job."""
    if len(leases) == 1:
        lease = {**leases[0], "agent": agent, "session": session}
        add(work, lease, AttemptState.DONE, outcomes[lease["id"]])
        return
    each = [_entry(work, lease, outcomes[lease["id"]]) for lease in leases]
    work.tx.run(
        "add_attempts_alike",
        settled=work.now,
        first=leases[0]["id"],
        epoch=outcomes[leases[0]["id"]].epoch,
        agent=agent,
        session=session,
        each=to_json(each),
    )


def _entry(work: Work, lease: Row, outcome: Outcome) -> tuple[Any, ...]:
    return (
        outcome.job,
        lease["started"],
        outcome.code,
        outcome.detail,
        outcome.exit_code,
        outcome.started or None,
        outcome.ended or work.now,
        outcome.spawn_ms,
        outcome.wip or lease["wip"],
        outcome.containment,
        outcome.result,
    )


def of_job(tx: Tx, job: Row) -> list[Row]:
    """The rows of a job's ended attempts, oldest first, as if each stood alone."""
    return sorted([*tx.all("attempts", job=job["id"]), *_alike(tx, job)], key=lambda row: int(row["epoch"]))


def one(tx: Tx, job: Row, epoch: int) -> Row | None:
    """The row of one ended attempt."""
    found = tx.one("attempt", job=job["id"], epoch=epoch)
    return found or next((row for row in _alike(tx, job) if row["epoch"] == epoch), None)


def _alike(tx: Tx, job: Row) -> Iterator[Row]:
    """An attempt that ended well ended its job, at that moment and for good."""
    if job["state"] != JobState.DONE:
        return
    for row in tx.all("attempts_alike", settled=job["ended"]):
        for entry in _entries(row.pop("each").encode()):
            if entry[0] == job["id"]:
                told = dict(zip(_EACH, entry, strict=True))
                yield {**row, **told, "result": to_json(told["result"]), "state": AttemptState.DONE}
