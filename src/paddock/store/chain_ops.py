"""The chain's part of the contract over an engine."""

from collections.abc import Sequence

from paddock.core.chain import Row, Seal
from paddock.store.chaining import Kept
from paddock.store.engine import Glance
from paddock.store.operations import Operations
from paddock.store.ops.work import Work
from paddock.store.statements import Row as Columns


class ChainOps(Operations):
    """See `ChainStore`."""

    async def last_seal(self) -> Kept | None:
        row = await self._read(Glance(lambda tx: tx.one("last_seal")))
        return _kept(row) if row else None

    async def seals(self, after: int, most: int) -> Sequence[Kept]:
        return [_kept(row) for row in await self._read(lambda tx: tx.all("seals_after", after=after, most=most))]

    async def rows(self, after: int, until: int, most: int) -> Sequence[Row]:
        found = await self._read(Glance(lambda tx: tx.tuples("rows_behind", after=after, until=until, most=most)))
        return [Row(*row) for row in found]

    async def add_seal(self, kept: Kept) -> bool:
        seal = kept.seal
        values = {"number": seal.number, "last": seal.last, "at": seal.at, "marks": seal.marks, "head": seal.head}

        def op(work: Work) -> bool:
            return work.tx.run("add_seal", **values, checkpoint=kept.checkpoint) == 1

        return await self._write(seal.at, op)


def _kept(row: Columns) -> Kept:
    checkpoint: str = row["checkpoint"]
    seal = Seal(number=row["number"], last=row["last"], at=row["at"], marks=bytes(row["marks"]), head=row["head"])
    return Kept(seal, checkpoint)
