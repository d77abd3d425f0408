"""Checks on people, their sessions and tokens, and on logins that are tried too often."""

import asyncio
from collections.abc import Awaitable

from paddock.core.errors import Conflict, NotFound, Refused, Unauthorised
from paddock.core.people import FORGET_MS, MINUTE_MS, SEEN_MS, Role
from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, TTL, Check
from paddock.store.people import ApiToken, Login, Person, Try


async def _refused(kind: type[Exception], doing: Awaitable[object]) -> None:
    try:
        await doing
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was expected")


def _login(person: Person, digest: str, now: int = NOW) -> Login:
    times = {"created": now, "seen": now, "idle": 1_000 * TTL, "expires": now + 2_000 * TTL, "proven": now}
    return Login(hash=digest, person=person.id, kind="browser", address="127.0.0.1", program="test", **times)


def _token(person: Person, digest: str) -> ApiToken:
    kept = {"hash": digest, "person": person.id, "label": digest[:1], "scopes": "read work"}
    return ApiToken(**kept, created=NOW, expires=NOW + TTL, seen=None, revoked=None)


async def _owner(store: Store) -> Person:
    assert await store.offer_setup("first", NOW + TTL, NOW)
    return await store.set_up("first", "ann", "hash", NOW)


async def one_of_many_sets_up(store: Store) -> None:
    for link in ("one", "two"):
        assert await store.offer_setup(link, NOW + TTL, NOW)
    assert await store.link_of("one", NOW) == ""
    assert await store.link_of("one", NOW + TTL) is await store.link_of("three", NOW) is None
    racers = [store.set_up(link, f"racer-{number}", "hash", NOW) for number, link in enumerate(("one", "two") * 8)]
    ends = await asyncio.gather(*racers, return_exceptions=True)
    won = [end for end in ends if isinstance(end, Person)]
    assert [(person.role, person.password) for person in won] == [(Role.OWNER, "hash")]
    assert all(isinstance(end, Unauthorised) for end in ends if not isinstance(end, Person))
    assert not await store.offer_setup("four", NOW + TTL, NOW)


async def people_come_with_a_link_and_an_owner_is_left(store: Store) -> None:
    ann = await _owner(store)
    bob = await store.add_person("bob", Role.VIEWER, "link", NOW + TTL, NOW)
    await _refused(Conflict, store.add_person("bob", Role.OWNER, "other", NOW + TTL, NOW))
    assert [(p.name, p.password) for p in await store.people()] == [("ann", "hash"), ("bob", None)]
    assert await store.link_of("link", NOW) == "bob"
    await store.add_link("bob", "newer", NOW + TTL, NOW)
    await _refused(Unauthorised, store.set_up("link", "", "his", NOW))
    assert (await store.set_up("newer", "", "his", NOW)).id == bob.id
    await _refused(Unauthorised, store.set_up("newer", "", "again", NOW))
    assert (await store.person("bob")).password == "his"
    await _refused(Conflict, store.set_role("ann", Role.VIEWER, NOW))
    await _refused(Conflict, store.set_disabled(ann.id, True, NOW))
    assert (await store.set_role("bob", Role.OWNER, NOW)).role is Role.OWNER
    assert (await store.set_disabled("ann", True, NOW + 5)).disabled == NOW + 5
    await _refused(Conflict, store.add_link("ann", "late", NOW + TTL, NOW))
    await _refused(NotFound, store.person("carl"))


async def a_provider_never_takes_over_a_name(store: Store) -> None:
    await _owner(store)
    await _refused(Conflict, store.person_of("idp\n1", "ann", Role.OWNER, NOW))
    eve = await store.person_of("idp\n1", "eve", Role.VIEWER, NOW)
    assert await store.person_of("idp\n1", "renamed", Role.VIEWER, NOW) == eve
    assert (await store.person_of("idp\n1", "eve", Role.OPERATOR, NOW)).role is Role.OPERATOR
    await _refused(Conflict, store.add_link("eve", "link", NOW + TTL, NOW))
    await store.set_disabled("eve", True, NOW)
    await _refused(Refused, store.person_of("idp\n1", "eve", Role.OPERATOR, NOW))


async def a_session_ends_in_every_way(store: Store) -> None:
    ann = await _owner(store)
    await store.open_login(_login(ann, "aa"), (), "", NOW)
    await store.open_login(_login(ann, "bb"), (), "aa", NOW)
    assert await store.login("aa", NOW) is None
    found = await store.login("bb", NOW + SEEN_MS + 1)
    assert found is not None and (found[1].name, found[0].seen) == ("ann", NOW)
    again = await store.login("bb", NOW + SEEN_MS + 1)
    assert again is not None and again[0].seen == NOW + SEEN_MS + 1
    assert await store.prove("bb", "cc", (), NOW + SEEN_MS + 2)
    proven = await store.login("cc", NOW + SEEN_MS + 2)
    assert proven is not None and proven[0].proven == NOW + SEEN_MS + 2 and await store.login("bb", NOW) is None
    assert await store.login("cc", NOW + SEEN_MS + 2 + 1_000 * TTL) is None, "idle"
    assert await store.login("cc", NOW + 2_000 * TTL) is None, "too old"
    assert await store.end_login("%", ann.id, NOW) == 0
    assert await store.end_login("c", ann.id, NOW) == 1
    assert await store.login("cc", NOW + SEEN_MS + 2) is None
    bob = await store.add_person("bob", Role.VIEWER, "link", NOW + TTL, NOW)
    await store.open_login(_login(bob, "dd"), (), "", NOW)
    await store.set_disabled("bob", True, NOW)
    assert await store.login("dd", NOW) is None and list(await store.logins(bob.id, NOW)) == []
    await _refused(Unauthorised, store.open_login(_login(bob, "ee"), (), "", NOW))


async def tries_are_counted_before_they_are_made(store: Store) -> None:
    tries = (Try("name", 5), Try("address", 20))
    waits = await asyncio.gather(*(store.try_login(tries, NOW) for _ in range(50)))
    assert waits.count(0) == 5 and set(waits) == {0, MINUTE_MS}
    assert await store.try_login((Try("other", 5), Try("address", 20)), NOW) == 0
    waits = [await store.try_login(tries, NOW + MINUTE_MS) for _ in range(6)]
    assert waits == [0, 0, 0, 0, 0, 2 * MINUTE_MS]
    assert await store.try_login(tries, NOW + FORGET_MS + 2 * MINUTE_MS) == 0
    ann = await _owner(store)
    for number in range(30):
        now = NOW + 3 * FORGET_MS + number
        assert await store.try_login(tries, now) == 0, number
        await store.open_login(_login(ann, f"s{number}", now), tries, "", now)


async def tokens_end_with_their_owner(store: Store) -> None:
    ann = await _owner(store)
    bob = await store.add_person("bob", Role.OPERATOR, "link", NOW + TTL, NOW)
    for person, digest in ((ann, "aa" * 32), (bob, "bb" * 32), (bob, "cc" * 32)):
        await store.add_api_token(_token(person, digest))
    found = await store.api_token("bb" * 32, NOW)
    assert found is not None and (found[0].scopes, found[1].name) == ("read work", "bob")
    assert await store.api_token("bb" * 32, NOW + TTL) is None
    await _refused(NotFound, store.revoke_api_token("aaaaaa", bob.id, NOW))
    assert (await store.revoke_api_token("c", bob.id, NOW)).revoked == NOW
    assert await store.api_token("cc" * 32, NOW) is None
    await store.set_disabled("bob", True, NOW)
    await store.set_disabled("bob", False, NOW)
    assert await store.api_token("bb" * 32, NOW) is None, "disabling revokes for good"
    assert (len(await store.api_tokens("")), len(await store.api_tokens(ann.id))) == (3, 1)


async def a_kept_text_is_taken_once(store: Store) -> None:
    await store.keep_once("digest", "text", NOW + TTL, NOW)
    taken = await asyncio.gather(*(store.take_once("digest", NOW) for _ in range(9)))
    assert sorted(taken, key=str) == [None] * 8 + ["text"]
    await store.keep_once("late", "text", NOW + TTL, NOW)
    assert await store.take_once("late", NOW + TTL) is None


CHECKS: tuple[Check, ...] = (
    one_of_many_sets_up,
    people_come_with_a_link_and_an_owner_is_left,
    a_provider_never_takes_over_a_name,
    a_session_ends_in_every_way,
    tries_are_counted_before_they_are_made,
    tokens_end_with_their_owner,
    a_kept_text_is_taken_once,
)
