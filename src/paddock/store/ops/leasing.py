"""Leases: granted, renewed and reconciled at the beat; ended by the reaper or by an agent's new session."""

from collections.abc import Sequence

from paddock.core.errors import NotFound, StaleSession
from paddock.store.base import Fate
from paddock.store.ops import finishing
from paddock.store.ops.work import Work, record, records, to_json
from paddock.store.records import BeatIn, BeatOut, JobRecord, SessionStart

EXPIRE_MOST = 500


def beat(work: Work, given: BeatIn) -> BeatOut:
    """Outcomes, then renewals, then grants: what one beat asks of the store, in one transaction."""
    acks = tuple(
        (o.job, o.epoch, finishing.finish(work, given.agent, o.session or given.session, o)) for o in given.outcomes
    )
    stops = _renew(work, given)
    repeated = _reconcile(work, given)
    granted = repeated + _claim(work, given, given.want - len(repeated))
    leases = len(work.tx.all("leases_of_agent", agent=given.agent))
    return BeatOut(acks=acks, stops=stops, granted=tuple(granted), leases=leases, readied=work.readied)


def _renew(work: Work, given: BeatIn) -> tuple[tuple[str, int, str], ...]:
    stops = []
    for held in given.held:
        row = work.tx.one(
            "renew", job=held.job, epoch=held.epoch, session=given.session, expires_at=given.now + given.ttl
        )
        if row is None:
            work.journal("lease.stale", held.job, given.agent, epoch=held.epoch, code="stale_lease")
            stops.append((held.job, held.epoch, "stale"))
        elif row["cancel"] is not None:
            if held.cancelling and work.tx.run("cancel_delivered", job=held.job, epoch=held.epoch):
                work.journal("cancel.delivered", held.job, given.agent, epoch=held.epoch)
            stops.append((held.job, held.epoch, "cancel"))
    return tuple(stops)


def _reconcile(work: Work, given: BeatIn) -> list[JobRecord]:
    """Holds the leases in the store against what the agent says it holds.

    One granted in answer to this very beat (its answer was lost) is granted again as it stands; one granted earlier
    that the agent does not know of never reached it and goes back.
    """
    known = {(h.job, h.epoch) for h in given.held} | {(o.job, o.epoch) for o in given.outcomes}
    repeated = []
    for lease in records(JobRecord, work.tx.all("leases_of_agent", agent=given.agent)):
        if (lease.id, lease.epoch) in known or lease.session != given.session:
            continue
        if lease.seq == given.seq:
            repeated.append(lease)
        elif (lease.seq or 0) < given.seq:
            finishing.take_back(work, lease, "undelivered")
    return repeated


def _claim(work: Work, given: BeatIn, want: int) -> list[JobRecord]:
    """Grants up to `want` jobs of the lanes: most urgent first, then oldest."""
    if want <= 0:
        return []
    heads = [
        (-row["urgency"], row["id"])
        for lane in given.lanes
        for row in work.tx.all("lane_heads", lane=lane, now=given.now, most=want)
    ]
    granted = []
    for _, job in sorted(heads)[:want]:
        row = work.tx.one(
            "grant",
            id=job,
            agent=given.agent,
            session=given.session,
            seq=given.seq,
            now=given.now,
            expires_at=given.now + given.ttl,
        )
        if row is not None:
            granted.append(_note_grant(work, given, record(JobRecord, row)))
    return granted


def _note_grant(work: Work, given: BeatIn, job: JobRecord) -> JobRecord:
    work.tx.run("add_attempt", job=job.id, epoch=job.epoch, agent=given.agent, session=given.session, now=given.now)
    work.journal("job.leased", job.id, given.agent, epoch=job.epoch, session=given.session)
    return job


def expire(work: Work, now: int) -> Sequence[str]:
    """Ends every lease that ran out; returns the jobs."""
    lost = records(JobRecord, work.tx.all("expired", now=now, most=EXPIRE_MOST))
    for job in lost:
        finishing.lose(work, job, "lease_expired")
    return [job.id for job in lost]


def forgive(work: Work, expires_at: int) -> int:
    """Gives every lease at least until `expires_at`: after the control plane's own outage nobody else is to blame."""
    return work.tx.run("forgive", expires_at=expires_at)


def start_session(work: Work, given: SessionStart) -> tuple[int, list[Fate]]:
    """An agent's new boot: what its earlier session has to tell is heard, then what it held is lost.

    Returns how many leases were lost, and what became of the outcomes.

    Raises: NotFound for an unknown agent, StaleSession for a session that was replaced before.
    """
    agent = work.tx.one("agent", id=given.agent)
    if agent is None:
        raise NotFound(f"no agent {given.agent!r}")
    fresh = agent["session"] != given.session
    if fresh and work.tx.one("session", session=given.session) is not None:
        raise StaleSession()
    work.tx.run(
        "start_session",
        agent=given.agent,
        session=given.session,
        now=given.now,
        name=given.hello.name,
        version=given.hello.version,
        kinds=to_json(given.hello.kinds),
        capabilities=to_json(given.hello.capabilities),
        slots=given.hello.slots,
        containment=given.hello.containment,
    )
    acks = [
        (o.job, o.epoch, finishing.finish(work, given.agent, o.session or given.session, o)) for o in given.outcomes
    ]
    if not fresh:
        return 0, acks
    work.tx.run("end_session", session=agent["session"], now=given.now)
    work.tx.run("add_session", session=given.session, agent=given.agent, now=given.now)
    work.journal("session.started", None, given.agent, session=given.session, version=given.hello.version)
    orphans = records(JobRecord, work.tx.all("leases_of_agent", agent=given.agent))
    for job in orphans:
        finishing.lose(work, job, "agent_restarted")
    return len(orphans), acks
