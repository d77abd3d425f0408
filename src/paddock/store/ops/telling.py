"""The journal: one row for each thing that happened, also where it happened to many jobs at once."""

from collections.abc import Mapping, Sequence

import msgspec

from paddock.store.ops import attempts
from paddock.store.ops.work import Work, record, records
from paddock.store.records import Event, JobRecord
from paddock.store.statements import Tx

# Types of rows that tell the same of many jobs → what such a row says of each of them.
MANY = {"jobs.submitted": "job.submitted", "jobs.leased": "job.leased", "attempts.done": "attempt.done"}
_PLURAL = {one: many for many, one in MANY.items()}


def tell(
    work: Work,
    type_: str,
    jobs: Sequence[str],
    agent: str | None = None,
    /,
    epochs: Sequence[int] = (),
    apart: Mapping[int, Mapping[str, object]] | None = None,
    **data: object,
) -> None:
    """Journals what happened to these jobs alike, with the epoch of each, and what holds `apart` for some of them."""
    if len(jobs) == 1:
        one = {"epoch": epochs[0], **data} if epochs else data
        work.journal(type_, jobs[0], agent, **one, **(apart or {}).get(0, {}))
    elif jobs:
        each: dict[str, object] = {"jobs": jobs, "epochs": epochs} if epochs else {"jobs": jobs}
        if apart:
            each["apart"] = {str(at): said for at, said in apart.items()}
        work.journal(_PLURAL[type_], None, agent, count=len(jobs), **each, **data)


def expand(event: Event, first: int = 0, most: int | None = None) -> list[Event]:
    """A row as rows of one job each, from the first of them on; any other row as it is."""
    if event.type not in MANY:
        return [event][first:]
    data = dict(event.data)
    jobs, epochs, apart = data.pop("jobs"), data.pop("epochs", None), data.pop("apart", {})
    del data["count"]
    out = []
    for at in range(first, len(jobs) if most is None else min(len(jobs), first + most)):
        said = {"epoch": epochs[at], **data} if epochs else data
        if apart:
            said = {**said, **apart.get(str(at), {})}
        out.append(msgspec.structs.replace(event, type=MANY[event.type], job=jobs[at], data=said))
    return out


def journal_of_job(tx: Tx, job: str, after: int, limit: int) -> list[Event]:
    """What the journal says of one job, oldest first: its own rows, and its part of rows on many."""
    found = records(Event, tx.all("journal_of_job", job=job, after=after, most=limit))
    row = tx.one("job", id=job)
    if row is None:
        return found
    moments = {row["created"], record(JobRecord, row).started}
    for attempt in attempts.of_job(tx, row):
        moments |= {attempt["claimed"], attempt["settled"]}
    for at in moments - {None}:
        for many in records(Event, tx.all("journal_of_many", at=at, after=after)):
            found += [event for event in expand(many) if event.job == job]
    return sorted(found, key=lambda event: event.seq)[:limit]
