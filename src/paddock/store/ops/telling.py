"""The journal: one row for each thing that happened, also where it happened to many jobs at once."""

from collections.abc import Sequence

import msgspec

from paddock.store.ops.work import Work, record, records
from paddock.store.records import Event, JobRecord
from paddock.store.statements import Tx

# Types of rows that tell the same of many jobs → what such a row says of each of them.
MANY = {"jobs.submitted": "job.submitted", "jobs.leased": "job.leased", "attempts.done": "attempt.done"}
_PLURAL = {one: many for many, one in MANY.items()}


def tell(
    work: Work, type_: str, jobs: Sequence[str], agent: str | None = None, /, epochs: Sequence[int] = (), **data: object
) -> None:
    """Journals what happened to these jobs alike, with the epoch of each where there is one."""
    if len(jobs) == 1:
        one = {"epoch": epochs[0], **data} if epochs else data
        work.journal(type_, jobs[0], agent, **one)
    elif jobs:
        each = {"jobs": jobs, "epochs": epochs} if epochs else {"jobs": jobs}
        work.journal(_PLURAL[type_], None, agent, count=len(jobs), **each, **data)


def expand(event: Event) -> list[Event]:
    """A row as rows of one job each; any other row as it is."""
    if event.type not in MANY:
        return [event]
    data = dict(event.data)
    jobs, epochs = data.pop("jobs"), data.pop("epochs", None)
    del data["count"]
    return [
        msgspec.structs.replace(
            event, type=MANY[event.type], job=job, data={"epoch": epochs[at], **data} if epochs else data
        )
        for at, job in enumerate(jobs)
    ]


def journal_of_job(tx: Tx, job: str, after: int, limit: int) -> list[Event]:
    """What the journal says of one job, oldest first: its own rows, and its part of rows on many."""
    found = records(Event, tx.all("journal_of_job", job=job, after=after, most=limit))
    row = tx.one("job", id=job)
    if row is None:
        return found
    moments = {row["created"], record(JobRecord, row).started}
    for attempt in tx.all("attempts", job=job):
        moments |= {attempt["claimed"], attempt["settled"]}
    for at in moments - {None}:
        for many in records(Event, tx.all("journal_of_many", at=at, after=after)):
            found += [event for event in expand(many) if event.job == job]
    return sorted(found, key=lambda event: event.seq)[:limit]
