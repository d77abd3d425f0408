"""The driver's part of the contract about spending."""

from paddock.core.budgets import Budget
from paddock.store.budgets import BudgetRow, Spent
from paddock.store.operations import Operations
from paddock.store.ops import budgeting


class BudgetOps(Operations):
    """See `BudgetStore`."""

    async def spent(self, since: int, now: int) -> Spent:
        return await self._read(lambda tx: budgeting.spent(tx, since, now))

    async def budgets(self) -> list[BudgetRow]:
        return await self._read(budgeting.listed)

    async def set_budget(self, project: str, budget: Budget, by: str, now: int) -> None:
        await self._write(now, lambda work: budgeting.set_budget(work, project, budget, by))

    async def keep_budgets(self, now: int) -> int:
        if not await self._read(lambda tx: budgeting.due(tx, now)):
            return 0
        return await self._write(now, budgeting.keep)
