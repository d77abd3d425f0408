"""How an attempt ends: one path for outcomes, losses and hand-backs, fenced by epoch and session."""

from paddock.core import settlement
from paddock.core.effects import effects
from paddock.core.settlement import Settlement, Standing
from paddock.core.states import FINAL, JOB, AttemptState, JobState, move
from paddock.store.ops import changing, releasing
from paddock.store.ops.work import Work, record, to_json
from paddock.store.records import JobRecord
from paddock.store.statements import Row
from paddock.wire.messages import Outcome

# The code of an outcome that only says where the work of a dead run is kept.
RECOVERED = "recovered"
# Old measurements of what spawning cost are dropped at so many of the finishes.
TRIM_SHARE = 0.02


def finish(work: Work, agent: str, session: str, outcome: Outcome) -> str:
    """Takes an agent's outcome. Returns "" when it stands (also when it is a repetition), else why it was refused."""
    row = work.tx.one("job", id=outcome.job)
    if row is None:
        return "unknown_job"
    job = record(JobRecord, row)
    if (job.state, job.epoch, job.session, job.agent) != (JobState.LEASED, outcome.epoch, session, agent):
        return _late(work, agent, session, outcome)
    ended = AttemptState(outcome.status)
    _end(work, job, outcome, ended, _fate(work, job, ended, outcome))
    return ""


def lose(work: Work, job: JobRecord, code: str) -> None:
    """Ends an attempt whose holder is gone: its lease ran out, or its agent started anew."""
    _without_outcome(work, job, AttemptState.LOST, code)


def take_back(work: Work, job: JobRecord, code: str) -> None:
    """Ends an attempt that never began: the agent does not hold what it was granted."""
    _without_outcome(work, job, AttemptState.RETURNED, code)


def _without_outcome(work: Work, job: JobRecord, ended: AttemptState, code: str) -> None:
    outcome = Outcome(job=job.id, epoch=job.epoch, status="returned", code=code, ended=work.now)
    _end(work, job, outcome, ended, _fate(work, job, ended, outcome))


def _fate(work: Work, job: JobRecord, ended: AttemptState, outcome: Outcome) -> Settlement:
    standing = Standing(
        attempt=job.attempt, max_attempts=job.max_attempts, losses=job.losses, cancelling=job.cancel is not None
    )
    return settlement.settle(ended, outcome.code, outcome.change is not None, standing, work.chance())


def _end(work: Work, job: JobRecord, outcome: Outcome, ended: AttemptState, fate: Settlement) -> None:
    """Fenced: writes nothing unless job, epoch and session are still the current ones."""
    move(JOB, f"job {job.id}", job.state, fate.state)
    change = None
    if fate.state is JobState.IN_REVIEW and outcome.change is not None:
        change = changing.open_change(work, job, outcome.change)
    settled = work.tx.run(
        "settle_job",
        job=job.id,
        epoch=job.epoch,
        session=job.session,
        state=fate.state,
        reason=fate.reason,
        refund=int(fate.refund),
        lost=int(fate.lost),
        not_before=work.now + fate.not_before_ms if fate.not_before_ms else 0,
        ended=work.now if fate.state in FINAL else None,
        change=change,
    )
    if settled != 1:
        raise RuntimeError("a leased job changed hands inside a transaction")
    work.tx.run(
        "settle_attempt",
        job=job.id,
        epoch=job.epoch,
        session=job.session,
        state=ended,
        code=outcome.code,
        detail=outcome.detail,
        exit_code=outcome.exit_code,
        started=outcome.started or None,
        ended=outcome.ended or work.now,
        spawn_ms=outcome.spawn_ms,
        wip=outcome.wip,
        containment=outcome.containment,
        result=to_json(outcome.result),
    )
    work.readied = work.readied or fate.state is JobState.READY or job.exclusive is not None
    facts = {"epoch": job.epoch, "code": outcome.code, "state": fate.state}
    work.journal(f"attempt.{ended}", job.id, job.agent, **facts)
    _consequences(work, job, outcome, ended, fate, change)


def _consequences(
    work: Work, job: JobRecord, outcome: Outcome, ended: AttemptState, fate: Settlement, change: str | None
) -> None:
    if ended is AttemptState.DONE and outcome.spawn_ms:
        work.tx.run("add_spawn", kind=job.kind, at=work.now, spawn_ms=outcome.spawn_ms)
        if work.chance() < TRIM_SHARE:
            work.tx.run("trim_spawns", kind=job.kind)
    if change is not None:
        changing.advance(work, change)
    for effect in effects(job.kind, job.payload, ended, outcome.code, outcome.result):
        changing.apply(work, job, effect)
    if fate.state is JobState.DONE:
        releasing.release(work, job)
    if job.subject and fate.state in FINAL - {JobState.DONE}:
        work.tx.run("note_change", id=job.subject, now=work.now, reason=f"{job.name}: {fate.reason or fate.state}")


def _repeats(past: Row, agent: str, session: str, outcome: Outcome) -> bool:
    return bool(past["session"] == session and past["agent"] == agent and past["state"] == outcome.status)


def _late(work: Work, agent: str, session: str, outcome: Outcome) -> str:
    """An outcome of an attempt that is over: a repetition is harmless, anything else is refused and remembered."""
    past = work.tx.one("attempt", job=outcome.job, epoch=outcome.epoch)
    if (
        past is not None
        and outcome.wip
        and work.tx.run("keep_wip", job=outcome.job, epoch=outcome.epoch, wip=outcome.wip)
    ):
        work.journal("wip.kept", outcome.job, agent, epoch=outcome.epoch, wip=outcome.wip)
    if past is not None and (outcome.code == RECOVERED or _repeats(past, agent, session, outcome)):
        return ""
    work.journal(
        "outcome.stale",
        outcome.job,
        agent,
        epoch=outcome.epoch,
        status=outcome.status,
        said=outcome.code,
        code="stale_lease",
        wip=outcome.wip,
    )
    return "stale_lease"
