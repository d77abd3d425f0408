"""What agents' time and models cost, and the budgets that stop it. Money is in millionths, shown as texts."""

from typing import Any

from paddock.control.limits import MAX_NAME, fields, number, text
from paddock.control.plane import PROJECTS, Control
from paddock.core import kinds, money
from paddock.core.budgets import BOUNDS, DAY_MS, FLEET, Budget, Line
from paddock.core.errors import BadInput
from paddock.core.usage import Prices, parse_prices, shown_prices
from paddock.store.budgets import BudgetRow, Charge, Spent

View = dict[str, Any]
# Milliseconds between two looks.
EVERY_MS = 15_000
MOST_SECONDS = 10**9
MOST_DAYS = 366
MOST_TOKENS = 10**15


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
    given = fields(raw, "project", "a_day", "since_merge", *BOUNDS, "by")
    bounds: dict[str, int] = {
        name: round(number(given, name, 1, MOST_SECONDS)) if given.get(name) is not None else 0
        for name in ("a_day", "since_merge")
    }
    bounds |= {name: _bound(given, name) for name in BOUNDS}
    by = text(given, "by", MAX_NAME) or "somebody"
    project = text(given, "project", MAX_NAME)
    now = control.clock.now()
    await control.store.set_budget(project, Budget(**bounds), by, now)
    await _look(control, now)
    control.stir()
    return {"project": project or None, **_bounds(Budget(**bounds)), "removed": not any(bounds.values())}


def _bound(given: dict[str, Any], name: str) -> int:
    if given.get(name) is None:
        return 0
    most = MOST_TOKENS
    found = money.parse(given[name], name) if name.startswith("money") else round(number(given, name, 1, most))
    if not found:
        raise BadInput(f"{name}: expected more than nothing", hint="`paddock project pause` stops a project")
    return found


def _bounds(budget: Budget) -> View:
    """A budget's bounds; None for none."""
    shown: View = {name: getattr(budget, name) or None for name in ("a_day", "since_merge")}
    for name in BOUNDS:
        bound = getattr(budget, name)
        shown[name] = None if not bound else money.plain(bound) if name.startswith("money") else bound
    return shown


async def set_prices(control: Control, raw: object) -> View:
    """Sets what models cost a project, or the fleet where none is named; without models the prices are removed.

    Raises: BadInput naming the field, NotFound.
    """
    given = fields(raw, "project", "prices", "by")
    project = text(given, "project", MAX_NAME)
    prices = parse_prices(given.get("prices"))
    if project and isinstance(given["prices"], dict) and "currency" in given["prices"]:
        raise BadInput("currency: the fleet has one", hint="set it with the fleet's prices", where="prices.currency")
    await control.store.set_prices(project, prices, text(given, "by", MAX_NAME) or "somebody", control.clock.now())
    return {"project": project or None, **shown_prices(prices)}


async def prices(control: Control) -> list[View]:
    """Every rule of prices: the fleet's first."""
    found = await control.store.prices()
    return [{"project": project or None, **shown_prices(rules)} for project, rules in sorted(found.items())]


async def spend(control: Control, days: float, project: str | None) -> View:
    """What was spent within the last days, by project, kind and model, beside the changes merged.

    Time is seconds, money a text of the fleet's currency, counted as reserved where nobody told it.

    Raises: BadInput, NotFound.
    """
    if not 0 < days <= MOST_DAYS:
        raise BadInput(f"days: expected more than 0 and at most {MOST_DAYS}", where="days")
    if project:
        await control.store.project(project)
    now = control.clock.now()
    found = await control.store.spent(now - round(days * DAY_MS), now)
    names = sorted({line.project for line in found.lines} | set(found.merged) | {one.project for one in found.charges})
    shown = [name for name in names if project in (None, "", name)]
    projects = [_project(name, found) for name in shown]
    merged = sum(one["merged"] for one in projects)
    charges = [one for one in found.charges if one.project in shown]
    micro = {name: sum(one.money for one in charges if one.project == name) for name in shown}
    projects.sort(key=lambda one: (-micro[one["project"]], -one["seconds"]))
    reserved = [found.reserved.get(name, (0, 0)) for name in shown]
    return {
        "days": days,
        "since": found.since,
        "currency": (await control.store.prices()).get(FLEET, Prices()).currency,
        **_sums(projects),
        **_cost(charges),
        "reserved_money": money.plain(sum(one for one, _ in reserved)),
        "reserved_tokens": sum(one for _, one in reserved),
        "merged": merged,
        **_each(sum(one["seconds"] for one in projects), charges, merged),
        "projects": projects,
        "budgets": [_budget(row) for row in await control.store.budgets() if project in (None, "", row.project)],
    }


def _project(name: str, found: Spent) -> View:
    charges = [one for one in found.charges if one.project == name]
    merged = found.merged.get(name, 0)
    lines = {line.kind: line for line in found.lines if line.project == name}
    rows: list[View] = []
    for kind in [*lines, *dict.fromkeys(one.kind for one in charges if one.kind not in lines)]:
        line = lines.get(kind)
        runs = line.runs if line else found.told[name, kind]
        rows.append(
            {
                "kind": kind,
                "runs": runs,
                "seconds": round(line.ms / 1_000, 1) if line else 0.0,
                "at_risk": round(line.risk_ms / 1_000, 1) if line else 0.0,
                **_cost([one for one in charges if one.kind == kind]),
                "silent": _silent(kind, line, found.told.get((name, kind), 0)),
                "models": _models([one for one in charges if one.kind == kind]),
            }
        )
    told = {what: round(sum(row[what] for row in rows), 1) for what in ("runs", "seconds", "at_risk", "silent")}
    reserved_money, reserved_tokens = found.reserved.get(name, (0, 0))
    return {
        "project": name,
        **told,
        **_cost(charges),
        "reserved_money": money.plain(reserved_money),
        "reserved_tokens": reserved_tokens,
        "merged": merged,
        **_each(told["seconds"], charges, merged),
        "kinds": rows,
    }


def _silent(kind: str, line: Line | None, told: int) -> int:
    """Ended runs that might have used models, told nothing, and had nothing reserved that could count for them."""
    return max(0, line.runs - line.live - told) if line and kinds.get(kind).spends else 0


def _cost(charges: list[Charge]) -> View:
    """Money and tokens; `unknown` counts uses of models that have no price and runs that did not tell."""
    return {
        "money": money.plain(sum(one.money for one in charges)),
        "tokens": sum(one.tokens for one in charges),
        "unknown": sum(one.unknown for one in charges),
        "supposed": money.plain(sum(one.supposed for one in charges)),
    }


def _models(charges: list[Charge]) -> list[View]:
    found = sorted(charges, key=lambda one: (-one.money, -one.tokens))
    return [
        {"model": one.model or None, "runs": one.runs, "seconds": round(one.ms / 1_000, 1), **_cost([one])}
        for one in found
    ]


def _sums(projects: list[View]) -> View:
    return {name: round(sum(one[name] for one in projects), 1) for name in ("runs", "seconds", "at_risk", "silent")}


def _each(seconds: float, charges: list[Charge], merged: int) -> View:
    """What each merged change took and cost; None where none was merged, which is not nothing."""
    if not merged:
        return {"per_merge": None, "money_per_merge": None, "tokens_per_merge": None}
    return {
        "per_merge": round(seconds / merged, 1),
        "money_per_merge": money.plain(-(-sum(one.money for one in charges) // merged)),
        "tokens_per_merge": -(-sum(one.tokens for one in charges) // merged),
    }


def _budget(row: BudgetRow) -> View:
    return {
        "project": row.project if row.project != FLEET else None,
        **_bounds(row.budget),
        "used_up": row.tripped or None,
        "reason": row.reason,
        "by": row.by,
    }
