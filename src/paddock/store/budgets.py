"""The part of the contract that is spending: what agents' time went into, and budgets that stop a project."""

from typing import Protocol

from paddock.core.budgets import Budget, Line
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

    @property
    def budget(self) -> Budget:
        """Its bounds."""
        return Budget(a_day=self.a_day, since_merge=self.since_merge)


class Spent(Record, frozen=True, kw_only=True):
    """What was spent since a moment, and the changes merged since then, by project."""

    since: int
    lines: list[Line]
    merged: dict[str, int]


class BudgetStore(Protocol):
    """What a store can do for budgets."""

    async def spent(self, since: int, now: int) -> Spent: ...

    async def budgets(self) -> list[BudgetRow]: ...

    async def set_budget(self, project: str, budget: Budget, by: str, now: int) -> None:
        """Sets or, without bounds, removes a budget. Raises: NotFound for an unknown project."""

    async def keep_budgets(self, now: int) -> int:
        """Pauses projects whose budget is used up, and takes note of those that a person let go on; how many."""
