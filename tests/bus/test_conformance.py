"""The shipped suite against every bus there is, on real servers."""

from collections.abc import Awaitable, Callable

import pytest

from paddock.bus.base import Bus
from paddock.bus.conformance import CHECKS, REPLICA_CHECKS, Check
from paddock.bus.connect import connect
from paddock.bus.memory import MemoryBus
from paddock.bus.outbox import Pace

# Nobody need wait for agents to be told of in company.
QUICK = Pace(changed=0.05)


async def passes(check: Check, make: Callable[[], Awaitable[Bus]]) -> None:
    """Runs a check and closes what it opened."""
    opened: list[Bus] = []

    async def open_() -> Bus:
        opened.append(await make())
        return opened[-1]

    try:
        await check(open_)
    finally:
        for bus in opened:
            await bus.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_memory(check: Check) -> None:
    bus = MemoryBus()

    async def same() -> Bus:
        return bus

    await passes(check, same)


@pytest.mark.parametrize("check", [*CHECKS, *REPLICA_CHECKS], ids=lambda check: check.__name__)
async def test_postgres(check: Check, postgres: str) -> None:
    await passes(check, lambda: connect(postgres, "fleet", QUICK))


@pytest.mark.parametrize("check", [*CHECKS, *REPLICA_CHECKS], ids=lambda check: check.__name__)
async def test_redis(check: Check, redis: str) -> None:
    await passes(check, lambda: connect(redis, check.__name__, QUICK))
