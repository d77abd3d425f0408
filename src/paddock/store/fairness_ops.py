"""The driver's part of the contract about who gets how much."""

from collections.abc import Sequence

from paddock.core.limits import Level, Limit
from paddock.store.operations import Operations
from paddock.store.ops import bulk, limiting, scheduling
from paddock.store.ops.work import records
from paddock.store.records import Fired, Firing, Many, ManyDone, NewSchedule, Project, Schedule


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

    async def add_schedule(self, given: NewSchedule, now: int) -> Schedule:
        return await self._write(now, lambda work: scheduling.add(work, given))

    async def schedule(self, ref: str) -> Schedule:
        return await self._read(lambda tx: scheduling.find(tx, ref))

    async def schedules(self) -> list[Schedule]:
        return await self._read(lambda tx: records(Schedule, tx.all("schedules")))

    async def firings(self, schedule: str) -> list[Firing]:
        return await self._read(lambda tx: scheduling.firings(tx, schedule))

    async def pause_schedule(self, ref: str, paused: bool, by: str, now: int) -> Schedule:
        return await self._write(now, lambda work: scheduling.set_paused(work, ref, paused, by))

    async def remove_schedule(self, ref: str, by: str, now: int) -> Schedule:
        return await self._write(now, lambda work: scheduling.remove(work, ref, by))

    async def schedules_next(self, most: int) -> list[tuple[str, int]]:
        return await self._read(lambda tx: [(row["id"], row["next_at"]) for row in tx.all("schedules_next", most=most)])

    async def fire(self, schedule: str, due: int, now: int) -> Fired:
        return await self._write(now, lambda work: scheduling.fire(work, schedule, due))

    async def set_limit(self, limit: Limit, now: int) -> None:
        await self._write(now, lambda work: limiting.set_limit(work, limit))

    async def remove_limit(self, name: str, now: int) -> None:
        await self._write(now, lambda work: limiting.remove_limit(work, name))

    async def levels(self, now: int) -> list[Level]:
        return await self._read(lambda tx: limiting.levels(tx, now))

    async def leases_by_project(self) -> dict[str, int]:
        return await self._read(lambda tx: dict(limiting.shares(tx.all("standings")).leases))
