"""Why a job waits, in words."""

from datetime import UTC, datetime
from typing import Any

from paddock.control.plane import Control
from paddock.core import matching
from paddock.core.limits import NEVER, Level, projects_of
from paddock.core.settlement import MAX_WAITS, RATE_LIMITED
from paddock.core.states import CLAIMABLE, JobState
from paddock.store.records import JobRecord

Reason = dict[str, Any]
MOST = 200
FEW = 5


async def why(control: Control, ref: str) -> dict[str, object]:
    """The job's state, one line that sums it up, and one reason for each agent or job that it depends on."""
    job = await control.store.job(ref)
    if job.state is JobState.BLOCKED:
        summary, reasons = await _blocked(control, job)
    elif job.state in CLAIMABLE:
        summary, reasons = await _ready(control, job)
    elif job.state is JobState.IN_REVIEW:
        summary, reasons = await _in_review(control, job)
    elif job.state is JobState.LEASED:
        agent = control.fleet.get(job.agent or "")
        summary, reasons = f"{agent.name if agent else job.agent} runs it (attempt {job.attempt})", []
    else:
        summary, reasons = await _ended(control, job), []
    return {"job": job.id, "name": job.name, "state": job.state, "summary": summary, "reasons": reasons}


async def _blocked(control: Control, job: JobRecord) -> tuple[str, list[Reason]]:
    needs = [other for other in await control.store.needs(job.id) if other.state is not JobState.DONE]
    reasons: list[Reason] = [{"job": other.id, "reason": _needs_word(other)} for other in needs]
    opens = await control.store.opens_after(job.batch) if job.batch else None
    if opens is not None and opens[1] < opens[2]:
        text = f"its batch opens at {opens[2]} done there, {opens[1]} are"
        reasons.append({"batch": opens[0], "opens_at": opens[2], "reason": text})
    return "; ".join(reason["reason"] for reason in reasons[:3]) or "waits to be released", reasons


async def _ended(control: Control, job: JobRecord) -> str:
    attempts = await control.store.attempts(job.id)
    detail = attempts[-1].detail if attempts and attempts[-1].code == job.reason else ""
    return f"it is {job.state}" + (f": {job.reason}" if job.reason else "") + (f" ({detail})" if detail else "")


def _needs_word(other: JobRecord) -> str:
    words = {
        JobState.IN_REVIEW: "whose change waits for review",
        JobState.LEASED: "which runs",
        JobState.BLOCKED: "which waits itself",
        JobState.READY: "which waits for an agent",
    }
    word = words.get(other.state, f"which is {other.state}" + (f" ({other.reason})" if other.reason else ""))
    return f"needs {other.name}, {word}"


async def _ready(control: Control, job: JobRecord) -> tuple[str, list[Reason]]:
    now = control.clock.now()
    held = [*_limited(job, now), *await _held_back(control, job, now)]
    early = job.not_before > now
    idle = "is free" if held or early else "is free and will take it"
    reasons: list[Reason] = []
    free = 0
    for agent in control.fleet:
        reason = matching.waits(agent.candidate(now), job.lane)
        free += not reason
        if len(reasons) < MOST:
            reasons.append({"agent": agent.name, "reason": reason or idle})
    if early and not job.attempt and job.reason != RATE_LIMITED:
        held.insert(0, f"starts at {moment(job.not_before)} at the earliest")
    if held:
        return "; ".join(held), reasons
    if early:
        return f"tries again in {(job.not_before - now) / 1_000:.0f} s" + _because(job), reasons
    if not reasons:
        return "there are no agents", reasons
    first = await _come_first(control, job)
    if free:
        return f"{free} of {len(control.fleet)} agents can take it", [*first, *reasons]
    counted: dict[str, int] = {}
    for found in reasons:
        counted[found["reason"]] = counted.get(found["reason"], 0) + 1
    words = ", ".join(f"{n} × {reason}" for reason, n in sorted(counted.items(), key=lambda item: -item[1])[:4])
    return f"no agent can take it now: {words}", [*first, *reasons]


def _limited(job: JobRecord, now: int) -> list[str]:
    if job.not_before <= now or job.reason != RATE_LIMITED:
        return []
    what = f"a limit of its model's provider stopped it, {job.waits} of {MAX_WAITS} times"
    return [f"{what}; it goes on by itself at {moment(job.not_before)}"]


async def _held_back(control: Control, job: JobRecord, now: int) -> list[str]:
    """What keeps the job from starting whatever agents there are."""
    out = []
    project = await control.store.project(job.project)
    if project.paused_until > now:
        until = "until it is resumed" if project.paused_until == NEVER else f"until {moment(project.paused_until)}"
        note = f": {project.pause_note}" if project.pause_note else ""
        out.append(f"project {job.project} is paused by {project.paused_by} {until}{note}")
    if job.exclusive and (holder := await control.store.holder_of(job.exclusive)):
        key = job.exclusive_key()
        what = f"one job at a time with the key {key!r}" if key else f"one {job.kind} at a time"
        out.append(f"waits its turn: {what} for {job.project}, and {holder} runs")
    budget = await control.store.waits_for_budget(job.id, now)
    out += [budget] if budget and project.paused_until <= now else []
    full = [level for level in await control.store.levels(now) if not level.room and level.limit.covers(job.lane)]
    return out + [_full(level) for level in full]


def _full(level: Level) -> str:
    limit = level.limit
    if limit.most is not None and level.live >= limit.most:
        return f"limit {level.name}: {level.live} of {limit.most} run"
    window = f"{(limit.window_ms or 0) / 1_000:g} s"
    then = f", the next may at {moment(level.opens)}" if level.opens else ""
    return f"limit {level.name}: {level.started} of {limit.starts} began within {window}{then}"


async def _come_first(control: Control, job: JobRecord) -> list[Reason]:
    """Projects with ready jobs that have less than their share when this one's has more."""
    leases = await control.store.leases_by_project()
    waiting = projects_of([lane for lane, (jobs, _) in control.lanes.items() if jobs]) - {job.project}

    def load(name: str) -> tuple[float, str]:
        weight = control.projects[name].weight if name in control.projects else 1
        count = leases.get(name, 0)
        return count / weight if weight else float("inf"), f"{count} run for a share of {weight}"

    mine, my_words = load(job.project)
    first = [(name, *load(name)) for name in sorted(waiting)]
    return [
        {"project": name, "reason": f"comes before {job.project}: {words}, and {my_words}"}
        for name, theirs, words in first
        if theirs < mine
    ][:FEW]


def moment(ms: int) -> str:
    """A moment in words, in UTC."""
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _because(job: JobRecord) -> str:
    return f" ({job.reason})" if job.reason else ""


async def _in_review(control: Control, job: JobRecord) -> tuple[str, list[Reason]]:
    if job.change is None:
        return "its change is in review", []
    change = await control.store.change(job.change)
    verdict = await control.store.verdict(change.id)
    reasons = [{"change": change.id, "reason": reason} for reason in verdict.reasons]
    for other in await control.store.serving(change.id):
        if other.state in (JobState.READY, JobState.LEASED, JobState.FAILED, JobState.PARKED):
            text = f"{other.name} is {other.state}" + _because(other)
            reasons.append({"job": other.id, "reason": text})
    return "; ".join(reason["reason"] for reason in reasons[:3]) or f"its change is {change.state}", reasons
