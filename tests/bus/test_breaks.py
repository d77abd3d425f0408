"""A bus that breaks costs time only: nobody is held up, and it comes back by itself."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from paddock.bus.base import EVERYTHING, Bus, BusUnavailable, Sighting
from paddock.bus.conformance import listening, soon, two, until
from paddock.bus.connect import connect
from paddock.bus.outbox import Pace
from paddock.core.errors import BadInput
from support.services import Postgres, Redis, Server

HASTY = Pace(changed=0.05, still=0.2)


def address(server: Server) -> str:
    """Where a bus finds the server."""
    if isinstance(server, Postgres):
        return server.dsn()
    assert isinstance(server, Redis)
    return server.url()


async def meet(one: Bus, other: Bus) -> None:
    """Waits until both have heard of each other."""
    await until(lambda: one.peers and other.peers, "they hear of each other")


@pytest.mark.parametrize("kind", [Postgres, Redis])
async def test_a_bus_comes_back_by_itself(kind: type[Server]) -> None:
    with kind() as server:
        here, there = await two(lambda: connect(address(server), "fleet"))
        try:
            watching, heard = await listening(there.watch()), await listening(there.heard())
            await asyncio.to_thread(server.kill)
            await until(lambda: not here.connected and not there.connected, "the fault is seen")
            assert (here.faults, there.faults) == (1, 1)
            at_home = await listening(here.wakes("a1"))
            here.wake(["a1", "a2"])
            here.news("work")
            here.seen(Sighting("a1", 1, 60_000, 1, "s1"))
            await soon(at_home)
            await asyncio.to_thread(server.start)
            await meet(here, there)
            await soon(watching)
            assert EVERYTHING in await soon(heard)
            abroad = await listening(there.wakes("a2"))
            here.wake(["a2"])
            await soon(abroad)
            assert (here.faults, here.connected, there.connected) == (1, True, True)
        finally:
            await here.close()
            await there.close()


@pytest.mark.parametrize("kind", [Postgres, Redis])
async def test_a_server_that_hangs_holds_nobody_up(kind: type[Server]) -> None:
    with kind() as server:
        bus = await connect(address(server), "fleet", HASTY)
        try:
            server.pause()
            began = time.process_time()
            for number in range(1_000):
                bus.wake([f"a{number}"])
                bus.news("work")
            assert time.process_time() - began < 5
            await until(lambda: not bus.connected, "silence is noticed")
            server.go_on()
            await until(lambda: bus.connected, "it is back")
        finally:
            server.go_on()
            await bus.close()


async def test_a_bus_that_is_not_there_at_the_start_is_said(tmp_path: Path, postgres: str) -> None:
    missing = [
        f"unix://{tmp_path}/none",
        "redis://127.0.0.1:1/0",
        f"postgresql://paddock@/x?host={tmp_path}",
        postgres.replace("paddock_test_", "paddock_none_"),
    ]
    for url in missing:
        with pytest.raises(BusUnavailable, match=r"the bus on .* at .* cannot be used: ") as raised:
            await connect(url, "fleet")
        assert raised.value.exit_code == 2


@pytest.mark.parametrize("url", ["", "redis", "amqp://host", "redis://host:port/", "redis://", "postgresql://[::1/x"])
async def test_an_address_that_is_none_is_bad_input(url: str) -> None:
    with pytest.raises((BadInput, BusUnavailable)):
        await connect(url, "fleet")


@pytest.mark.parametrize(("url", "module"), [("redis://h", "redis.asyncio"), ("postgresql://h/x", "psycopg")])
async def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, url: str, module: str) -> None:
    for loaded in ("paddock.bus.redis", "paddock.bus.postgres"):
        monkeypatch.delitem(sys.modules, loaded, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BadInput, match=f"not installed: {module}") as raised:
        await connect(url, "fleet")
    assert "paddock[scale]" in raised.value.hint


async def test_secrets_are_not_shown(tmp_path: Path) -> None:
    for url in (
        "redis://u:geheim@127.0.0.1:1/0",
        "postgresql://u:geheim@127.0.0.1:1/x",
        f"unix://u:geheim@{tmp_path}/x",
    ):
        with pytest.raises(BusUnavailable) as raised:
            await connect(url, "fleet")
        assert "geheim" not in raised.value.message


async def test_another_fleet_hears_nothing(postgres: str, redis: str) -> None:
    for url in (postgres, redis):
        ours, theirs = await connect(url, "ours"), await connect(url, "theirs")
        again = await connect(url, "ours")
        try:
            foreign, own = await listening(theirs.watch("t")), await listening(again.watch("t"))
            await meet(ours, again)
            ours.news("t")
            await soon(own)
            assert not foreign.done() and theirs.peers == 0
        finally:
            for bus in (ours, theirs, again):
                await bus.close()
