"""How an attempt ends: one path for outcomes, losses and hand-backs, fenced by epoch and session."""

from collections.abc import Mapping, Sequence

from paddock.core import settlement
from paddock.core.effects import effects
from paddock.core.settlement import Settlement, Standing
from paddock.core.states import FINAL, JOB, AttemptState, JobState, move
from paddock.store.base import Fate
from paddock.store.ops import attempts, changing, releasing, spending, telling
from paddock.store.ops.work import Work, record, to_json
from paddock.store.records import JobRecord
from paddock.store.statements import Row
from paddock.wire.messages import Outcome

# The code of an outcome that only says where the work of a dead run is kept.
RECOVERED = "recovered"
# Old measurements of what spawning cost are dropped at so many of the finishes.
TRIM_SHARE = 0.02
# What an outcome says of a run that was held, or that needed no holding; all else stands in the journal.
HELD = ("", "contained")


def finish_all(work: Work, agent: str, session: str, outcomes: Sequence[Outcome]) -> tuple[Fate, ...]:
    """Takes an agent's outcomes; those that name no session are of this one.

    The code of each is "" when it stands (also when it is a repetition), else why it was refused.
    """
    plain: dict[tuple[str, int], dict[str, Outcome]] = {}
    for outcome in outcomes:
        if outcome.status == AttemptState.DONE and outcome.change is None and outcome.containment in HELD:
            plain.setdefault((outcome.session or session, outcome.epoch), {}).setdefault(outcome.job, outcome)
    stand = {
        id(group[job]) for (whose, epoch), group in plain.items() for job in _end_well(work, agent, whose, epoch, group)
    }
    return tuple(
        (o.job, o.epoch, "" if id(o) in stand else finish(work, agent, o.session or session, o)) for o in outcomes
    )


def _end_well(work: Work, agent: str, session: str, epoch: int, outcomes: Mapping[str, Outcome]) -> list[str]:
    """Ends those attempts of this epoch that are live and leave nothing to be decided, and their jobs; returns these.

    Fenced: the statement takes no attempt but one that this session of the agent still holds.
    """
    ids = to_json(list(outcomes))
    rows = work.tx.all("settle_done", ids=ids, epoch=epoch, session=session, agent=agent, ended=work.now)
    if not rows:
        return []
    done = [str(row["id"]) for row in rows]
    attempts.add_done(work, agent, session, rows, outcomes)
    for row in rows:
        if row["reserved_money"] is not None or "usage" in outcomes[row["id"]].result:
            spending.settle(work, work.job(row["id"]), AttemptState.DONE, outcomes[row["id"]])
    telling.tell(work, "attempt.done", done, agent, epochs=[epoch] * len(done), code="", state=JobState.DONE)
    for kind, spawn_ms in {row["kind"]: outcomes[row["id"]].spawn_ms for row in rows}.items():
        _measure(work, kind, spawn_ms)
    releasing.release_all(work, to_json(done), {row["batch"] for row in rows})
    held = any(row["exclusive"] or row["reserved_money"] is not None for row in rows)
    work.readied = work.readied or held or _limited(work)
    return done


def _limited(work: Work) -> bool:
    """Whether room under a limit is something that others may wait for."""
    return bool(work.tx.value("count_limits", but=""))


def finish(work: Work, agent: str, session: str, outcome: Outcome) -> str:
    """Takes one outcome. Returns "" when it stands (also when it is a repetition), else why it was refused."""
    row = work.tx.one("job", id=outcome.job)
    if row is None:
        return "unknown_job"
    job = record(JobRecord, row)
    if (job.state, job.epoch, job.session, job.agent) != (JobState.LEASED, outcome.epoch, session, agent):
        return _late(work, row, agent, session, outcome)
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
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        losses=job.losses,
        cancelling=job.cancel is not None,
        grants=job.epoch,
        waits=job.waits,
        reset_ms=_reset(outcome) - work.now,
        progressed=ended is AttemptState.LOST and _progressed(work, job),
    )
    return settlement.settle(ended, outcome.code, outcome.change is not None, standing, work.chance())


def _reset(outcome: Outcome) -> int:
    """When a limit is over that stopped the run, in epoch milliseconds; 0 where it does not say."""
    said = outcome.result.get(settlement.RATE_LIMITED)
    until = said.get("until") if isinstance(said, dict) else None
    return until if isinstance(until, int) else 0


def _progressed(work: Work, job: JobRecord) -> bool:
    """Whether the attempt wrote to the job's state."""
    return work.tx.value("state_since", job=job.id, since=job.started or 0) is not None


def _end(work: Work, job: JobRecord, outcome: Outcome, ended: AttemptState, fate: Settlement) -> None:
    """Fenced: writes nothing unless job, epoch and session are still the current ones."""
    move(JOB, f"job {job.id}", job.state, fate.state)
    change = None
    if fate.state is JobState.IN_REVIEW and outcome.change is not None:
        change = changing.open_change(work, job, outcome.change)
    lease = {"agent": job.agent, "session": job.session, "started": job.started, "wip": job.wip}
    attempts.add(work, lease, ended, outcome)
    settled = work.tx.run(
        "settle_job",
        job=job.id,
        epoch=job.epoch,
        session=job.session,
        state=fate.state,
        reason=fate.reason,
        refund=int(fate.refund),
        lost=int(fate.lost),
        waited=int(fate.waited),
        not_before=work.now + fate.not_before_ms if fate.not_before_ms else 0,
        ended=work.now if fate.state in FINAL else None,
        change=change,
    )
    if settled != 1:
        raise RuntimeError("a leased job changed hands inside a transaction")
    if job.reserved_money is not None or "usage" in outcome.result:
        spending.settle(work, job, ended, outcome)
    held = job.exclusive is not None or job.reserved_money is not None
    work.readied = work.readied or fate.state is JobState.READY or held or _limited(work)
    facts: dict[str, object] = {"epoch": job.epoch, "code": outcome.code, "state": fate.state}
    if fate.not_before_ms:
        facts["not_before"] = work.now + fate.not_before_ms
    if outcome.containment not in HELD:
        facts["containment"] = outcome.containment
    work.journal(f"attempt.{ended}", job.id, job.agent, **facts)
    _consequences(work, job, outcome, ended, fate, change)


def _measure(work: Work, kind: str, spawn_ms: int) -> None:
    if not spawn_ms:
        return
    work.tx.run("add_spawn", kind=kind, at=work.now, spawn_ms=spawn_ms)
    if work.chance() < TRIM_SHARE:
        work.tx.run("trim_spawns", kind=kind)


def _consequences(
    work: Work, job: JobRecord, outcome: Outcome, ended: AttemptState, fate: Settlement, change: str | None
) -> None:
    if ended is AttemptState.DONE:
        _measure(work, job.kind, outcome.spawn_ms)
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


def _keep_wip(work: Work, past: Row | None, outcome: Outcome) -> bool:
    """Notes where the work of a dead run is; of one whose lease still runs, until the lease ends.

    Of an attempt that ended well among others, the journal alone remembers it.
    """
    if past is None:
        return bool(work.tx.run("keep_live_wip", job=outcome.job, epoch=outcome.epoch, wip=outcome.wip))
    work.tx.run("keep_wip", job=outcome.job, epoch=outcome.epoch, wip=outcome.wip)
    return not past["wip"]


def _late(work: Work, row: Row, agent: str, session: str, outcome: Outcome) -> str:
    """An outcome of an attempt that is over: a repetition is harmless, anything else is refused and remembered."""
    past = attempts.one(work.tx, row, outcome.epoch)
    if outcome.wip and _keep_wip(work, past, outcome):
        work.journal("wip.kept", outcome.job, agent, epoch=outcome.epoch, wip=outcome.wip)
        if past is None and outcome.code == RECOVERED:
            return ""
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
