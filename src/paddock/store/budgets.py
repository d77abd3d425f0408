"""The part of the contract that is spending: what agents' time went into, and budgets that stop a project."""

from typing import Protocol

from paddock.core.budgets import BOUNDS, Budget, Line
from paddock.core.usage import Prices
from paddock.store.records import Record


class BudgetRow(Record, frozen=True, kw_only=True):
    """A budget as it stands; the project is empty for the fleet. Bounds are seconds, times epoch milliseconds."""

    project: str
    a_day: int
    since_merge: int
    # Nothing earlier counts: a person let the project go on then.
    since: int
    # When it was found used up, and why; 0 while it is not.
    tripped: int
    reason: str
    by: str
    updated: int
    money_day: int = 0
    money_merge: int = 0
    money_job: int = 0
    tokens_day: int = 0
    tokens_merge: int = 0
    tokens_job: int = 0

    @property
    def budget(self) -> Budget:
        """Its bounds."""
        bounds = {name: getattr(self, name) for name in BOUNDS}
        return Budget(a_day=self.a_day, since_merge=self.since_merge, **bounds)


class Charge(Record, frozen=True, kw_only=True):
    """What runs of one kind cost with one model: millionths, tokens, milliseconds; the model is empty where not told.

    `unknown` counts runs whose money nobody knows, `supposed` is what is counted for them.
    """

    project: str
    kind: str
    model: str
    runs: int
    ms: int
    money: int
    tokens: int
    unknown: int
    supposed: int


class Spent(Record, frozen=True, kw_only=True):
    """What was spent since a moment, and the changes merged since then, by project."""

    since: int
    lines: list[Line]
    merged: dict[str, int]
    charges: list[Charge]
    # Runs that told what they used or had something reserved, by project and kind.
    told: dict[tuple[str, str], int]
    # What live leases have reserved, by project: millionths and tokens.
    reserved: dict[str, tuple[int, int]]


class BudgetStore(Protocol):
    """What a store can do for budgets."""

    async def spent(self, since: int, now: int) -> Spent: ...

    async def budgets(self) -> list[BudgetRow]: ...

    async def set_budget(self, project: str, budget: Budget, by: str, now: int) -> None:
        """Sets or, without bounds, removes a budget. Raises: NotFound for an unknown project."""

    async def prices(self) -> dict[str, Prices]:
        """Every rule of prices, by project; the fleet's under ''."""

    async def set_prices(self, project: str, prices: Prices, by: str, now: int) -> None:
        """Sets or, without models, removes prices. Raises: NotFound for an unknown project."""

    async def waits_for_budget(self, job: str, now: int) -> str:
        """What keeps a job from starting that may not cost more than something; empty when nothing does."""

    async def keep_budgets(self, now: int) -> int:
        """Pauses projects whose budget is used up, and takes note of those that a person let go on; how many."""
