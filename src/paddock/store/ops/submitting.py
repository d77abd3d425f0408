"""Batches and jobs on their way in."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from paddock.core import matching, spending
from paddock.core.errors import BadInput, NotFound
from paddock.core.job import Job, Scope
from paddock.core.states import JobState
from paddock.store.ops import telling
from paddock.store.ops.work import Work, to_json
from paddock.store.records import Submission, Submitted
from paddock.store.statements import Row


def submit(work: Work, given: Submission) -> Submitted:
    """Stores a batch whole or not at all.

    A job whose unique key is that of one which has not ended is not stored: that other one stands for it.

    Raises: NotFound for an unknown project or batch.
    """
    known_project(work, given.project)
    batch = work.new_id("b")
    closed = _is_closed(work, given)
    work.tx.run(
        "add_batch",
        id=batch,
        project=given.project,
        name=given.name,
        opens_batch=given.opens_batch,
        opens_done=given.opens_done,
        created=work.now,
    )
    twins = _twins(work, given)
    fresh = [job for job in given.jobs if job.name not in twins]
    ids = {job.name: twins.get(job.name) or work.new_id("j") for job in given.jobs}
    states = [JobState.BLOCKED if job.depends_on or closed else JobState.READY for job in fresh]
    rows = [
        _row(work, job, given.project, id=ids[job.name], batch=batch, state=state, unique_key=given.unique_key(job))
        for job, state in zip(fresh, states, strict=True)
    ]
    if rows:
        work.tx.many("add_job", rows)
    needs = [{"job": ids[job.name], "needs": ids[other]} for job in fresh for other in job.depends_on]
    if needs:
        work.tx.many("add_need", needs)
    work.readied = JobState.READY in states
    _tell(work, given, batch, fresh, states, ids)
    return Submitted(batch=batch, jobs=tuple((ids[job.name], job.name) for job in given.jobs), twins=frozenset(twins))


def known_project(work: Work, name: str) -> None:
    """Raises: NotFound."""
    if work.tx.one("project", name=name) is None:
        raise NotFound(f"unknown project {name!r}", hint="`paddock project add` registers a repository")


def _twins(work: Work, given: Submission) -> dict[str, str]:
    """Jobs of the batch that one stands for which has not ended: name → that one's id."""
    keys = {job.unique: job.name for job in given.jobs if job.unique}
    if not keys:
        return {}
    found = work.tx.all("open_keys", project=given.project, keys=to_json(list(keys)))
    return {keys[row["open_key"]]: row["id"] for row in found}


def _tell(
    work: Work, given: Submission, batch: str, fresh: Sequence[Job], states: Sequence[JobState], ids: dict[str, str]
) -> None:
    about: dict[str, Any] = {"project": given.project, "batch": batch}
    if len(fresh) == 1:
        about |= {"name": fresh[0].name, "kind": fresh[0].kind}
    alike, apart = _waits(fresh, states)
    telling.tell(work, "job.submitted", [ids[job.name] for job in fresh], apart=apart, **about, **alike)


def _waits(fresh: Sequence[Job], states: Sequence[JobState]) -> tuple[dict[str, Any], dict[int, dict[str, Any]]]:
    """What the journal says of jobs that cannot start at once: of all of them, and by place of some."""
    if JobState.BLOCKED not in states and not any(job.not_before for job in fresh):
        return {}, {}
    each: list[dict[str, Any]] = [
        ({"blocked": True} if state is JobState.BLOCKED else {})
        | ({"not_before": job.not_before} if job.not_before else {})
        for job, state in zip(fresh, states, strict=True)
    ]
    if all(said == each[0] for said in each):
        return each[0], {}
    return {}, {at: said for at, said in enumerate(each) if said}


def _is_closed(work: Work, given: Submission) -> bool:
    if given.opens_batch is None:
        return False
    if work.tx.one("batch", id=given.opens_batch) is None:
        raise BadInput(f"unknown batch {given.opens_batch!r}", where="opens_after.batch")
    return bool(work.tx.value("done_in_batch", batch=given.opens_batch) < given.opens_done)


def add_job(work: Work, job: Job, project: str, *, subject: str, unique_key: str, exclusive: str | None = None) -> str:
    """Stores one job of the control plane's own and returns its id; empty when one with its unique key is there."""
    job_id = work.new_id("j")
    row = _row(work, job, project, id=job_id, subject=subject, unique_key=unique_key, exclusive=exclusive)
    if spending.spends(job.kind, job.requires):  # what it costs is its author's cost
        row["budget"] = work.tx.value("budget_of_author", change=subject) or "{}"
    if not work.tx.run("add_job", **row):
        return ""
    work.readied = True
    telling.tell(work, "job.submitted", [job_id], project=project, name=job.name, kind=job.kind)
    return job_id


@lru_cache(1_024)
def _same(value: Scope | tuple[str, ...]) -> str:
    """JSON of what many jobs of a batch have in common."""
    return to_json(value)


def _row(
    work: Work,
    job: Job,
    project: str,
    *,
    id: str,
    batch: str | None = None,
    state: JobState = JobState.READY,
    subject: str | None = None,
    unique_key: str | None = None,
    exclusive: str | None = None,
) -> Row:
    return {
        "id": id,
        "name": job.name,
        "batch": batch,
        "project": project,
        "kind": job.kind,
        "lane": matching.lane(project, job.kind, job.requires, job.limits),
        "state": state,
        "priority": job.priority,
        "urgency": job.urgency,
        "payload": to_json(job.payload),
        "scope": _same(job.scope),
        "requires": _same(job.requires),
        "accept": _same(job.accept),
        "timeout": job.timeout,
        "max_attempts": job.max_attempts,
        "subject": subject,
        "unique_key": unique_key,
        # Apart from the control plane's own keys, and from other projects'.
        "exclusive": f"job:{project}:{job.exclusive}" if job.exclusive else exclusive,
        "not_before": job.not_before,
        "open_key": job.unique or None,
        "labels": to_json(job.labels) if job.labels else "[]",
        "budget": to_json(job.budget) if job.budget is not None else "{}",
        "created": work.now,
    }
