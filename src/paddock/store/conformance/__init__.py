"""The suite that every store driver must pass: each check takes a fresh store and raises AssertionError where it fails.

A driver's tests run all of `CHECKS`; a backend exists only if every one holds. Nothing here knows which driver it is.
"""

import asyncio

from paddock.core.errors import BadInput, Conflict, NotFound, StaleSession, Unauthorised
from paddock.core.settlement import MAX_LOSSES
from paddock.core.states import AttemptState, ChangeState, JobState
from paddock.store.base import Store
from paddock.store.conformance import (
    agents,
    anomalies,
    budgets,
    chain,
    forges,
    job_news,
    licences,
    limits,
    merging,
    people,
    replicas,
    reviews,
    schedules,
    secrets,
    spending,
    state,
    tokens,
    topics,
)
from paddock.store.conformance.bench import NOW, TTL, Bench, Check, done, report
from paddock.store.records import JobFilter, Project
from paddock.wire.messages import Held, Outcome


async def submits_whole_or_nothing(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    try:
        await bench.submit({"id": "a"}, project="unknown")
        raise AssertionError("an unknown project was taken")
    except NotFound:
        assert await store.jobs(JobFilter()) == []
    ids = await bench.submit({"id": "a"}, {"id": "b", "depends_on": ["a"]})
    found = {job.name: job for job in await store.jobs(JobFilter(batch=ids[""]))}
    assert (found["a"].state, found["b"].state) == (JobState.READY, JobState.BLOCKED)
    assert [job.name for job in await store.needs(ids["b"])] == ["a"]
    assert await store.lanes(NOW) == {"p|noop|": (1, None)}


async def claims_the_most_urgent_then_the_oldest(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit({"id": "low", "priority": 2}, {"id": "old"}, {"id": "young"}, {"id": "high", "priority": 9})
    out = await bench.beat(who, 9)
    assert [job.name for job in out.granted] == ["high", "old", "young", "low"]
    assert all((job.epoch, job.attempt, job.session) == (1, 1, who[1]) for job in out.granted)


async def grants_a_job_to_one_of_many(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    agents = [await bench.agent(f"a{number}") for number in range(20)]
    ids = await bench.submit(*({"id": f"j{number}"} for number in range(5)))
    outs = await asyncio.gather(*(bench.beat(who, 2) for who in agents))
    granted = [job.id for out in outs for job in out.granted]
    assert sorted(granted) == sorted(job for name, job in ids.items() if name)


async def refuses_writes_that_are_not_current(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    first, second = await bench.agent("a"), await bench.agent("b")
    await bench.submit({"id": "x"})
    old = (await bench.beat(first, 1)).granted[0]
    assert list(await store.expire(NOW + TTL + 1)) == [old.id]
    new = (await bench.beat(second, 1)).granted[0]
    assert (new.id, new.epoch) == (old.id, old.epoch + 1)
    out = await bench.beat(first, 0, done(old), held=(Held(job=old.id, epoch=old.epoch),))
    assert out.acks == ((old.id, old.epoch, "stale_lease"),)
    assert out.stops == ((old.id, old.epoch, "stale"),)
    assert (await bench.beat(first, 0, done(new))).acks[0][2] == "stale_lease"
    # Another agent cannot end it either, not even by naming the session that holds it.
    assert (await bench.beat(first, 0, done(new, session=second[1]))).acks[0][2] == "stale_lease"
    assert (await store.job(old.id)).state is JobState.LEASED
    assert (await bench.beat(second, 0, done(new))).acks[0][2] == ""
    assert (await bench.beat(second, 0, done(new))).acks[0][2] == ""
    assert [a.state for a in await store.attempts(old.id)] == [AttemptState.LOST, AttemptState.DONE]


async def gives_back_what_never_arrived(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit({"id": "x"})
    first = await bench.beat(who, 1)
    bench.seq -= 1
    again = await bench.beat(who, 1)
    assert [(j.id, j.epoch) for j in again.granted] == [(j.id, j.epoch) for j in first.granted]
    await bench.beat(who, 0)
    job = await store.job(first.granted[0].id)
    assert (job.state, job.attempt, job.epoch) == (JobState.READY, 0, 1)


async def counts_losses_apart_and_parks(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    ids = await bench.submit({"id": "x", "max_attempts": 9})
    for number in range(MAX_LOSSES):
        assert (await bench.beat(who, 1)).granted
        await bench.boot(who[0], f"boot-{number}")
        who = (who[0], f"boot-{number}")
    job = await store.job(ids["x"])
    assert (job.state, job.losses, job.attempt) == (JobState.PARKED, MAX_LOSSES, 0)
    retried = await store.retry(job.id, NOW)
    assert (retried.state, retried.losses) == (JobState.READY, 0)


async def hears_an_old_session_before_it_gives_up_its_leases(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit({"id": "told"}, {"id": "lost"})
    told, lost = (await bench.beat(who, 2)).granted
    outcome = Outcome(job=told.id, epoch=told.epoch, status="done", session=who[1])
    given_up, acks = await bench.boot(who[0], "next", outcome)
    assert (given_up, acks) == (1, [(told.id, told.epoch, "")])
    assert (await store.job(told.id)).state is JobState.DONE
    assert (await store.job(lost.id)).state is JobState.READY
    try:
        await bench.boot(who[0], who[1])
        raise AssertionError("a session that was replaced came back")
    except StaleSession:
        pass


async def remembers_where_the_work_of_a_dead_run_is(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    first, second = await bench.agent("a"), await bench.agent("b")
    await bench.submit({"id": "x"}, {"id": "y"})
    for early in (True, False):  # found before its lease ran out, and after
        job = (await bench.beat(first, 1)).granted[0]
        found = done(job, "returned", code="recovered", wip="w" * 40)
        if early:
            assert (await bench.beat(second, 0, found)).acks == ((job.id, 1, ""),)
            assert [attempt.wip for attempt in await store.attempts(job.id)] == ["w" * 40]
        await store.expire(NOW + TTL + 1)
        if not early:
            assert (await bench.beat(second, 0, found)).acks == ((job.id, 1, ""),)
        again = (await bench.beat(second, 1)).granted[0]
        await bench.beat(second, 0, done(again))
        assert [(a.state, a.wip) for a in await store.attempts(job.id)] == [
            (AttemptState.LOST, "w" * 40),
            (AttemptState.DONE, ""),
        ]


async def tries_again_after_a_while_and_then_fails(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    ids = await bench.submit({"id": "x", "max_attempts": 2})
    await bench.run(who, status="failed", code="exit_code")
    job = await store.job(ids["x"])
    assert (job.state, job.reason) == (JobState.READY, "exit_code")
    assert job.not_before == 0 or NOW < job.not_before <= NOW + 1_000
    out = await bench.beat(who, 1, now=NOW + 2_000)
    await bench.beat(who, 0, done(out.granted[0], "failed", code="exit_code"))
    assert (await store.job(ids["x"])).state is JobState.FAILED


async def cancels_with_proof(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    ids = await bench.submit({"id": "waits", "priority": 1}, {"id": "runs", "priority": 9})
    assert (await store.cancel(ids["waits"], NOW)).state is JobState.CANCELLED
    job = (await bench.beat(who, 1)).granted[0]
    assert (await store.cancel(job.id, NOW)).cancel == "requested"
    held = Held(job=job.id, epoch=job.epoch)
    assert (await bench.beat(who, 0, held=(held,))).stops == ((job.id, job.epoch, "cancel"),)
    await bench.beat(who, 0, held=(Held(job=job.id, epoch=job.epoch, cancelling=True),))
    assert (await store.job(job.id)).cancel == "delivered"
    await bench.beat(who, 0, done(job, "cancelled", code="cancel"))
    ended = await store.job(job.id)
    assert (ended.state, ended.cancel) == (JobState.CANCELLED, "confirmed")
    try:
        await store.cancel(job.id, NOW)
        raise AssertionError("a job was cancelled twice")
    except Conflict:
        pass


async def waits_again_for_what_it_waited_for(store: Store) -> None:
    """A cancelled job that is tried anew is blocked as long as what it needs is not done."""
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    ids = await bench.submit({"id": "a"}, {"id": "b", "depends_on": ["a"]})
    await store.cancel(ids["b"], NOW)
    assert (await store.retry(ids["b"], NOW)).state is JobState.BLOCKED
    await bench.run(who)
    assert (await store.job(ids["b"])).state is JobState.READY
    await store.cancel(ids["b"], NOW)
    assert (await store.retry(ids["b"], NOW)).state is JobState.READY


async def releases_what_waited(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    first = await bench.submit({"id": "a", "priority": 9}, {"id": "b"}, {"id": "c", "depends_on": ["a", "b"]})
    later = await bench.submit({"id": "d"}, opens_batch=first[""], opens_done=2)
    assert (await store.job(later["d"])).state is JobState.BLOCKED
    assert await store.opens_after(later[""]) == (first[""], 0, 2)
    await bench.run(who)
    assert (await store.job(first["c"])).state is JobState.BLOCKED
    await bench.run(who)
    assert {(await store.job(job)).state for job in (first["c"], later["d"])} == {JobState.READY}


async def brings_a_change_to_its_merge(store: Store) -> None:
    bench = Bench(store)
    await bench.project(checks=(("true",),))
    who = await bench.agent("a")
    ids = await bench.submit(
        {"id": "x", "kind": "command", "payload": {"argv": ["true"]}}, {"id": "after", "depends_on": ["x"]}
    )
    author = (await bench.beat(who, 1)).granted[0]
    await bench.beat(who, 0, done(author, change=report(author)))
    change = (await store.changes(None, None, 9))[0]
    assert (await store.job(ids["x"])).state is JobState.IN_REVIEW
    assert len((await store.verdict(change.id)).reasons) == 2
    checked = {"green": True, "commit": change.head, "tree": change.tree, "checks": [{"green": True}]}
    await bench.run(who, result=checked)
    assert (await store.verdict(change.id)).reasons == ("no person has approved it",)
    approved = await store.decide(change.id, "me", "approve", "", NOW)
    assert approved.state is ChangeState.APPROVED
    assert await store.advance_changes(NOW) == 1  # twice is as good as once
    merge = await bench.run(who, result={"merged": "d" * 40})
    assert merge.kind == "change.merge"
    merged = await store.change(change.id)
    assert (merged.state, merged.merged_commit) == (ChangeState.MERGED, "d" * 40)
    assert (await store.job(ids["x"])).state is JobState.DONE
    assert (await store.job(ids["after"])).state is JobState.READY


async def sends_a_conflict_back(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    ids = await bench.submit({"id": "x", "kind": "command", "payload": {"argv": ["true"]}})
    author = (await bench.beat(who, 1)).granted[0]
    await bench.beat(who, 0, done(author, change=report(author)))
    first = await store.change(ids["x"])
    await store.decide(first.id, "me", "approve", "", NOW)
    await bench.run(who, status="failed", code="conflict", result={"paths": ["f"]})
    assert (await store.change(first.id)).state is ChangeState.CONFLICTED
    assert (await store.job(ids["x"])).state is JobState.CHANGES_REQUESTED
    again = (await bench.beat(who, 1)).granted[0]
    assert again.epoch == 2
    await bench.beat(who, 0, done(again, change=report(again, "e")))
    assert (await store.change(ids["x"])).id != first.id


async def merges_one_at_a_time(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit(*({"id": n, "kind": "command", "payload": {"argv": ["true"]}} for n in ("x", "y")))
    authors = (await bench.beat(who, 2)).granted
    await bench.beat(who, 0, *(done(job, change=report(job)) for job in authors))
    for change in await store.changes(None, None, 9):
        await store.decide(change.id, "me", "approve", "", NOW)
    assert (await store.lanes(NOW))["p|change.merge|"] == (1, None)
    assert len((await bench.beat(who, 5)).granted) == 1


async def redeems_a_token_once(store: Store) -> None:
    bench = Bench(store)
    await store.add_token("hash", "", NOW, NOW + TTL)
    tries = [store.redeem("hash", f"key-{number}", "n", NOW) for number in range(20)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    winners = [result for result in results if not isinstance(result, BaseException)]
    assert len(winners) == 1
    assert sum(isinstance(result, Unauthorised) for result in results) == 19
    assert sum(event.type == "token.refused" for event in await store.journal(0, None, 99)) == 19
    assert (await store.redeem("hash", winners[0].public_key, "n", NOW + 1)).id == winners[0].id
    assert [agent.id for agent in await bench.store.agents()] == [winners[0].id]


async def forgives_after_its_own_outage(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit({"id": "x"})
    await bench.beat(who, 1)
    later = NOW + 50 * TTL
    assert await store.forgive(later + TTL, later) == 1
    assert list(await store.expire(later)) == []
    assert await store.next_expiry() == later + TTL


async def keeps_each_of_the_attempts_that_end_together(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit(*({"id": f"x{at}"} for at in range(5)))
    granted = (await bench.beat(who, 5)).granted
    good = [done(job, result={"n": job.name}, spawn_ms=at, exit_code=0) for at, job in enumerate(granted[:4])]
    out = await bench.beat(who, 0, *good, done(granted[4], "failed", code="exit"), held=())
    assert {code for _, _, code in out.acks} == {""}
    for at, job in enumerate(granted[:4]):
        (attempt,) = await store.attempts(job.id)
        assert (attempt.job, attempt.epoch, attempt.agent, attempt.session) == (job.id, 1, *who)
        assert (attempt.state, attempt.result, attempt.spawn_ms) == (AttemptState.DONE, {"n": job.name}, at)
        assert attempt.settled == (await store.job(job.id)).ended == NOW
        types = [event.type for event in await store.journal(0, job.id, 99)]
        assert types == ["job.submitted", "job.leased", "attempt.done"]
    assert [a.state for a in await store.attempts(granted[4].id)] == [AttemptState.FAILED]
    again = await bench.beat(who, 0, good[0], done(granted[1], "failed"), done(granted[2], wip="w" * 40))
    assert [code for _, _, code in again.acks] == ["", "stale_lease", ""]
    assert [event.type for event in await store.journal(0, granted[2].id, 99)][-1] == "wip.kept"


async def journals_in_the_same_transaction(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    ids = await bench.submit({"id": "x"})
    await bench.run(who)
    types = [event.type for event in await store.journal(0, ids["x"], 99)]
    assert types == ["job.submitted", "job.leased", "attempt.done"]
    assert await store.last_seq() == (await store.journal(-1, None, 1))[0].seq
    try:
        await store.add_project(Project(name="p", repo="/other", branch="main", checks=(), created=NOW))
        raise AssertionError("a project's repository was changed under it")
    except BadInput:
        pass


CHECKS: tuple[Check, ...] = (
    submits_whole_or_nothing,
    claims_the_most_urgent_then_the_oldest,
    grants_a_job_to_one_of_many,
    refuses_writes_that_are_not_current,
    gives_back_what_never_arrived,
    counts_losses_apart_and_parks,
    hears_an_old_session_before_it_gives_up_its_leases,
    remembers_where_the_work_of_a_dead_run_is,
    tries_again_after_a_while_and_then_fails,
    cancels_with_proof,
    waits_again_for_what_it_waited_for,
    releases_what_waited,
    brings_a_change_to_its_merge,
    sends_a_conflict_back,
    merges_one_at_a_time,
    redeems_a_token_once,
    forgives_after_its_own_outage,
    keeps_each_of_the_attempts_that_end_together,
    journals_in_the_same_transaction,
    *agents.CHECKS,
    *replicas.CHECKS,
    *limits.CHECKS,
    *schedules.CHECKS,
    *state.CHECKS,
    *topics.CHECKS,
    *job_news.CHECKS,
    *merging.CHECKS,
    *reviews.CHECKS,
    *budgets.CHECKS,
    *spending.CHECKS,
    *forges.CHECKS,
    *chain.CHECKS,
    *tokens.CHECKS,
    *anomalies.CHECKS,
    *licences.CHECKS,
    *secrets.CHECKS,
    *people.CHECKS,
)
