"""The part of the contract that several control planes on one store need."""

from collections.abc import Sequence
from typing import Protocol

from paddock.store.records import Agent, Pulse


class ReplicaStore(Protocol):
    """What replicas agree on. A log's stream is (job, epoch, stream)."""

    async def agree(self, name: str, value: str, now: int) -> str:
        """What the store holds under the name: the first value that any replica offered."""

    async def fact(self, name: str) -> str | None:
        """What the store holds under the name, if anything."""

    async def pulse(self) -> Pulse:
        """One look at whether anything wants doing."""

    async def keep(self, lease: int, now: int) -> tuple[Sequence[str], int]:
        """Ends leases that ran out, or forgives them all after a time when no replica could keep them.

        Returns the jobs whose lease ended, and how many leases were forgiven.
        """

    async def agents_touched(self, after: int) -> list[str]:
        """Agents that were activated, booted, drained or resumed behind this row of the journal."""

    async def standing_of(self, agent: str) -> tuple[Agent, int]:
        """An agent by its id, and how many leases it holds. Raises: NotFound."""

    async def log_size(self, job: str, epoch: int, stream: str) -> int:
        """Bytes stored of a run's output."""

    async def log_append(self, job: str, epoch: int, stream: str, offset: int, data: bytes) -> int:
        """Stores what is new of a chunk; the size after it, less than the offset where bytes before it are missing."""

    async def log_read(self, job: str, epoch: int, stream: str, offset: int, most: int) -> bytes:
        """Bytes from an offset on; empty where there are none."""
