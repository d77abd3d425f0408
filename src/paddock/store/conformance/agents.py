"""Checks on what the store keeps of agents: labels, and how their checks stand."""

from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, Bench, Check
from paddock.store.records import SessionStart
from paddock.wire import messages
from paddock.wire.messages import Hello

BAD = (
    messages.Check(name="disk", ok=False, detail="full", at=NOW),
    messages.Check(name="load", ok=True, advisory=True),
)


async def keeps_what_an_agent_says_of_itself(store: Store) -> None:
    bench = Bench(store)
    agent, _ = await bench.agent("a")
    found = await store.agent(agent)
    assert (found.labels, found.health) == ({}, ())
    labels = {"zone": "eu-1", "gpu": ""}
    hello = Hello(name="a", version="2", kinds=("noop",), capabilities=("x",), slots=1, labels=labels, health=BAD)
    await store.start_session(SessionStart(agent=agent, session="s2", hello=hello, now=NOW, outcomes=()))
    found = await store.agent(agent)
    assert (found.labels, found.health) == (labels, BAD)
    assert (await store.agents())[0] == found == (await store.standing_of(agent))[0]


async def keeps_how_the_checks_of_the_session_stand(store: Store) -> None:
    bench = Bench(store)
    agent, session = await bench.agent("a")
    start = await store.last_seq()
    assert await store.set_health(agent, session, BAD, "agent.unhealthy", NOW)
    assert (await store.agent(agent)).health == BAD
    [event] = await store.journal(start, None, 9)
    assert (event.type, event.agent, event.data) == ("agent.unhealthy", agent, {"check": "disk", "detail": "full"})
    await bench.boot(agent, "s2")
    assert not await store.set_health(agent, session, BAD, "agent.unhealthy", NOW)
    assert (await store.agent(agent)).health == ()
    assert await store.set_health(agent, "s2", (), "", NOW)


CHECKS: tuple[Check, ...] = (keeps_what_an_agent_says_of_itself, keeps_how_the_checks_of_the_session_stand)
