"""The driver's part of the contract about who gets how much."""

from collections.abc import Sequence

from paddock.store.operations import Operations
from paddock.store.ops import bulk, limiting
from paddock.store.records import Many, ManyDone, Project


class FairOps(Operations):
    """See `FairStore`."""

    async def pause(self, project: str, by: str, note: str, until: int, now: int) -> Project:
        return await self._write(now, lambda work: limiting.pause(work, project, by, note, until))

    async def resume(self, project: str, by: str, now: int) -> Project:
        return await self._write(now, lambda work: limiting.resume(work, project, by))

    async def weigh(self, project: str, weight: int, now: int) -> Project:
        return await self._write(now, lambda work: limiting.weigh(work, project, weight))

    async def holder_of(self, exclusive: str) -> str | None:
        return await self._read(lambda tx: tx.value("holder_of_exclusive", key=exclusive))

    async def many(self, wanted: Many) -> list[str]:
        return await self._read(lambda tx: bulk.ids(tx, wanted))

    async def act_on(self, action: str, jobs: Sequence[str], by: str, priority: int, now: int) -> ManyDone:
        return await self._write(now, lambda work: bulk.step(work, action, jobs, by, priority))
