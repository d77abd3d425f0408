"""What agents' time went into, and the budgets that stop it."""

from typing import Any

from paddock.control.limits import MAX_NAME, fields, number, text
from paddock.control.plane import PROJECTS, Control
from paddock.core.budgets import DAY_MS, FLEET, Budget, Line
from paddock.core.errors import BadInput
from paddock.store.budgets import BudgetRow

View = dict[str, Any]
# Milliseconds between two looks.
EVERY_MS = 15_000
MOST_SECONDS = 10**9
MOST_DAYS = 366


async def keep(control: Control, now: int) -> None:
    """Looks now and then whether some budget is used up."""
    if now >= control.budgets_at:
        control.budgets_at = now + EVERY_MS
        await _look(control, now)


async def _look(control: Control, now: int) -> None:
    if await control.store.keep_budgets(now):
        await control.read_projects()
        control.bus.news(PROJECTS)
        control.stir()


async def set_budget(control: Control, raw: object) -> View:
    """Sets a project's budget, or the fleet's where no project is named; without bounds it is removed.

    Raises: BadInput naming the field, NotFound.
    """
    given = fields(raw, "project", "a_day", "since_merge", "by")
    bounds: dict[str, int] = {
        name: round(number(given, name, 1, MOST_SECONDS)) if given.get(name) is not None else 0
        for name in ("a_day", "since_merge")
    }
    by = text(given, "by", MAX_NAME) or "somebody"
    project = text(given, "project", MAX_NAME)
    now = control.clock.now()
    await control.store.set_budget(project, Budget(**bounds), by, now)
    await _look(control, now)
    return {"project": project or None, **bounds, "removed": not (bounds["a_day"] or bounds["since_merge"])}


async def spend(control: Control, days: float, project: str | None) -> View:
    """What was spent within the last days, by project and kind, beside the changes merged; seconds of agents' time.

    Raises: BadInput, NotFound.
    """
    if not 0 < days <= MOST_DAYS:
        raise BadInput(f"days: expected more than 0 and at most {MOST_DAYS}", where="days")
    if project:
        await control.store.project(project)
    now = control.clock.now()
    found = await control.store.spent(now - round(days * DAY_MS), now)
    names = sorted({line.project for line in found.lines} | set(found.merged))
    shown = [name for name in names if project in (None, "", name)]
    projects = [_project(name, found.lines, found.merged.get(name, 0)) for name in shown]
    projects.sort(key=lambda one: -one["seconds"])
    return {
        "days": days,
        "since": found.since,
        **_sums(projects),
        "projects": projects,
        "budgets": [_budget(row) for row in await control.store.budgets() if project in (None, "", row.project)],
    }


def _project(name: str, lines: list[Line], merged: int) -> View:
    kinds: list[View] = [
        {
            "kind": line.kind,
            "runs": line.runs,
            "seconds": round(line.ms / 1_000, 1),
            "at_risk": round(line.risk_ms / 1_000, 1),
        }
        for line in lines
        if line.project == name
    ]
    told = {name: round(sum(kind[name] for kind in kinds), 1) for name in ("runs", "seconds", "at_risk")}
    return {"project": name, **told, "merged": merged, "per_merge": _each(told["seconds"], merged), "kinds": kinds}


def _sums(projects: list[View]) -> View:
    told = {name: round(sum(one[name] for one in projects), 1) for name in ("runs", "seconds", "at_risk", "merged")}
    return {**told, "per_merge": _each(told["seconds"], told["merged"])}


def _each(seconds: float, merged: float) -> float | None:
    """Seconds for each merged change; None where none was merged, which is not nothing."""
    return round(seconds / merged, 1) if merged else None


def _budget(row: BudgetRow) -> View:
    return {
        "project": row.project if row.project != FLEET else None,
        "a_day": row.a_day or None,
        "since_merge": row.since_merge or None,
        "used_up": row.tripped or None,
        "reason": row.reason,
        "by": row.by,
    }
