"""Actions on many jobs: counted first, done only while the count still holds, in steps that let others in between."""

import hashlib
from typing import Any

import msgspec

from paddock.control.limits import MAX_NAME, fields, number, text
from paddock.control.plane import Control
from paddock.core.errors import BadInput, Conflict
from paddock.core.states import FINAL, RETRIABLE, JobState
from paddock.store.records import Many

# Jobs of one step, and of one action.
STEP = 200
MOST = 100_000
# Which jobs an action can change.
STATES: dict[str, frozenset[JobState]] = {
    "cancel": frozenset(JobState) - FINAL | {JobState.PARKED},
    "retry": RETRIABLE,
    "park": frozenset({JobState.BLOCKED, JobState.READY, JobState.CHANGES_REQUESTED}),
    "priority": frozenset({JobState.BLOCKED, JobState.READY, JobState.CHANGES_REQUESTED}),
}
_WHERE = ("project", "state", "kind", "batch", "label", "older_than")
# Ids sort below it.
_LAST = "j~"


async def bulk(control: Control, raw: object) -> dict[str, Any]:
    """With `dry_run`, how many jobs an action would change, and a token; with that token, the action.

    A job that was submitted after the count is never among them. `slack` is how far the count may be off by now.

    Raises: BadInput naming the field, Conflict when the count no longer holds.
    """
    given = fields(raw, "action", "where", "dry_run", "token", "slack", "by", "priority")
    action = given.get("action")
    if action not in STATES:
        raise BadInput(f"unknown action {str(action)[:40]!r}", hint=f"actions are: {', '.join(STATES)}", where="action")
    priority = int(number(given, "priority", 1, 10)) if action == "priority" else 0
    where = _where(given.get("where"))
    asked = msgspec.json.encode([action, priority, dict(sorted(where.items()))]).decode()
    wanted = _wanted(control, action, where)
    if given.get("dry_run"):
        found = await _found(control, wanted)
        return {"action": action, "count": len(found), "token": _token(asked, len(found), found[-1] if found else "j")}
    count, upto = _read(text(given, "token", 200), asked)
    found = await _found(control, msgspec.structs.replace(wanted, upto=upto))
    if abs(len(found) - count) > number({"slack": 0, **given}, "slack", 0, MOST):
        raise Conflict(f"{len(found):,} jobs now, {count:,} when they were counted", hint="count again, or allow slack")
    by = text(given, "by", MAX_NAME) or "somebody"
    done = await _do(control, action, found, by, priority, where)
    return {"action": action, "count": len(found), "done": done}


def _where(raw: object) -> dict[str, Any]:
    where = fields({} if raw is None else raw, *_WHERE)
    for name in ("project", "state", "kind", "batch", "label"):
        if name in where and not text(where, name, 200):
            raise BadInput(f"where.{name}: expected a text", where=f"where.{name}")
    if where.get("state") not in {None, *JobState}:
        raise BadInput(f"no state {where['state']!r}", hint=f"states are: {', '.join(JobState)}", where="where.state")
    if "older_than" in where:
        number(where, "older_than", 0, 10**9)
    if not where:
        raise BadInput("where is empty", hint=f"name at least one of: {', '.join(_WHERE)}", where="where")
    return where


def _wanted(control: Control, action: str, where: dict[str, Any]) -> Many:
    states = STATES[action] & {where["state"]} if "state" in where else STATES[action]
    if not states:
        raise BadInput(
            f"{action} makes no sense for jobs that are {where['state']}",
            hint=f"states are: {', '.join(sorted(STATES[action]))}",
            where="where.state",
        )
    return Many(
        states=tuple(sorted(states)),
        project=where.get("project"),
        kind=where.get("kind"),
        batch=where.get("batch"),
        label=where.get("label"),
        before=control.clock.now() - int(where.get("older_than", 0) * 1_000),
        upto=_LAST,
        most=MOST + 1,
    )


async def _found(control: Control, wanted: Many) -> list[str]:
    found = await control.store.many(wanted)
    if len(found) > MOST:
        raise BadInput(f"more than {MOST:,} jobs", hint="say more closely which", where="where")
    return found


def _token(asked: str, count: int, upto: str) -> str:
    """What was counted, bound to what was asked: it keeps nobody out, it keeps a count from serving another action."""
    return f"{count}.{upto}.{hashlib.sha256(f'{asked}.{count}.{upto}'.encode()).hexdigest()[:16]}"


def _read(token: str, asked: str) -> tuple[int, str]:
    count, _, rest = token.partition(".")
    upto = rest.partition(".")[0]
    if not count.isdecimal() or token != _token(asked, int(count), upto):
        raise BadInput("token: not of a count of this action", hint="ask with dry_run first", where="token")
    return int(count), upto


async def _do(control: Control, action: str, jobs: list[str], by: str, priority: int, where: dict[str, Any]) -> int:
    now = control.clock.now()
    told = {"action": action, "count": len(jobs), "by": by, "where": where}
    await control.store.note("jobs.bulk", None, None, told | ({"priority": priority} if priority else {}), now)
    done = 0
    for at in range(0, len(jobs), STEP):
        step = await control.store.act_on(action, jobs[at : at + STEP], by, priority, control.clock.now())
        done += step.done
        control.bus.wake(step.agents)
        control.stir()
    return done
