"""What agents' time went into, and budgets: one that is used up pauses its projects until a person resumes them."""

from paddock.core import money
from paddock.core.budgets import BOUNDS, DAY_MS, FLEET, Budget, Line, joined, used_up, used_up_since_merge
from paddock.core.limits import NEVER
from paddock.store.budgets import BudgetRow, Charge, Spent
from paddock.store.ops import limiting, pricing
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
    return Spent(
        since=since,
        lines=joined(lines),
        merged=merged,
        charges=records(Charge, tx.all("charged_since", since=since)),
        told={(row["project"], row["kind"]): row["runs"] for row in tx.all("told_since", since=since)},
        reserved={row["project"]: (row["money"], row["tokens"]) for row in tx.all("reserved")},
    )


def charged(tx: Tx, project: str, since: int) -> Row:
    """What counts against a budget since then: `money` in millionths, `tokens`, and the `oldest` of it."""
    if project == FLEET:
        return tx.all("charged_in_fleet", since=since)[0]
    return tx.all("charged_in_project", project=project, since=since)[0]


def _line(row: Row) -> Line:
    live = {"risk_ms": row["risk"] or 0, "live": row["runs"]} if "risk" in row else {}
    return Line(project=row["project"], kind=row["kind"], runs=row["runs"], ms=max(0, row["ms"] or 0), **live)


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
        bounds = {name: getattr(budget, name) for name in ("a_day", "since_merge", *BOUNDS)}
        work.tx.run("set_budget", project=project, by=by, now=work.now, **bounds)
    said = {name: bound for name in BOUNDS if (bound := getattr(budget, name))}
    said |= {"a_day": budget.a_day, "since_merge": budget.since_merge}
    work.journal("budget.set", project=project or "the fleet", by=by, **said)
    work.readied = True


def due(tx: Tx, now: int) -> bool:
    """Whether some budget is used up, or a person went on after one was."""
    return any(not row.tripped and _reason(tx, row, now) for row in listed(tx))


def _reason(tx: Tx, row: BudgetRow, now: int) -> str:
    day = max(now - DAY_MS, row.since)
    merge = max(tx.value("last_merge", project=row.project) or 0, row.since)
    day_ms = _total(tx, row.project, day, now) if row.a_day else 0
    merge_ms = _total(tx, row.project, merge, now) if row.since_merge else 0
    return used_up(row.budget, day_ms, merge_ms) or _models(tx, row, merge)


def _models(tx: Tx, row: BudgetRow, since: int) -> str:
    """The same for what models cost since a merge."""
    if not (row.money_merge or row.tokens_merge):
        return ""
    cost = charged(tx, row.project, since)
    currency = pricing.of_project(tx, row.project).currency
    return used_up_since_merge(row.budget, cost["money"], cost["tokens"], lambda micro: money.words(micro, currency))


def _total(tx: Tx, project: str, since: int, now: int) -> int:
    return sum(line.ms for line in spent(tx, since, now).lines if project in (FLEET, line.project))


def _projects(tx: Tx, project: str) -> list[Row]:
    return [row for row in tx.all("projects") if project in (FLEET, row["name"])]


def keep(work: Work) -> int:
    """Pauses what has used up its budget. A person's resuming counts from that moment; nothing else undoes a pause."""
    changed = 0
    for row in listed(work.tx):
        reason = "" if row.tripped else _reason(work.tx, row, work.now)
        if reason:
            changed += 1
            trip(work, row.project, reason)
    return changed


def trip(work: Work, project: str, reason: str) -> None:
    """Says that a budget is used up, and pauses what it bounds."""
    if not work.tx.run("trip_budget", project=project, now=work.now, reason=reason):
        return
    work.journal("budget.used_up", project=project or "the fleet", reason=reason)
    for found in _projects(work.tx, project):
        # A person's pause with an end would end.
        if found["paused_until"] != NEVER:
            limiting.pause(work, found["name"], NAME, f"its budget: {reason}", NEVER)


def let_go(work: Work, project: str, by: str) -> None:
    """A person lets go on what a budget has stopped: it counts anew, and the pause that it made ends."""
    found = find_project(work.tx, project)
    if found.paused_until > work.now and found.paused_by == NAME:
        limiting.resume(work, project, by)
