"""The replicas' part of the contract over an engine."""

from collections.abc import Sequence

from paddock.store.engine import Glance
from paddock.store.operations import Operations
from paddock.store.ops import replicas
from paddock.store.records import Agent, Pulse


class ReplicaOps(Operations):
    """See `ReplicaStore`."""

    async def agree(self, name: str, value: str, now: int) -> str:
        return await self._write(now, lambda work: replicas.agree(work, name, value))

    async def fact(self, name: str) -> str | None:
        return await self._read(Glance(lambda tx: tx.value("fact", name=name)))

    async def pulse(self) -> Pulse:
        return await self._read(Glance(replicas.pulse))

    async def keep(self, lease: int, now: int) -> tuple[Sequence[str], int]:
        return await self._write(now, lambda work: replicas.keep(work, lease))

    async def agents_touched(self, after: int) -> list[str]:
        return await self._read(Glance(lambda tx: [row["agent"] for row in tx.all("agents_touched", after=after)]))

    async def standing_of(self, agent: str) -> tuple[Agent, int]:
        return await self._read(lambda tx: replicas.standing_of(tx, agent))

    async def log_size(self, job: str, epoch: int, stream: str) -> int:
        where = {"job": job, "epoch": epoch, "stream": stream}
        return await self._read(lambda tx: replicas.log_size(tx, where))

    async def log_append(self, job: str, epoch: int, stream: str, offset: int, data: bytes) -> int:
        where = {"job": job, "epoch": epoch, "stream": stream}
        return await self._write(0, lambda work: replicas.log_append(work, where, offset, data))

    async def log_read(self, job: str, epoch: int, stream: str, offset: int, most: int) -> bytes:
        where = {"job": job, "epoch": epoch, "stream": stream}
        return await self._read(lambda tx: replicas.log_read(tx, where, offset, most))
