"""What the store's operations run on: a database behind asyncio, with reads and grouped, durable writes."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from paddock.core.errors import PaddockError
from paddock.store.statements import Tx

T = TypeVar("T")
Op = Callable[[Tx], T]


class Glance(Generic[T]):
    """A read that no transaction is made for: of one statement, or only to ask whether a write would find anything."""

    def __init__(self, op: Op[T]) -> None:
        self._op = op

    def __call__(self, tx: Tx) -> T:
        """What the read gives."""
        return self._op(tx)


class StoreUnavailable(PaddockError):
    """The store cannot write."""

    code = "store_unavailable"
    status = 503
    retryable = True
    hint = "look at the free space and the rights of the store's folder"


class Engine(Protocol):
    """One database."""

    # Transactions that were committed since it was opened.
    commits: int

    @property
    def statements(self) -> int:
        """Named statements that were run since it was opened."""

    async def write(self, op: Op[T]) -> T:
        """Runs the operation in a transaction and returns its result once that is on disk.

        Raises: StoreUnavailable, and whatever the operation raises; then nothing of it is kept.
        """

    async def read(self, op: Op[T]) -> T:
        """Runs a read; it sees every commit made before it was asked for, and nothing that comes while it runs."""

    async def close(self) -> None:
        """Finishes what was asked for and lets go of the database."""
