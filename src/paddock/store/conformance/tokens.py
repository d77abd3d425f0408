"""Checks on activation tokens."""

from paddock.core.errors import Conflict, NotFound, Unauthorised
from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, TTL, Bench, Check
from paddock.store.tokens import Terms

HASH = "ab12" * 16


async def an_agent_gets_what_its_token_says(store: Store) -> None:
    terms = Terms(labels={"zone": "eu-1"}, channel="beta", network="10.0.0.0/8")
    await store.add_token(HASH, "build", NOW, NOW + TTL, terms)
    try:
        await store.redeem(HASH, "key", "n", NOW, "192.168.0.1")
        raise AssertionError("a token was redeemed from elsewhere")
    except Unauthorised:
        pass
    agent = await store.redeem(HASH, "key", "n", NOW, "10.9.8.7")
    assert (agent.granted, agent.channel) == ({"zone": "eu-1"}, "beta")
    [token] = await store.tokens(9)
    assert (token.hash, token.agent, token.labels, token.revoked) == (HASH, agent.id, {"zone": "eu-1"}, None)
    await Bench(store).boot(agent.id, "s1")
    assert (await store.agent(agent.id)).granted == {"zone": "eu-1"}


async def a_revoked_token_makes_no_agent(store: Store) -> None:
    await store.add_token(HASH, "build", NOW, NOW + TTL)
    await store.add_token("cd34" * 16, "", NOW, NOW + TTL)
    assert (await store.revoke_token("build", "ann", NOW + 1)).revoked == NOW + 1
    assert (await store.revoke_token("cd34cd34", "ann", NOW)).hash == "cd34" * 16
    for ref, error in (("build", Conflict), ("cd3", NotFound), ("", NotFound), ("%%%%%%", NotFound)):
        try:
            await store.revoke_token(ref, "ann", NOW)
            raise AssertionError(f"{ref!r} was revoked")
        except error:
            pass
    try:
        await store.redeem(HASH, "key", "n", NOW + 2)
        raise AssertionError("a revoked token was redeemed")
    except Unauthorised:
        pass
    assert await store.agents() == []


CHECKS: tuple[Check, ...] = (an_agent_gets_what_its_token_says, a_revoked_token_makes_no_agent)
