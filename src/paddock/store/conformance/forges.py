"""Forges: one works at a time, nothing is believed twice, and an approval counts for the head it was said of."""

from typing import Any

import msgspec

from paddock.core.errors import BadInput, NotFound, Refused
from paddock.core.limits import NEVER
from paddock.core.states import ChangeState, JobState
from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, Bench, Check, done, report
from paddock.store.forging import ForgeRow, Settled, Shown
from paddock.store.records import Change

HOLD = 1_000


def _row(**more: Any) -> ForgeRow:
    given = {"project": "p", "kind": "github", "base": "https://x", "repo": "a/b", "account": "acc", "login": "bot"}
    return ForgeRow(
        **{**given, "token": "t", "secret": "s", "merges": False, "people": {"l": "ann"}, "by": "me", **more}
    )


async def _opened(store: Store, *names: str) -> list[Change]:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit(*({"id": name, "kind": "command", "payload": {"argv": ["true"]}} for name in names))
    authors = (await bench.beat(who, len(names))).granted
    await bench.beat(who, 0, *(done(author, change=report(author)) for author in authors))
    return [await store.change(author.id) for author in authors]


def _done(**more: Any) -> Settled:
    return Settled(**{"number": "1", "url": "https://x/1", "shown": Shown(), "seen": NOW + 1, "due": NEVER, **more})


async def gives_what_is_to_be_done_to_one(store: Store) -> None:
    changes = await _opened(store, "x", "y")
    assert await store.forge_plan(NOW) is None and await store.forges() == []
    await store.set_forge(_row(), NOW)
    assert await store.forge_plan(NOW) == NOW
    first, quota = await store.forge_claim("acc", "one", NOW, HOLD)
    assert first is not None and quota == {} and first.id == f"change:{changes[0].id}"
    assert await store.forge_claim("acc", "two", NOW, HOLD) == (None, None)
    assert await store.forge_claim("other", "two", NOW, HOLD) == (None, {})
    assert await store.forge_settle(first, _done(), "acc", {"spent": 3}, NOW + 1)
    assert not await store.forge_settle(first, _done(), "acc", {"spent": 4}, NOW + 1)
    # Who does not come back is replaced, and what it still says is not taken.
    lost, quota = await store.forge_claim("acc", "one", NOW + 1, HOLD)
    assert lost is not None and quota == {"spent": 3} and lost.change == changes[1].id
    taken, _ = await store.forge_claim("acc", "two", NOW + 1 + HOLD, HOLD)
    assert taken is not None and (taken.id, taken.turn, taken.tries) == (lost.id, 2, 2)
    assert not await store.forge_settle(lost, _done(), "acc", {"spent": 9}, NOW + HOLD)
    assert (await store.forge_quotas())["acc"] == {"spent": 3}
    late = _done(trouble="busy", due=NOW + 9_000)
    assert await store.forge_settle(taken, late, "acc", {"spent": 5}, NOW + 2 + HOLD)
    assert await store.forge_plan(NOW + 2 + HOLD) == 0  # the project's forge has not been looked at yet
    assert await store.forge_polls("p", NOW, NOW + 10_000) and not await store.forge_polls("p", NOW, NOW + 10_000)
    assert await store.forge_plan(NOW + 2 + HOLD) == NOW + 9_000
    await store.forge_defer("acc", NOW + 9_500, NOW)
    assert await store.forge_plan(NOW + 2 + HOLD) == NOW + 9_500
    types = [event.type for event in await store.journal(0, None, 99)]
    assert types.count("change.shown") == 2 and "forge.set" in types


async def takes_up_what_has_moved(store: Store) -> None:
    [change] = await _opened(store, "x")
    await store.set_forge(_row(), NOW)
    await store.forge_plan(NOW)
    intent, _ = await store.forge_claim("acc", "one", NOW, HOLD)
    assert intent is not None
    # What comes while it is at work is not lost.
    await store.forge_settle(intent, _done(), "acc", {}, NOW + 2)
    await store.forge_polls("p", NOW, NEVER)
    assert await store.forge_plan(NOW + 2) is None
    assert await store.forge_heard("p", "digest", "1", NOW + 5_000)
    assert not await store.forge_heard("p", "digest", "1", NOW + 6_000)
    assert await store.forge_plan(NOW + 6_000) == NOW + 5_000
    intent, _ = await store.forge_claim("acc", "one", NOW + 6_000, HOLD)
    assert intent is not None
    assert await store.forge_heard("p", "another", "1", NOW + 6_100)
    await store.forge_settle(intent, _done(seen=NOW + 6_000), "acc", {}, NOW + 6_200)
    assert await store.forge_plan(NOW + 6_200) == NOW + 6_200
    intent, _ = await store.forge_claim("acc", "one", NOW + 6_200, HOLD)
    assert intent is not None
    shown = Shown(state="open", stamp="s1")
    await store.forge_settle(intent, _done(seen=NOW + 6_200, shown=shown), "acc", {}, NOW + 6_300)
    assert await store.forge_moved("p", {"1": "s1", "7": "s9"}, True, NOW + 6_400) == 0
    assert await store.forge_moved("p", {}, False, NOW + 6_400) == 0
    assert await store.forge_moved("p", {"1": "s2"}, False, NOW + 6_400) == 1
    assert await store.forge_moved("p", {}, True, NOW + 6_400) == 1
    await store.decide(change.id, "ann", "reject", "", NOW + 7_000)
    assert await store.forge_plan(NOW + 7_000) == NOW + 6_400


async def counts_what_people_say_there(store: Store) -> None:
    first, second = await _opened(store, "x", "y")
    await store.set_forge(_row(merges=True), NOW)
    assert not await store.forge_approve(first.id, "0" * 40, "ann", "", NOW)
    assert await store.forge_approve(first.id, first.head, "ann", "on it", NOW)
    assert (await store.change(first.id)).state is ChangeState.APPROVED
    assert await store.merge_queue("p") == []
    assert not await store.forge_withdraw(first.id, "bob", NOW)
    assert await store.forge_withdraw(first.id, "ann", NOW)
    assert (await store.verdict(first.id)).approved_by == ()
    assert await store.forge_merged(first.id, "d" * 40, NOW)
    assert not await store.forge_merged(first.id, "d" * 40, NOW)
    assert (await store.job(first.job)).state is JobState.DONE
    try:
        await store.forge_approve(second.id, second.head, "n", "", NOW)
        raise AssertionError("an agent approved what it wrote")
    except Refused:
        pass
    # What the forge has against it stands in the way of its merge.
    await store.forge_plan(NOW)
    intent = await store.forge_intent(f"change:{second.id}")
    assert intent is not None
    taken, _ = await store.forge_claim("acc", "one", NOW, HOLD)
    assert taken is not None
    against = Shown(state="closed", against=("ann",))
    await store.forge_settle(taken, _done(shown=against), "acc", {}, NOW)
    reasons = (await store.verdict(second.id)).reasons
    assert {"ann asked for changes on the forge", "its pull request was closed on the forge"} <= set(reasons)
    # The queue merges again once there is no forge.
    await store.forge_approve(second.id, second.head, "ann", "", NOW)
    await store.remove_forge("p", "me", NOW)
    assert [one.change for one in await store.merge_queue("p")] == [second.id]
    assert not await store.forge_unmerged(first.id, "late", NOW)
    assert await store.forge_unmerged(second.id, "it conflicts", NOW)
    assert (await store.change(second.id)).state is ChangeState.CONFLICTED


async def keeps_what_people_want_there(store: Store) -> None:
    [change] = await _opened(store, "x")
    for asks, error in ((("p", "me"), NotFound), (("none", "me"), NotFound)):
        try:
            await store.remove_forge(*asks, NOW)
            raise AssertionError("a forge that is not there was removed")
        except error:
            pass
    try:
        await store.forge_ask("issue", "f1", change.id, "", "ann", NOW)
        raise AssertionError("something was wanted of no forge")
    except BadInput:
        pass
    await store.set_forge(_row(), NOW)
    made = [await store.forge_ask("issue", "f1", change.id, "", "ann", NOW) for _ in range(2)]
    assert {one.id for one in made} == {"issue:f1"}
    said = [await store.forge_ask("comment", "", change.id, "hello", "ann", NOW) for _ in range(2)]
    assert len({one.id for one in said}) == 2 and said[0].text == "hello"
    await store.set_forge(_row(token="t2"), NOW)
    assert len(await store.forge_intents("p", 9)) == 3
    await store.set_forge(_row(repo="a/c"), NOW)
    assert await store.forge_intents("p", 9) == []
    [row] = await store.forges()
    assert msgspec.structs.replace(row, updated=0) == _row(repo="a/c")


CHECKS: tuple[Check, ...] = (
    gives_what_is_to_be_done_to_one,
    takes_up_what_has_moved,
    counts_what_people_say_there,
    keeps_what_people_want_there,
)
