"""What people ask of jobs and agents: cancel, retry, drain."""

from collections.abc import Sequence

from paddock.core.errors import Conflict, NotFound
from paddock.core.states import CLAIMABLE, FINAL, JOB, RETRIABLE, JobState
from paddock.store.ops import budgeting, changing
from paddock.store.ops.work import Work, record, to_json
from paddock.store.records import Agent, JobRecord
from paddock.wire.messages import Check


def cancel(work: Work, job_id: str) -> JobRecord:
    """Cancels a job: at once where nobody runs it, else by an order to its holder.

    Raises: Conflict when it has ended.
    """
    job = work.job(job_id)
    if job.state in FINAL and job.state is not JobState.PARKED:
        raise Conflict(f"job {job.name} is {job.state}", hint="only a job that has not ended can be cancelled")
    if job.state is JobState.LEASED:
        if work.tx.run("request_cancel", id=job.id):
            work.journal("cancel.requested", job.id, job.agent)
        return work.job(job.id)
    _move(work, job, JobState.CANCELLED, "cancelled", fresh=False)
    if job.state is JobState.IN_REVIEW:
        changing.supersede(work, job.id, "its job was cancelled")
    return work.job(job.id)


def retry(work: Work, job_id: str) -> JobRecord:
    """Gives an ended job a fresh set of tries.

    Raises: Conflict when it has not ended, or is done, or when another job with its unique key has not ended.
    """
    job = work.job(job_id)
    if job.state in CLAIMABLE:
        return job
    if job.state not in RETRIABLE:
        raise Conflict(
            f"job {job.name} is {job.state}", hint="only failed, refused, parked or cancelled jobs are tried again"
        )
    if job.open_key is not None:
        twin = work.tx.one("open_keys", project=job.project, keys=to_json([job.open_key]))
        if twin is not None:
            raise Conflict(f"job {job.name}: {twin['id']} has the same unique key and has not ended")
    if job.state is JobState.PARKED:
        budgeting.let_go(work, job.project, f"a retry of {job.name}")
    _move(work, job, JobState.BLOCKED if work.tx.value("still_blocked", id=job.id) else JobState.READY, "", fresh=True)
    return work.job(job.id)


def park(work: Work, job_id: str, reason: str) -> JobRecord:
    """Lays a job aside that nobody runs, until a person tries it anew or cancels it.

    Raises: Conflict when it runs, is in review or has ended.
    """
    job = work.job(job_id)
    if JobState.PARKED not in JOB[job.state] or job.state is JobState.LEASED:
        raise Conflict(f"job {job.name} is {job.state}", hint="only a job that waits to start can be parked")
    _move(work, job, JobState.PARKED, reason, fresh=False)
    return work.job(job.id)


def _move(work: Work, job: JobRecord, state: JobState, reason: str, *, fresh: bool) -> None:
    moved = work.tx.run(
        "move_job",
        id=job.id,
        old=job.state,
        state=state,
        reason=reason,
        ended=work.now if state in FINAL else None,
        not_before=0,
        fresh=int(fresh),
    )
    if moved != 1:
        raise Conflict(f"job {job.name} moved meanwhile")
    work.journal(f"job.{state}", job.id, reason=reason)


def drain(work: Work, agent: str, draining: bool) -> Agent:
    """Marks an agent to take no more jobs, or to take them again."""
    if not work.tx.run("set_draining", id=agent, draining=int(draining)):
        raise NotFound(f"no agent {agent!r}")
    work.journal("agent.draining" if draining else "agent.resumed", None, agent)
    row = work.tx.one("agent", id=agent)
    assert row is not None
    return record(Agent, row)


def set_health(work: Work, agent: str, session: str, checks: Sequence[Check], told: str) -> bool:
    """Keeps how an agent's checks stand; `told` goes to the journal. False when another session has begun."""
    if not work.tx.run("set_health", id=agent, session=session, health=to_json(checks)):
        return False
    if told:
        failing = [check for check in checks if not check.ok and not check.advisory]
        said = {"check": failing[0].name, "detail": failing[0].detail} if failing else {}
        work.journal(told, None, agent, **said)
    return True
