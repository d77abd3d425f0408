"""The driver's part of the contract about spending."""

from paddock.core.budgets import Budget
from paddock.core.usage import Prices
from paddock.store.budgets import BudgetRow, Spent
from paddock.store.engine import Glance
from paddock.store.operations import Operations
from paddock.store.ops import budgeting, pricing, spending


class BudgetOps(Operations):
    """See `BudgetStore`."""

    async def spent(self, since: int, now: int) -> Spent:
        return await self._read(lambda tx: budgeting.spent(tx, since, now))

    async def budgets(self) -> list[BudgetRow]:
        return await self._read(budgeting.listed)

    async def set_budget(self, project: str, budget: Budget, by: str, now: int) -> None:
        await self._write(now, lambda work: budgeting.set_budget(work, project, budget, by))

    async def prices(self) -> dict[str, Prices]:
        return await self._read(pricing.rules)

    async def set_prices(self, project: str, prices: Prices, by: str, now: int) -> None:
        await self._write(now, lambda work: pricing.set_prices(work, project, prices, by))

    async def waits_for_budget(self, job: str, now: int) -> str:
        return await self._read(lambda tx: spending.why(tx, job, now))

    async def keep_budgets(self, now: int) -> int:
        if not await self._read(Glance(lambda tx: budgeting.due(tx, now))):
            return 0
        return await self._write(now, budgeting.keep)
