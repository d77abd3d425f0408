"""Leases: granted, renewed and reconciled at the beat; ended by the reaper or by an agent's new session."""

from collections.abc import Mapping, Sequence

import msgspec

from paddock.core import limits
from paddock.core.errors import NotFound, StaleSession
from paddock.store.base import Fate
from paddock.store.ops import finishing, limiting, merging, spending, submitting, telling
from paddock.store.ops.work import Work, records, to_json
from paddock.store.records import BeatIn, BeatOut, Granted, JobRecord, SessionStart, Submission, Submitted
from paddock.store.statements import Row

EXPIRE_MOST = 500
# A lease is written anew once this part of its length is gone, so that beats in quick succession write nothing.
RENEW_AFTER = 1 / 8


def beat(work: Work, given: BeatIn) -> BeatOut:
    """Outcomes, then renewals, then grants: what one beat asks of the store, in one transaction."""
    acks = finishing.finish_all(work, given.agent, given.session, given.outcomes)
    leases = {row["id"]: row for row in work.tx.all("leases_held", agent=given.agent)}
    stops = _renew(work, given, leases)
    repeated, returned = _reconcile(work, given, leases)
    granted = repeated + _claim(work, given, given.want - len(repeated))
    return BeatOut(
        acks=acks,
        stops=stops,
        granted=tuple(granted),
        leases=len(leases) - returned + len(granted) - len(repeated),
        readied=work.readied,
    )


def submit(work: Work, given: Submission, ahead: BeatIn | None) -> Submitted:
    """Stores a batch, and grants what a beat that has yet to come would be granted; that beat will find it."""
    made = submitting.submit(work, given)
    if ahead is None:
        return made
    work.actor = ""  # what is granted now is no act of whoever submits
    return msgspec.structs.replace(made, ahead=tuple(_claim(work, ahead, ahead.want)))


def recall(work: Work, ahead: BeatIn) -> int:
    """Takes back what was granted ahead of a beat that has not come; returns how many leases."""
    rows = work.tx.all("leases_held", agent=ahead.agent)
    waiting = [row["id"] for row in rows if (row["session"], row["seq"]) == (ahead.session, ahead.seq)]
    for job in waiting:
        finishing.take_back(work, work.job(job), "undelivered")
    return len(waiting)


def _renew(work: Work, given: BeatIn, leases: dict[str, Row]) -> tuple[tuple[str, int, str], ...]:
    stops = []
    renewed = []
    expires_at = given.now + given.ttl
    for held in given.held:
        row = leases.get(held.job)
        if row is None or (row["epoch"], row["session"]) != (held.epoch, given.session):
            work.journal("lease.stale", held.job, given.agent, epoch=held.epoch, code="stale_lease")
            stops.append((held.job, held.epoch, "stale"))
            continue
        if row["expires_at"] < expires_at - given.ttl * RENEW_AFTER:
            renewed.append(held.job)
        if row["cancel"] is not None:
            if held.cancelling and work.tx.run("cancel_delivered", job=held.job, epoch=held.epoch):
                work.journal("cancel.delivered", held.job, given.agent, epoch=held.epoch)
            stops.append((held.job, held.epoch, "cancel"))
    if renewed:
        work.tx.run("renew", session=given.session, ids=to_json(renewed), expires_at=expires_at)
    return tuple(stops)


def _reconcile(work: Work, given: BeatIn, leases: dict[str, Row]) -> tuple[list[Granted], int]:
    """Holds the leases in the store against what the agent says it holds.

    One granted in answer to this very beat (its answer was lost) is granted again as it stands; one granted earlier
    that the agent does not know of never reached it and goes back. Returns the former, and how many of the latter.
    """
    known = {(h.job, h.epoch) for h in given.held} | {(o.job, o.epoch) for o in given.outcomes}
    repeated, returned = [], 0
    for lease in leases.values():
        if (lease["id"], lease["epoch"]) in known or lease["session"] != given.session:
            continue
        if lease["seq"] == given.seq:
            repeated += [Granted(*row) for row in work.tx.tuples("lease_order", id=lease["id"])]
        elif (lease["seq"] or 0) < given.seq:
            finishing.take_back(work, work.job(lease["id"]), "undelivered")
            returned += 1
    return repeated, returned


def _claim(work: Work, given: BeatIn, want: int) -> list[Granted]:
    """Grants up to `want` jobs of the lanes: most urgent first, then oldest; between projects by their shares."""
    if want <= 0:
        return []
    lanes = [(lane, _heads(work, lane, given.now, want)) for lane in given.lanes]
    heads = [row for _, rows in lanes for row in rows]
    held = bool(heads) and heads[0]["held"]
    room = None
    if held or (len(lanes) > 1 and len(limits.projects_of([lane for lane, rows in lanes if rows])) > 1):
        chosen, room = limiting.choose(work, lanes, want, held)
    else:
        if len(lanes) > 1:
            heads.sort(key=lambda row: (-row["urgency"], row["id"]))
        chosen = _one_each(heads)[:want]
    if not chosen:
        return []
    granted = _grant(work, given, chosen, spending.metered(work.tx, lanes))
    if not granted:
        return []
    if any(job.kind == merging.KIND for job in granted):
        granted = [merging.join(work, job) if job.kind == merging.KIND else job for job in granted]
    if room is not None:
        limiting.note_starts(work, granted, room)
    telling.tell(
        work,
        "job.leased",
        [job.id for job in granted],
        given.agent,
        epochs=[job.epoch for job in granted],
        session=given.session,
    )
    return granted


def _grant(work: Work, given: BeatIn, chosen: list[str], metered: Mapping[str, str]) -> list[Granted]:
    """Grants the jobs, those that may not cost more than something one by one as there is room for them."""
    plain = [job for job in chosen if job not in metered] if metered else chosen
    granted: list[Granted] = []
    if plain:
        rows = work.tx.tuples(
            "grant",
            ids=to_json(plain),
            agent=given.agent,
            session=given.session,
            seq=given.seq,
            now=given.now,
            expires_at=given.now + given.ttl,
        )
        granted = [Granted(*row) for row in rows]
    if metered:
        granted += spending.grant(work, given, [job for job in chosen if job in metered], metered)
    rank = {job: at for at, job in enumerate(chosen)}
    return sorted(granted, key=lambda job: rank[job.id])


def _heads(work: Work, lane: str, now: int, most: int) -> list[Row]:
    """The jobs of a lane that may start now, most urgent first, then oldest."""
    return work.tx.all("lane_heads", lane=lane, now=now, most=most)


def _one_each(heads: list[Row]) -> list[str]:
    """The jobs, at most one of each exclusive key."""
    taken: set[str] = set()
    out = []
    for row in heads:
        if row["exclusive"] not in taken:
            out.append(row["id"])
        if row["exclusive"] is not None:
            taken.add(row["exclusive"])
    return out


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
        labels=to_json(given.hello.labels),
        health=to_json(given.hello.health),
    )
    acks = list(finishing.finish_all(work, given.agent, given.session, given.outcomes))
    if not fresh:
        return 0, acks
    work.tx.run("end_session", session=agent["session"], now=given.now)
    work.tx.run("add_session", session=given.session, agent=given.agent, now=given.now)
    work.journal("session.started", None, given.agent, session=given.session, version=given.hello.version)
    orphans = [work.job(row["id"]) for row in work.tx.all("leases_held", agent=given.agent)]
    for job in orphans:
        finishing.lose(work, job, "agent_restarted")
    return len(orphans), acks
