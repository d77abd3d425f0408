"""What runs may cost: reserved before they start, settled after; what nobody told is never nothing."""

import asyncio
from collections.abc import Mapping
from typing import Any

from paddock.core.budgets import DAY_MS, Budget
from paddock.core.money import MICRO
from paddock.core.states import JobState
from paddock.core.usage import Prices, parse_prices
from paddock.store.base import Store
from paddock.store.conformance.bench import LANES, NOW, Bench, Check, done, report
from paddock.store.conformance.reviews import BAD, WAYS, Reviewed
from paddock.store.records import Granted
from paddock.wire.messages import Held

WORK: Mapping[str, Any] = {"kind": "command", "payload": {"argv": ["true"]}}
PRICES = parse_prices({"models": {"opus*": {"input": "5", "output": "25"}}})


def used(output: int = 40_000, model: str = "opus-5") -> dict[str, Any]:
    """What an outcome tells: by PRICES, 40,000 tokens of output cost 1.00."""
    return {"result": {"usage": {"models": [{"model": model, "output": output}]}}, "started": NOW}


class Purse(Bench):
    """A bench with prices, and an agent `who` that does it all."""

    async def begin(self, **budget: Any) -> None:
        await self.project()
        self.who = await self.agent("a")
        self.holds: list[Held] = []
        await self.store.set_prices("", PRICES, "ann", NOW)
        await self.store.set_budget("p", Budget(**budget), "ann", NOW)

    async def add(self, *names: str, **more: Any) -> dict[str, str]:
        """Submits commands; their ids by name."""
        return await self.submit(*({"id": name, **WORK, **more} for name in names))

    async def take(self, want: int = 1, now: int = NOW) -> list[Granted]:
        """What the agent is granted."""
        granted = (await self.beat(self.who, want, now=now, held=tuple(self.holds))).granted
        self.holds += [Held(job=job.id, epoch=job.epoch) for job in granted]
        return list(granted)

    async def end(self, job: Granted, status: str = "done", now: int = NOW, **more: Any) -> None:
        """The agent tells how an attempt ended."""
        self.holds = [held for held in self.holds if held.job != job.id]
        out = await self.beat(self.who, 0, done(job, status, **more), now=now, held=tuple(self.holds))
        assert out.acks == ((job.id, job.epoch, ""),)

    async def spent(self) -> tuple[int, int]:
        """Money and tokens that count by now."""
        charges = (await self.store.spent(0, NOW)).charges
        return sum(one.money for one in charges), sum(one.tokens for one in charges)


async def reserves_settles_and_releases(store: Store) -> None:
    purse = Purse(store)
    await purse.begin(money_day=3 * MICRO, tokens_day=10**9)
    ids = await purse.add("x", "y", "z", budget={"money": "2.00", "tokens": 100_000}, max_attempts=2)
    [first] = await purse.take(3)
    assert first.allowed == '{"money":2000000,"tokens":100000}'
    assert (await store.spent(0, NOW)).reserved == {"p": (2 * MICRO, 100_000)}
    assert await purse.take(3) == []
    assert "2.00 USD are reserved, 3.00 USD may be" in await store.waits_for_budget(ids["y"], NOW)
    assert (await store.lanes(NOW))["p|command|"] == (0, None)
    await purse.end(first, **used(20_000))
    assert await purse.spent() == (MICRO // 2, 20_000)
    assert (await store.spent(0, NOW)).reserved == {}
    [second] = await purse.take(3)
    # It ends without a word, and its agent is gone the next time: each time its reservation counts.
    await purse.end(second, "failed", started=NOW)
    assert await purse.spent() == (5 * MICRO // 2, 120_000)
    assert [one.unknown for one in (await store.spent(0, NOW)).charges if not one.model] == [1]
    later = NOW + DAY_MS + 10
    assert (await store.job(ids["y"])).budget.money == 2 * MICRO
    # The job has used up its own budget: it is parked, and only a person starts it anew.
    [third] = await purse.take(3, now=later)
    parked = await store.job(second.id)
    assert (parked.state, third.id) == (JobState.PARKED, ids["z"]) and "2.00 USD may be" in parked.reason
    assert await store.expire(later + 10**6) == [third.id]
    purse.holds = []
    assert (await purse.spent())[0] == 9 * MICRO // 2
    await store.retry(second.id, later)
    assert (await store.job(second.id)).state is JobState.READY
    [again] = await purse.take(1, now=later + DAY_MS * 2)
    assert again.id == second.id and again.allowed == '{"money":2000000,"tokens":100000}'
    await purse.end(again, "returned", now=later)  # before it began
    assert (await purse.spent())[0] == 9 * MICRO // 2


async def learns_what_a_kind_costs(store: Store) -> None:
    purse = Purse(store)
    await purse.begin(money_day=10 * MICRO)
    await purse.add(*(f"x{n}" for n in range(8)))
    for output in (40_000, 20_000, 10_000):
        [job] = await purse.take(4)  # nobody knows: it has all there is, alone
        await purse.end(job, **used(output))
    granted = await purse.take(4)
    assert len(granted) == 4
    assert (await store.spent(0, NOW)).reserved == {"p": (4 * 5 * MICRO // 4, 4 * 50_000)}
    # A model without a price costs nobody knows what.
    await purse.end(granted[0], **used(model="other"))
    assert (await purse.spent())[0] == 7 * MICRO // 4 + 5 * MICRO // 4
    assert (await purse.spent())[1] == 110_000


async def stops_what_never_arrives(store: Store) -> None:
    purse = Purse(store)
    await purse.begin(money_merge=4 * MICRO, money_job=2 * MICRO)
    ids = await purse.add("x", "y", "z", max_attempts=9)
    now = NOW
    for _ in range(2):
        now += 10**5
        [job] = await purse.take(now=now)
        assert job.id == ids["x"]
        await purse.end(job, "failed", **used(), now=now)
    now += 10**5
    assert await purse.take(now=now) == [], "the budget of each job"
    assert (await store.job(ids["x"])).state is JobState.PARKED
    [job] = await purse.take(now=now)
    await purse.end(job, now=now, **used())
    assert job.id == ids["y"] and await purse.take(now=now) == []
    project, parked = await store.project("p"), await store.job(ids["z"])
    assert project.paused_by == "paddock" and "3.00 USD were spent since a change" in project.pause_note
    assert (parked.state, await store.keep_budgets(NOW + 10**9)) == (JobState.PARKED, 0)
    assert await purse.take(now=NOW + 10**9) == [], "time does not undo it"
    await store.retry(ids["z"], NOW + 10**9)
    assert (await store.project("p")).paused_until == 0
    [job] = await purse.take(now=NOW + 10**9)
    assert job.id == ids["z"]


async def counts_a_merge_beside_what_it_cost(store: Store) -> None:
    purse = Purse(store)
    await purse.begin()
    ids = await purse.add("x", budget={"money": "1.50"})
    [job] = await purse.take()
    await purse.end(job, change=report(job), **used())
    merged = NOW + 10
    await store.decide((await store.changes(None, None, 1))[0].id, "ann", "approve", "", merged)
    [merge] = await purse.take(now=merged)
    assert merge.allowed == "", "a merge uses no model"
    await purse.end(merge, now=merged, result={"merged": "f" * 40})
    found = await store.spent(0, NOW)
    assert (found.merged, found.told) == ({"p": 1}, {("p", "command"): 1})
    assert (await store.job(ids["x"])).state is JobState.DONE


async def reserves_for_a_fix_what_its_job_has_left(store: Store) -> None:
    bench = Reviewed(store)
    change = await bench.begin(budget={"money": "1.50"})
    # The author told nothing: all that was reserved for it counts, and nothing is left for a fix.
    await bench.look(change, BAD)
    assert (await bench.beat(bench.r, 5, lanes=(*LANES, *WAYS))).granted == ()
    fix = next(job for job in await store.serving(change) if job.kind == "change.fix")
    assert (fix.state, fix.reason) == (JobState.PARKED, "its budget: 1.50 USD were spent on it, 1.50 USD may be")
    assert fix.name in (await store.change(change)).reason


async def reserves_for_a_review_by_a_coding_agent(store: Store) -> None:
    bench = Reviewed(store)
    tools = [{"name": "lens", "agent": "robot"}]
    lanes = (*LANES, "p|review.run|agent:robot")
    # That a job uses no model bounds nobody who looks at what it wrote.
    change = await bench.begin(budget={"money": 0}, tools=tools)
    await store.set_prices("", PRICES, "ann", NOW)
    await store.set_budget("p", Budget(money_day=3 * MICRO), "ann", NOW)
    [look] = (await bench.beat(bench.r, 5, lanes=lanes)).granted
    assert (look.kind, look.allowed) == ("review.run", '{"money":3000000}')
    assert (await store.spent(0, NOW)).reserved == {"p": (3 * MICRO, 0)}
    told = {"commit": "b" * 40, "reviewers": [{"name": "lens", "ran": True}], "findings": [], **used()["result"]}
    await bench.beat(bench.r, 0, done(look, result=told, started=NOW))
    assert (await store.review(change)).stop == "clean"
    assert {one.kind: one.money for one in (await store.spent(0, NOW)).charges} == {"command": 0, "review.run": MICRO}
    # One that was ended because it used too much waits for a person.
    await store.decide(change, "ann", "rerun", "", NOW)
    [again] = (await bench.beat(bench.r, 5, lanes=lanes)).granted
    assert again.allowed == '{"money":2000000}'
    await bench.beat(bench.r, 0, done(again, "failed", code="over_budget", started=NOW))
    assert (await store.job(again.id)).state is JobState.PARKED
    assert sum(one.money for one in (await store.spent(0, NOW)).charges) == 3 * MICRO


async def waits_for_a_limit_and_goes_on(store: Store) -> None:
    purse = Purse(store)
    await purse.begin()
    ids = await purse.add("x", max_attempts=1)
    now = NOW
    for at in range(12):
        [job] = await purse.take(now=now)
        until = now + 600_000
        said = {"rate_limited": {"until": until if at else None}}
        await purse.end(job, "returned", code="rate_limited", result=said, started=now, now=now)
        stands = await store.job(ids["x"])
        if at:
            assert stands.state is JobState.PARKED or until <= stands.not_before <= until + 60_000
        now = until + 60_000
    assert (stands.state, stands.reason, stands.attempt) == (JobState.PARKED, "rate_limited 12 times", 0)
    assert (await store.retry(ids["x"], now)).waits == 0


async def never_reserves_twice(store: Store) -> None:
    """Agents that come at once are granted what there is room for and no more."""
    purse = Purse(store)
    await purse.begin(money_day=7 * MICRO)
    await purse.add(*(f"x{n}" for n in range(20)), budget={"money": "2.00"})
    agents = [await purse.agent(f"a{n}") for n in range(1, 8)]
    came = await asyncio.gather(*(purse.beat(who, 2) for who in agents))
    assert sum(len(out.granted) for out in came) == 3
    assert (await store.spent(0, NOW)).reserved == {"p": (6 * MICRO, 0)}


async def prices_are_the_fleets_and_a_projects(store: Store) -> None:
    purse = Purse(store)
    await purse.begin()
    own = parse_prices({"models": {"mini": {"input": "1", "output": "2", "cached": "0.1"}}})
    await store.set_prices("p", own, "ann", NOW)
    assert await store.prices() == {"": PRICES, "p": own}
    await purse.add("x")
    [job] = await purse.take()
    models = [{"model": "mini", "cached": 10**6}, {"model": "opus-4", "input": 10**6, "cost": 1}]
    await purse.end(job, result={"usage": {"models": models}}, started=NOW)
    assert {one.model: one.money for one in (await store.spent(0, NOW)).charges} == {"mini": 10**5, "opus-4": 5 * MICRO}
    await store.set_prices("p", Prices(), "ann", NOW)
    assert list(await store.prices()) == [""]


CHECKS: tuple[Check, ...] = (
    reserves_settles_and_releases,
    learns_what_a_kind_costs,
    stops_what_never_arrives,
    counts_a_merge_beside_what_it_cost,
    reserves_for_a_fix_what_its_job_has_left,
    reserves_for_a_review_by_a_coding_agent,
    waits_for_a_limit_and_goes_on,
    never_reserves_twice,
    prices_are_the_fleets_and_a_projects,
)
