"""The part of the contract that keeps the journal's chain."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from paddock.core.chain import Row, Seal


class Kept(NamedTuple):
    """A seal as it is stored, with its checkpoint: a signed envelope in JSON."""

    seal: Seal
    checkpoint: str


class ChainStore(Protocol):
    """Seals over the journal. Rows are what is stored, byte for byte."""

    async def last_seal(self) -> Kept | None:
        """The newest seal."""

    async def seals(self, after: int, most: int) -> Sequence[Kept]:
        """Seals behind this number, in their order."""

    async def rows(self, after: int, until: int, most: int) -> Sequence[Row]:
        """Rows of the journal behind `after` up to `until`, in their order."""

    async def add_seal(self, kept: Kept) -> bool:
        """Stores the next seal; False when another replica has stored one of this number."""
