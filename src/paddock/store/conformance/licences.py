"""Checks on licences and seats."""

import asyncio

from paddock.core.anomalies import Standing
from paddock.core.errors import Conflict, NotFound
from paddock.core.licences import Licence
from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, TTL, Bench, Check
from paddock.store.tokens import Terms

THREE = Licence(name="three", max_agents=3, features=("command", "review.*"))


async def no_more_have_a_seat_than_there_are(store: Store) -> None:
    bench = Bench(store)
    agents = [(await bench.agent(f"a{number}"))[0] for number in range(5)]
    await store.set_licence(THREE, "ann", NOW)
    assert await store.licences() == [THREE]
    taken = await asyncio.gather(*(store.take_seat(agent, THREE, NOW + TTL, NOW) for agent in agents))
    assert sum(taken) == 3
    sits = [agent for agent, seat in zip(agents, taken, strict=True) if seat]
    waits = [agent for agent in agents if agent not in sits]
    assert {seat.agent for seat in await store.seats(NOW)} == set(sits)
    assert await store.take_seat(sits[0], THREE, NOW + TTL, NOW)  # it has one already
    assert not await store.take_seat(waits[0], THREE, NOW + TTL, NOW)
    await store.free_seat(sits[0], NOW)
    assert await store.take_seat(waits[0], THREE, NOW + TTL, NOW)
    await store.set_standing(sits[1], Standing.QUARANTINED, "", "ann", NOW)
    assert await store.take_seat(waits[1], THREE, NOW + TTL, NOW)
    assert not await store.take_seat(sits[1], THREE, NOW + TTL, NOW)


async def a_seat_lapses_unless_its_agent_is_seen(store: Store) -> None:
    bench = Bench(store)
    one = Licence(name="one", max_agents=1)
    first, second = (await bench.agent("a"))[0], (await bench.agent("b"))[0]
    assert await store.take_seat(first, one, NOW + TTL, NOW)
    await store.keep_seats([first, second], NOW + 2 * TTL, NOW)
    assert not await store.take_seat(second, one, NOW + 3 * TTL, NOW + TTL)
    await store.draw_out_seats(NOW + 3 * TTL, NOW + TTL)
    assert not await store.take_seat(second, one, NOW + 4 * TTL, NOW + 2 * TTL)
    assert await store.take_seat(second, one, NOW + 4 * TTL, NOW + 3 * TTL)
    await store.draw_out_seats(NOW + 9 * TTL, NOW + 3 * TTL)  # what has lapsed does not come back
    assert [seat.agent for seat in await store.seats(NOW + 3 * TTL)] == [second]
    await store.set_licence(one, "ann", NOW)  # everybody takes his seat anew
    assert await store.seats(NOW) == []


async def a_licence_stays_while_agents_are_under_it(store: Store) -> None:
    await store.set_licence(THREE, "ann", NOW)
    await store.add_token("hash", "", NOW, NOW + TTL, Terms(licence="three"))
    agent = await store.redeem("hash", "key", "n", NOW)
    assert agent.licence == "three"
    for name, error in (("three", Conflict), ("four", NotFound)):
        try:
            await store.drop_licence(name, "ann", NOW)
            raise AssertionError(f"{name} was removed")
        except error:
            pass
    await store.set_standing(agent.id, Standing.TERMINAL, "", "ann", NOW)
    await store.drop_licence("three", "ann", NOW)
    assert await store.licences() == []


CHECKS: tuple[Check, ...] = (
    no_more_have_a_seat_than_there_are,
    a_seat_lapses_unless_its_agent_is_seen,
    a_licence_stays_while_agents_are_under_it,
)
