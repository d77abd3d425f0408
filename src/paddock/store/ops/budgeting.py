"""What agents' time went into, and budgets: one that is used up pauses its projects until a person resumes them."""

from paddock.core.budgets import DAY_MS, FLEET, Budget, Line, joined, used_up
from paddock.core.limits import NEVER
from paddock.store.budgets import BudgetRow, Spent
from paddock.store.ops import limiting
from paddock.store.ops.reading import find_project
from paddock.store.ops.work import Work, records
from paddock.store.statements import Row, Tx

# Who pauses.
NAME = "paddock"


def spent(tx: Tx, since: int, now: int) -> Spent:
    """What was spent since then, what still runs among it."""
    rows = [*tx.all("spent_attempts", since=since), *tx.all("spent_alike", since=since)]
    lines = [_line(row) for row in [*rows, *tx.all("spent_live", since=since, now=now)]]
    merged = {row["project"]: row["n"] for row in tx.all("merged_since", since=since)}
    return Spent(since=since, lines=joined(lines), merged=merged)


def _line(row: Row) -> Line:
    risk = row.get("risk") or 0
    return Line(project=row["project"], kind=row["kind"], runs=row["runs"], ms=max(0, row["ms"] or 0), risk_ms=risk)


def listed(tx: Tx) -> list[BudgetRow]:
    """Every budget."""
    return records(BudgetRow, tx.all("budgets"))


def set_budget(work: Work, project: str, budget: Budget, by: str) -> None:
    """Sets or, without bounds, removes a budget. Raises: NotFound."""
    if project != FLEET:
        find_project(work.tx, project)
    if budget == Budget():
        work.tx.run("remove_budget", project=project)
    else:
        bounds = {"a_day": budget.a_day, "since_merge": budget.since_merge}
        work.tx.run("set_budget", project=project, by=by, now=work.now, **bounds)
    work.journal(
        "budget.set", project=project or "the fleet", by=by, a_day=budget.a_day, since_merge=budget.since_merge
    )


def due(tx: Tx, now: int) -> bool:
    """Whether some budget is used up, or a person went on after one was."""
    return any(_resumed(tx, row, now) or (not row.tripped and _reason(tx, row, now)) for row in listed(tx))


def _reason(tx: Tx, row: BudgetRow, now: int) -> str:
    day = max(now - DAY_MS, row.since)
    merge = max(tx.value("last_merge", project=row.project) or 0, row.since)
    day_ms = _total(tx, row.project, day, now) if row.a_day else 0
    merge_ms = _total(tx, row.project, merge, now) if row.since_merge else 0
    return used_up(row.budget, day_ms, merge_ms)


def _total(tx: Tx, project: str, since: int, now: int) -> int:
    return sum(line.ms for line in spent(tx, since, now).lines if project in (FLEET, line.project))


def _resumed(tx: Tx, row: BudgetRow, now: int) -> bool:
    """Whether a person let go on what the budget had paused."""
    if not row.tripped:
        return False
    there = (found for found in _projects(tx, row.project) if found["created"] <= row.tripped)
    return any(found["paused_until"] <= now for found in there)


def _projects(tx: Tx, project: str) -> list[Row]:
    return [row for row in tx.all("projects") if project in (FLEET, row["name"])]


def keep(work: Work) -> int:
    """Pauses what has used up its budget. A person's resuming counts from that moment; nothing else undoes a pause."""
    changed = 0
    for row in listed(work.tx):
        if _resumed(work.tx, row, work.now):
            work.tx.run("reset_budget", project=row.project, now=work.now)
            changed += 1
            continue
        reason = "" if row.tripped else _reason(work.tx, row, work.now)
        if not reason:
            continue
        changed += 1
        work.tx.run("trip_budget", project=row.project, now=work.now, reason=reason)
        work.journal("budget.used_up", project=row.project or "the fleet", reason=reason)
        for found in _projects(work.tx, row.project):
            # A person's pause with an end would end.
            if found["paused_until"] != NEVER:
                limiting.pause(work, found["name"], NAME, f"its budget: {reason}", NEVER)
    return changed
