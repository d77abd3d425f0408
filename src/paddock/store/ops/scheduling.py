"""Schedules: what recurs is submitted at its time, once, in the same transaction that moves the time on."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from paddock.core import recurrence
from paddock.core.errors import BadInput, Conflict, NotFound, PaddockError
from paddock.core.job import Job, parse_batch, settle
from paddock.core.limits import NEVER
from paddock.core.recurrence import Recurrence
from paddock.store.ops import deciding, submitting
from paddock.store.ops.work import Work, record, records, to_json
from paddock.store.records import Fired, Firing, NewSchedule, Schedule, Submission
from paddock.store.statements import Tx

# Firings of a schedule that are remembered, and jobs of one that may wait or run at a time.
KEEP = 100
MOST_WAITING = 50
# Later than this, a firing was missed: nobody was there to see to it.
LATE_MS = 60_000


def zone_of(name: str) -> ZoneInfo:
    """Raises: BadInput for a name that is no time zone's."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"unknown time zone {name[:40]!r}", hint="such as Europe/Berlin or UTC", where="tz") from None


def add(work: Work, given: NewSchedule) -> Schedule:
    """Adds a schedule; its first firing is the first time behind now.

    Raises: BadInput naming the field, NotFound for an unknown project, Conflict for a name that is taken.
    """
    rule = Recurrence(cron=given.cron, zone=zone_of(given.zone), every=given.every or 0)
    recurrence.check(rule)
    first = recurrence.next_after(rule, work.now, work.now)
    if first is None:
        raise BadInput(f"cron: {given.cron!r} never comes", where="cron")
    submitting.known_project(work, given.project)
    schedule = work.new_id("s")
    added = work.tx.run(
        "add_schedule",
        id=schedule,
        name=given.name,
        project=given.project,
        submits=to_json(given.submits),
        cron=given.cron,
        zone=given.zone,
        every=given.every,
        overlap=given.overlap,
        catch_up=int(given.catch_up),
        next_at=first,
        created=work.now,
    )
    if not added:
        raise Conflict(f"there is a schedule {given.name!r}", hint="remove it first, or choose another name")
    work.journal("schedule.added", schedule=given.name, project=given.project, next_at=first)
    return find(work.tx, schedule)


def find(tx: Tx, ref: str) -> Schedule:
    """The schedule with this id or name. Raises: NotFound."""
    row = tx.one("schedule", id=ref) or tx.one("schedule_named", name=ref)
    if row is None:
        raise NotFound(f"no schedule {ref!r}", hint="`paddock schedule list` lists them")
    return record(Schedule, row)


def firings(tx: Tx, schedule: str) -> list[Firing]:
    """What became of its latest times, the latest first."""
    return records(Firing, tx.all("firings", schedule=schedule, most=KEEP))


def set_paused(work: Work, ref: str, paused: bool, by: str) -> Schedule:
    """Has a schedule fire no more, or again from the next time behind now on. Raises: NotFound."""
    schedule = find(work.tx, ref)
    if schedule.paused != paused:
        next_at = schedule.next_at if paused else _next(schedule, work.now)
        work.tx.run("move_schedule", id=schedule.id, old=schedule.next_at, next_at=next_at, paused=int(paused))
        work.journal("schedule.paused" if paused else "schedule.resumed", schedule=schedule.name, by=by)
    return find(work.tx, schedule.id)


def remove(work: Work, ref: str, by: str) -> Schedule:
    """Removes a schedule; the jobs it made stay. Raises: NotFound."""
    schedule = find(work.tx, ref)
    work.tx.run("remove_firings", id=schedule.id)
    work.tx.run("remove_schedule", id=schedule.id)
    work.journal("schedule.removed", schedule=schedule.name, by=by)
    return schedule


def _next(schedule: Schedule, moment: int) -> int:
    rule = Recurrence(cron=schedule.cron, zone=zone_of(schedule.zone), every=schedule.every or 0)
    return recurrence.next_after(rule, moment, schedule.next_at) or NEVER


def fire(work: Work, schedule_id: str, due: int) -> Fired:
    """Does what is due at `due`, and moves on to the next time behind now: of times that were missed, one is made good.

    Nothing when another was here first, or when the schedule is gone or paused.
    """
    row = work.tx.one("schedule", id=schedule_id)
    if row is None or row["paused"] or row["next_at"] != due or due > work.now:
        return Fired(next_at=row["next_at"] if row and not row["paused"] else None)
    schedule = record(Schedule, row)
    batch, reason = None, _why_not(work, schedule, due)
    if not reason:
        try:
            batch = _submit(work, schedule, due)
        except PaddockError as error:  # it was refused before anything was written
            reason = error.message
    next_at = _next(schedule, work.now)
    work.tx.run("move_schedule", id=schedule.id, old=due, next_at=next_at, paused=0)
    work.tx.run("add_firing", schedule=schedule.id, at=due, batch=batch, reason=reason)
    work.tx.run("trim_firings", schedule=schedule.id, keep=KEEP - 1)
    if batch is None:
        work.journal("schedule.skipped", schedule=schedule.name, due=due, reason=reason)
    else:
        work.journal("schedule.fired", schedule=schedule.name, due=due, batch=batch)
    return Fired(batch=batch, next_at=next_at)


def _why_not(work: Work, schedule: Schedule, due: int) -> str:
    """Why nothing is submitted this time; empty when something is."""
    if work.now - due > LATE_MS and not schedule.catch_up:
        return "it was missed"
    unfinished = [row["id"] for row in work.tx.all("unfinished_of_schedule", schedule=schedule.id, most=MOST_WAITING)]
    if unfinished and schedule.overlap == "skip":
        return "its last jobs have not ended"
    if len(unfinished) == MOST_WAITING and schedule.overlap == "queue":
        return f"{MOST_WAITING} of its jobs wait or run"
    for job in unfinished if schedule.overlap == "replace" else ():
        deciding.cancel(work, job)
    return ""


def _submit(work: Work, schedule: Schedule, due: int) -> str:
    jobs = settle(parse_batch(schedule.submits))
    if schedule.overlap != "skip":
        # One firing waits for the other, also for one that is being stopped.
        jobs = [_in_turn(job, schedule.id) for job in jobs]
    made = submitting.submit(
        work,
        Submission(
            project=schedule.project, name=schedule.name, jobs=tuple(jobs), source=f"schedule:{schedule.id}:{due}"
        ),
    )
    return made.batch


def _in_turn(job: Job, schedule: str) -> Job:
    return job if job.exclusive else msgspec.structs.replace(job, exclusive=f"schedule:{schedule}")
