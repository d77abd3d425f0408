"""Batches and jobs on their way in."""

from paddock.core import matching
from paddock.core.errors import BadInput, NotFound
from paddock.core.job import Job
from paddock.core.states import JobState
from paddock.store.ops.work import Work, to_json
from paddock.store.records import Submission


def submit(work: Work, given: Submission) -> tuple[str, list[tuple[str, str]]]:
    """Stores a batch whole or not at all; returns its id and (job id, name) for each job.

    Raises: NotFound for an unknown project or batch.
    """
    if work.tx.one("project", name=given.project) is None:
        raise NotFound(f"unknown project {given.project!r}", hint="`paddock project add` registers a repository")
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
    ids = {job.name: work.new_id("j") for job in given.jobs}
    for job in given.jobs:
        state = JobState.BLOCKED if job.depends_on or closed else JobState.READY
        add_job(work, job, given.project, id=ids[job.name], batch=batch, state=state)
        for other in job.depends_on:
            work.tx.run("add_need", job=ids[job.name], needs=ids[other])
    return batch, [(ids[job.name], job.name) for job in given.jobs]


def _is_closed(work: Work, given: Submission) -> bool:
    if given.opens_batch is None:
        return False
    if work.tx.one("batch", id=given.opens_batch) is None:
        raise BadInput(f"unknown batch {given.opens_batch!r}", where="opens_after.batch")
    return bool(work.tx.value("done_in_batch", batch=given.opens_batch) < given.opens_done)


def add_job(
    work: Work,
    job: Job,
    project: str,
    *,
    id: str = "",
    batch: str | None = None,
    state: JobState = JobState.READY,
    subject: str | None = None,
    unique_key: str | None = None,
    exclusive: str | None = None,
) -> str:
    """Stores one job and returns its id; empty when one with its unique key is there already."""
    job_id = id or work.new_id("j")
    added = work.tx.run(
        "add_job",
        id=job_id,
        name=job.name,
        batch=batch,
        project=project,
        kind=job.kind,
        lane=matching.lane(project, job.kind, job.requires),
        state=state,
        priority=job.priority,
        urgency=job.urgency,
        payload=to_json(job.payload),
        scope=to_json(job.scope),
        requires=to_json(job.requires),
        accept=to_json(job.accept),
        timeout=job.timeout,
        max_attempts=job.max_attempts,
        subject=subject,
        unique_key=unique_key,
        exclusive=exclusive,
        created=work.now,
    )
    if not added:
        return ""
    work.readied = work.readied or state is JobState.READY
    work.journal("job.submitted", job_id, name=job.name, kind=job.kind, project=project, batch=batch, state=state)
    return job_id
