"""How the contract's methods run: each is one operation over the engine, as a read or as a grouped, durable write."""

import random
import secrets
import time
from collections.abc import Callable
from typing import TypeVar

from paddock.core.ids import ENTROPY_BITS, Mint
from paddock.store.actor import ACTOR
from paddock.store.backlog import Backlog
from paddock.store.engine import Engine
from paddock.store.ops.work import Work
from paddock.store.statements import Tx

T = TypeVar("T")


class Operations:
    """An engine with a source of ids; the parts of the driver that belong to one feature stand on it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.backlog = Backlog()
        self._mint = Mint(lambda: secrets.randbits(ENTROPY_BITS))

    @property
    def commits(self) -> int:
        """Transactions in which writes were committed since the store was opened."""
        return self._engine.commits

    @property
    def statements(self) -> int:
        """Named statements that were run since the store was opened."""
        return self._engine.statements

    async def close(self) -> None:
        """Finishes what was asked for and lets go of the store."""
        await self._engine.close()

    def _new_id(self, prefix: str) -> str:
        return self._mint.make(prefix, time.time_ns() // 1_000_000)

    async def _write(self, now: int, op: Callable[[Work], T]) -> T:
        ticket, failed, actor = self.backlog.enter(), True, ACTOR.get()
        try:
            result = await self._engine.write(lambda tx: op(Work(tx, now, self._new_id, random.random, actor)))
            failed = False
            return result
        finally:
            self.backlog.leave(ticket, failed=failed)

    async def _read(self, op: Callable[[Tx], T]) -> T:
        return await self._engine.read(op)
