"""What runs may cost: reserved when a lease is granted, settled when it ends; what nobody told counts as reserved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from paddock.core import matching, usage
from paddock.core.budgets import DAY_MS, FLEET
from paddock.core.spending import (
    DIMENSIONS,
    LEARNED_FROM,
    Account,
    Caps,
    Park,
    Reserve,
    Wait,
    Wish,
    by_agent,
    judge,
    learned,
)
from paddock.core.spending import spends as may_spend
from paddock.core.states import CLAIMABLE, AttemptState, JobState
from paddock.store.ops import budgeting, pricing
from paddock.store.ops.work import Work, record, to_json
from paddock.store.records import BeatIn, Granted, JobRecord
from paddock.store.statements import Row, Tx
from paddock.wire.messages import Outcome


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Since when spending counts, in epoch milliseconds: within a day, and since a merge."""

    day: int
    merge: int


def metered(tx: Tx, lanes: Sequence[tuple[str, list[Row]]]) -> dict[str, str]:
    """Those heads of lanes that may not cost more than something: job → lane."""
    found = {
        row["id"]: lane
        for lane, rows in lanes
        if any(row["metered"] for row in rows) and _spends(lane)
        for row in rows
        if row["metered"]
    }
    if not found or tx.value("any_metered"):
        return found
    # Budgets of time alone bound no job's cost.
    return {row["id"]: found[row["id"]] for row in tx.all("capped", ids=to_json(list(found)))}


def _spends(lane: str) -> bool:
    return may_spend(*matching.parse_lane(lane)[1:])


def grant(work: Work, given: BeatIn, chosen: Sequence[str], of_lane: Mapping[str, str]) -> list[Granted]:
    """Grants those of these jobs that there is room for; in a lane, none comes before one that waits."""
    out: list[Granted] = []
    closed: set[str] = set()
    for job_id in chosen:
        lane = of_lane[job_id]
        job = work.job(job_id)
        if lane in closed or job.state not in CLAIMABLE:
            continue
        found, moments = _judged(work.tx, job, work.now)
        if isinstance(found, Park):
            _park(work, job, found)
            if found.trips is not None:  # what else it bounds is paused now
                return out
        elif isinstance(found, Reserve):
            out += _grant(work, given, job, found, moments)
        else:
            closed.add(lane)
    return out


def _grant(work: Work, given: BeatIn, job: JobRecord, found: Reserve, moments: Mapping[str, Moments]) -> list[Granted]:
    allowed = {name: most for name, most in found.allowed.items() if most is not None}
    if found.seconds is not None:
        allowed["seconds"] = found.seconds
    since = {
        f"{whose}_{window}": getattr(moments[project], window) if project in moments else 0
        for whose, project in (("fleet", FLEET), ("project", job.project))
        for window in ("day", "merge")
    }
    rows = work.tx.tuples(
        "grant_reserved",
        id=job.id,
        epoch=job.epoch,
        agent=given.agent,
        session=given.session,
        seq=given.seq,
        now=given.now,
        expires_at=given.now + given.ttl,
        money=found.money,
        tokens=found.tokens,
        allowed=to_json(allowed) if allowed else "",
        **since,
    )
    return [Granted(*row) for row in rows]


def _park(work: Work, job: JobRecord, found: Park) -> None:
    """Lays the job aside until a person acts; a budget that is used up stops what else it bounds, too."""
    work.tx.run(
        "move_job",
        id=job.id,
        old=job.state,
        state=JobState.PARKED,
        reason=found.reason,
        ended=work.now,
        not_before=0,
        fresh=0,
    )
    work.journal("job.parked", job.id, reason=found.reason)
    if job.subject:
        work.tx.run("note_change", id=job.subject, now=work.now, reason=f"{job.name} is parked: {found.reason}")
    if found.trips is not None:
        budgeting.trip(work, found.trips, found.reason)


def _judged(tx: Tx, job: JobRecord, now: int) -> tuple[Reserve | Wait | Park, Mapping[str, Moments]]:
    """Whether a job may start, and since when spending counts for each budget."""
    budgets = tx.all("budgets_over", project=job.project)
    moments = {
        row["project"]: Moments(day=max(now - DAY_MS, row["since"]), merge=max(row["merged"], row["since"]))
        for row in budgets
    }
    accounts = _accounts(tx, budgets, moments) if budgets else []
    wish = _wish(tx, job, budgets)
    return judge(wish, accounts, pricing.of_project(tx, job.project).currency), moments


def _accounts(tx: Tx, budgets: Sequence[Row], moments: Mapping[str, Moments]) -> list[Account]:
    reserved = tx.all("reserved")
    out = []
    for row in budgets:
        project = row["project"]
        open_ = {one: sum(r[one] for r in reserved if project in (FLEET, r["project"])) for one in DIMENSIONS}
        for window in ("day", "merge"):
            bounds = {one: row[f"{one}_{window}"] for one in DIMENSIONS}
            if not any(bounds.values()):
                continue
            charged = budgeting.charged(tx, project, getattr(moments[project], window))
            out += [
                Account(
                    whose=project or "the fleet",
                    project=project,
                    dimension=one,
                    window=window,
                    bound=bound,
                    spent=charged[one],
                    open=open_[one],
                    frees=charged["oldest"] + DAY_MS + 1 if window == "day" and charged["oldest"] else None,
                )
                for one, bound in bounds.items()
            ]
    return out


def _wish(tx: Tx, job: JobRecord, budgets: Sequence[Row]) -> Wish:
    root = _root(tx, job)
    bounds = {one: [row[f"{one}_job"] for row in budgets if row[f"{one}_job"]] for one in DIMENSIONS}
    each = {one: min(found) for one, found in bounds.items() if found}
    told = tx.all("told_of_kind", project=job.project, kind=job.kind)
    if len(told) < LEARNED_FROM:
        told = tx.all("told_of_kind_anywhere", kind=job.kind)
    figures = {
        "money": learned([row["money"] for row in told if not row["unknown"]]),
        "tokens": learned([row["tokens"] for row in told]),
    }
    known = {one: figure for one, figure in figures.items() if figure is not None}
    caps = root.budget
    if root is not job and by_agent(matching.parse_lane(job.lane)[2]):
        # That a job uses no model says nothing of the coding agents that look at what it wrote.
        caps = Caps(money=caps.money or None, tokens=caps.tokens or None, time=caps.time)
    if caps == Caps() and not each:
        return Wish(learned=known)
    charged = tx.all("charged_on", root=root.id, since=root.spent_from)[0]
    open_ = tx.all("reserved_on", root=root.id, project=root.project)[0]
    return Wish(caps=caps, each=each, spent=charged, spent_ms=charged["ms"], open=open_, learned=known)


def _root(tx: Tx, job: JobRecord) -> JobRecord:
    """The job that a job is done for: for work on a change, that which proposed it."""
    if job.subject is None:
        return job
    change = tx.one("change", id=job.subject)
    row = tx.one("job", id=change["job"]) if change else None
    return record(JobRecord, row) if row else job


def settle(work: Work, job: JobRecord, ended: AttemptState, outcome: Outcome) -> None:
    """Takes note of what an attempt cost that has just ended: as it told or, if it did not, as was reserved.

    A run that never began costs nothing.
    """
    report = usage.read(outcome.result)
    began = ended in (AttemptState.DONE, AttemptState.LOST) or outcome.started > 0
    if not began or (report is None and job.reserved_money is None):
        return
    found = usage.costs(report, pricing.of_project(work.tx, job.project)) if report else []
    base = {"job": job.id, "epoch": outcome.epoch, "root": _root(work.tx, job).id, "project": job.project}
    base |= {"kind": job.kind, "at": work.now}
    ms = max(0, (outcome.ended or work.now) - (job.started or work.now))
    rows = _rows(found, job.reserved_money or 0, job.reserved_tokens or 0)
    work.tx.many("add_spend", [{**base, **row, "ms": ms if at == 0 else 0} for at, row in enumerate(rows)])


def _rows(found: Sequence[usage.Cost], money: int, tokens: int) -> list[Row]:
    """What each model cost; where the money of some is unknown, all together counts as the reservation at least."""
    if not found:
        return [{"model": "", "money": None, "tokens": None, "charged_money": money, "charged_tokens": tokens}]
    merged: dict[str, usage.Cost] = {}
    for cost in found:
        old = merged.get(cost.model)
        if old is not None:
            both = None if old.money is None or cost.money is None else old.money + cost.money
            cost = msgspec.structs.replace(old, money=both, tokens=old.tokens + cost.tokens)
        merged[cost.model] = cost
    known = sum(cost.money or 0 for cost in merged.values())
    unknown = [cost.model for cost in merged.values() if cost.money is None]
    rest = max(0, money - known) if unknown else 0
    return [
        {
            "model": cost.model,
            "money": cost.money,
            "tokens": cost.tokens,
            "charged_money": (cost.money or 0) + (rest if unknown and cost.model == unknown[0] else 0),
            "charged_tokens": cost.tokens,
        }
        for cost in merged.values()
    ]


def hold_back(tx: Tx, now: int, lanes: dict[str, tuple[int, int | None]]) -> dict[str, tuple[int, int | None]]:
    """Lanes as a claim would find them: nothing of one whose first job waits until something else has ended."""
    if not any(jobs for jobs, _ in lanes.values()) or not tx.value("any_metered"):
        return lanes
    out = dict(lanes)
    for lane, (jobs, due) in lanes.items():
        if not jobs or not _spends(lane):
            continue
        heads = tx.all("lane_heads", lane=lane, now=now, most=1)
        found = _judged(tx, _job(tx, heads[0]["id"]), now)[0] if heads and heads[0]["metered"] else None
        if isinstance(found, Wait):
            out[lane] = (0, min(filter(None, (due, found.until)), default=None))
    return out


def _job(tx: Tx, job: str) -> JobRecord:
    row = tx.one("job", id=job)
    assert row is not None, "jobs are never deleted"
    return record(JobRecord, row)


def why(tx: Tx, job: str, now: int) -> str:
    """What a job waits for that may not cost more than something; empty when its budgets let it start."""
    found = _job(tx, job)
    if not _spends(found.lane):
        return ""
    decided = _judged(tx, found, now)[0]
    return decided.reason if isinstance(decided, Wait | Park) else ""
