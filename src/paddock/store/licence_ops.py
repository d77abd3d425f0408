"""The licences' part of the contract over an engine."""

from collections.abc import Collection

from paddock.core.licences import Licence
from paddock.store.licences import Seat
from paddock.store.operations import Operations
from paddock.store.ops import licences
from paddock.store.ops.work import to_json


class LicenceOps(Operations):
    """See `LicenceStore`."""

    async def set_licence(self, licence: Licence, by: str, now: int) -> None:
        await self._write(now, lambda work: licences.put(work, licence, by))

    async def drop_licence(self, name: str, by: str, now: int) -> None:
        await self._write(now, lambda work: licences.drop(work, name, by))

    async def licences(self) -> list[Licence]:
        return await self._read(licences.all_of)

    async def take_seat(self, agent: str, licence: Licence, until: int, now: int) -> bool:
        return await self._write(now, lambda work: licences.take(work, agent, licence, until))

    async def keep_seats(self, agents: Collection[str], until: int, now: int) -> None:
        await self._write(now, lambda work: work.tx.run("keep_seats", ids=to_json(list(agents)), until=until))

    async def draw_out_seats(self, until: int, now: int) -> None:
        await self._write(now, lambda work: work.tx.run("draw_out_seats", until=until))

    async def free_seat(self, agent: str, now: int) -> None:
        await self._write(now, lambda work: work.tx.run("free_seat", agent=agent))

    async def seats(self, now: int) -> list[Seat]:
        return [Seat(*row) for row in await self._read(lambda tx: tx.tuples("seats", now=now))]
