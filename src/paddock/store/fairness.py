"""The part of the contract about who gets how much: pauses, shares, limits, schedules and actions on many jobs."""

from collections.abc import Sequence
from typing import Protocol

from paddock.core.limits import Level, Limit
from paddock.store.records import Fired, Firing, Many, ManyDone, NewSchedule, Project, Schedule


class FairStore(Protocol):
    """Times are epoch milliseconds."""

    async def pause(self, project: str, by: str, note: str, until: int, now: int) -> Project:
        """Nothing of the project starts before `until`; what runs goes on."""

    async def resume(self, project: str, by: str, now: int) -> Project: ...
    async def weigh(self, project: str, weight: int, now: int) -> Project: ...
    async def holder_of(self, exclusive: str) -> str | None:
        """The name of the job that runs under an exclusive key."""

    async def many(self, wanted: Many) -> list[str]:
        """The jobs that an action on many would change, oldest first."""

    async def act_on(self, action: str, jobs: Sequence[str], by: str, priority: int, now: int) -> ManyDone:
        """One step of an action on many: cancel, retry, park or priority."""

    async def add_schedule(self, given: NewSchedule, now: int) -> Schedule: ...
    async def schedule(self, ref: str) -> Schedule: ...
    async def schedules(self) -> list[Schedule]: ...
    async def firings(self, schedule: str) -> list[Firing]: ...
    async def pause_schedule(self, ref: str, paused: bool, by: str, now: int) -> Schedule: ...
    async def remove_schedule(self, ref: str, by: str, now: int) -> Schedule: ...
    async def schedules_next(self, most: int) -> list[tuple[str, int]]:
        """Schedules with the time that each is due next, the soonest first."""

    async def fire(self, schedule: str, due: int, now: int) -> Fired:
        """Submits what is due and moves the time on; whoever comes second does nothing."""

    async def set_limit(self, limit: Limit, now: int) -> None: ...
    async def remove_limit(self, name: str, now: int) -> None: ...
    async def levels(self, now: int) -> list[Level]:
        """Every limit with what counts towards it."""

    async def leases_by_project(self) -> dict[str, int]:
        """Live leases of each project that has any."""
