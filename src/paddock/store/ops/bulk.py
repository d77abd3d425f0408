"""Actions on many jobs: found by one read, done in steps, each job as if it were asked for alone."""

from collections.abc import Callable, Sequence

from paddock.core.errors import Conflict
from paddock.core.states import JobState
from paddock.store.ops import deciding, reading
from paddock.store.ops.work import Work, to_json
from paddock.store.records import JobRecord, Many, ManyDone
from paddock.store.statements import Tx


def ids(tx: Tx, wanted: Many) -> list[str]:
    """The jobs that an action would change, oldest first."""
    rows = tx.all(
        "bulk_ids",
        states=to_json(wanted.states),
        project=wanted.project,
        kind=wanted.kind,
        batch=wanted.batch,
        label=reading.label_pattern(wanted.label),
        before=wanted.before,
        upto=wanted.upto,
        most=wanted.most,
    )
    return [row["id"] for row in rows]


def step(work: Work, action: str, jobs: Sequence[str], by: str, priority: int) -> ManyDone:
    """Does it to these jobs; one that meanwhile is where the action makes no sense is left out."""
    done, agents = 0, set()
    for job in jobs:
        try:
            after = _ACTIONS[action](work, job, by, priority)
        except Conflict:
            continue
        done += 1
        if after.cancel == "requested" and after.agent:
            agents.add(after.agent)
    work.readied = work.readied or done > 0
    return ManyDone(done=done, agents=tuple(sorted(agents)))


def _cancel(work: Work, job: str, _by: str, _priority: int) -> JobRecord:
    return deciding.cancel(work, job)


def _retry(work: Work, job: str, _by: str, _priority: int) -> JobRecord:
    return deciding.retry(work, job)


def _park(work: Work, job: str, by: str, _priority: int) -> JobRecord:
    return deciding.park(work, job, f"parked by {by}")


def _prioritise(work: Work, job_id: str, _by: str, priority: int) -> JobRecord:
    """Sets a job's priority, and the urgency of what it waits for. Raises: Conflict when it cannot start any more."""
    job = work.job(job_id)
    if job.state not in (JobState.BLOCKED, JobState.READY, JobState.CHANGES_REQUESTED):
        raise Conflict(f"job {job.name} is {job.state}")
    work.tx.run("set_priority", id=job.id, priority=priority)
    work.journal("job.prioritised", job.id, priority=priority)
    changed = [job.id]
    while changed:
        one = changed.pop()
        if work.tx.run("set_urgency", id=one, urgency=work.tx.value("urgency_of", id=one)):
            changed += [row["id"] for row in work.tx.all("needs_of_job", job=one)]
    return work.job(job.id)


_ACTIONS: dict[str, Callable[[Work, str, str, int], JobRecord]] = {
    "cancel": _cancel,
    "retry": _retry,
    "park": _park,
    "priority": _prioritise,
}
