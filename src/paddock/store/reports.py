"""The part of the contract that keeps support reports."""

from collections.abc import Sequence
from typing import Any, Protocol

from paddock.store.operations import Operations
from paddock.store.ops import reports
from paddock.store.ops.reports import ReportRecord
from paddock.store.ops.work import records


class ReportStore(Protocol):
    """Reports; the newest so many are kept."""

    async def add_report(self, agent: str, note: str, status: dict[str, Any], log: Sequence[str], now: int) -> str:
        """Keeps a report; its id."""

    async def report(self, report: str) -> ReportRecord:
        """Raises: NotFound."""

    async def reports(self, most: int) -> Sequence[ReportRecord]:
        """The newest first."""


class ReportOps(Operations):
    """See `ReportStore`."""

    async def add_report(self, agent: str, note: str, status: dict[str, Any], log: Sequence[str], now: int) -> str:
        return await self._write(now, lambda work: reports.add(work, agent, note, status, log))

    async def report(self, report: str) -> ReportRecord:
        return await self._read(lambda tx: reports.find(tx, report))

    async def reports(self, most: int) -> Sequence[ReportRecord]:
        return records(ReportRecord, await self._read(lambda tx: tx.all("reports", most=most)))
