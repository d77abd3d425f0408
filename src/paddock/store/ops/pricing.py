"""Prices of models: the fleet's, and a project's own beside them."""

import msgspec

from paddock.core.budgets import FLEET
from paddock.core.usage import Prices
from paddock.store.ops.reading import find_project
from paddock.store.ops.work import Work, to_json
from paddock.store.statements import Tx


def rules(tx: Tx) -> dict[str, Prices]:
    """Every rule, by project; that of the fleet under ''."""
    return {row["project"]: msgspec.json.decode(row["rules"], type=Prices) for row in tx.all("prices")}


def of_project(tx: Tx, project: str) -> Prices:
    """The prices that count for a project."""
    found = rules(tx)
    fleet = found.get(FLEET, Prices())
    return found[project].over(fleet) if project in found else fleet


def set_prices(work: Work, project: str, prices: Prices, by: str) -> None:
    """Sets a project's prices or the fleet's; without models they are removed. Raises: NotFound."""
    if project != FLEET:
        find_project(work.tx, project)
    if prices == Prices():
        work.tx.run("remove_prices", project=project)
    else:
        work.tx.run("set_prices", project=project, rules=to_json(prices), by=by, now=work.now)
    work.journal("prices.set", project=project or "the fleet", by=by, models=len(prices.models))
