"""Schedules: added, paused and removed by people, fired by the control plane's pulse."""

import re
from typing import Any

import msgspec

from paddock.control.limits import MAX_NAME, fields, number, text
from paddock.control.plane import Control
from paddock.control.submit import check_accepted
from paddock.core.errors import BadInput
from paddock.core.job import parse_batch, settle
from paddock.store.records import Firing, NewSchedule, Schedule

OVERLAPS = ("skip", "queue", "replace")
# Jobs that one firing may submit.
MOST_JOBS = 100
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
# Schedules that are fired in one round, and how often they are looked at when none is due; replicas hear with each
# pulse whether another has taken one on, and need not look.
ROUND = 100
LOOK_MS = 30_000
REPLICA_LOOK_MS = 600_000


async def add(control: Control, raw: object) -> Schedule:
    """Adds a schedule for a batch; its name is that of the first job unless it is given.

    Raises: BadInput naming the field, NotFound for an unknown project, Conflict for a name that is taken.
    """
    given = fields(raw, "name", "batch", "cron", "tz", "every", "overlap", "catch_up")
    batch = parse_batch(given.get("batch"))
    jobs = settle(batch)
    if len(jobs) > MOST_JOBS:
        raise BadInput(f"a schedule submits at most {MOST_JOBS} jobs, this one {len(jobs):,}", where="batch.jobs")
    if batch.opens_after is not None or any(job.not_before for job in jobs):
        raise BadInput("the jobs of a schedule wait for its times alone", hint="leave opens_after and not_before out")
    check_accepted(control, batch.project, jobs)
    overlap = text(given, "overlap", 20) or "skip"
    if overlap not in OVERLAPS:
        raise BadInput(f"overlap: {overlap!r} is none of {', '.join(OVERLAPS)}", where="overlap")
    catch_up = given.get("catch_up", True)
    if not isinstance(catch_up, bool):
        raise BadInput("catch_up: expected true or false", where="catch_up")
    name = text(given, "name", 100) or jobs[0].name
    if not NAME.match(name):
        raise BadInput(f"name: {name!r} is no name", hint="letters, digits, . _ -", where="name")
    made = await control.store.add_schedule(
        NewSchedule(
            name=name,
            project=batch.project,
            submits=given["batch"],
            cron=text(given, "cron", 200),
            zone=text(given, "tz", 64) or "UTC",
            every=int(number(given, "every", 1, 366 * 86_400) * 1_000) if given.get("every") is not None else None,
            overlap=overlap,
            catch_up=catch_up,
        ),
        control.clock.now(),
    )
    _look(control)
    return made


async def pause(control: Control, ref: str, raw: object) -> Schedule:
    """Pauses a schedule, or resumes it. Raises: BadInput, NotFound."""
    given = fields(raw, "paused", "by")
    paused = given.get("paused", True)
    if not isinstance(paused, bool):
        raise BadInput("paused: expected true or false", where="paused")
    by = text(given, "by", MAX_NAME) or "somebody"
    changed = await control.store.pause_schedule(ref, paused, by, control.clock.now())
    _look(control)
    return changed


async def remove(control: Control, ref: str, raw: object) -> Schedule:
    """Removes a schedule; its jobs stay. Raises: BadInput, NotFound."""
    by = text(fields(raw, "by"), "by", MAX_NAME) or "somebody"
    return await control.store.remove_schedule(ref, by, control.clock.now())


def view(schedule: Schedule) -> dict[str, Any]:
    """A schedule in the shape of the API: `every` in seconds, `next` None while it is paused."""
    out: dict[str, Any] = msgspec.to_builtins(schedule)
    out["batch"], out["tz"] = out.pop("submits"), out.pop("zone")
    out["every"] = None if schedule.every is None else schedule.every / 1_000
    next_at = out.pop("next_at")
    out["next"] = None if schedule.paused else next_at
    return out


def firing_view(firing: Firing) -> dict[str, Any]:
    """One time that was due."""
    return {"at": firing.at, "batch": firing.batch, "reason": firing.reason}


def _look(control: Control) -> None:
    control.schedules_at = 0
    control.stirred.set()
    control.bus.news()


async def fire(control: Control, now: int) -> None:
    """Fires what is due, and notes when there is something to do again; asks the store no more often than that."""
    if now < control.schedules_at:
        return
    soonest = now + (LOOK_MS if control.replica is None else REPLICA_LOOK_MS)
    fired = False
    for schedule, due in await control.store.schedules_next(ROUND):
        next_at: int | None = due
        if due <= now:
            came = await control.store.fire(schedule, due, now)
            fired = fired or came.batch is not None
            next_at = came.next_at
        soonest = min(soonest, next_at or soonest)
    control.schedules_at = soonest
    if fired:
        control.stir()
